from __future__ import annotations

import signal

import pytest

from data.common import cli
from train.core.training import Stop, stoppable


def test_a_signal_that_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop == Stop()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("signals", "at_once", "code"),
    [
        ([signal.SIGINT], False, 130),
        ([signal.SIGTERM], False, 143),
        ([signal.SIGINT, signal.SIGINT], True, 130),
        ([signal.SIGTERM, signal.SIGTERM], True, 143),
        ([signal.SIGHUP, signal.SIGHUP], False, 129),  # of the terminal and of its shell
        ([signal.SIGTERM, signal.SIGHUP], False, 143),  # of a system that shuts down
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGHUP], False, 129),
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGTERM], True, 143),
    ],
)
def test_a_signal_is_obeyed_after_the_step_and_a_second_but_sighup_at_once(
    signals: list[signal.Signals], at_once: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, before = [], signal.getsignal(signal.SIGTERM)

    def command() -> None:
        with stoppable() as stop:
            for number in signals:
                signal.raise_signal(number)
            steps.append("ended")
            stop.obey(stop.received)

    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(SystemExit) as end:
        cli.run(command)
    assert end.value.code == code
    assert (not steps) == at_once
    assert signal.getsignal(signal.SIGTERM) is before
