from __future__ import annotations

import signal

import pytest

from data.common import cli
from data.common.cli import RESUMES
from train.core.training import Stop, stoppable


def test_without_a_signal_nothing_ends() -> None:
    with stoppable() as stop:
        stop.obey(stop.received)


@pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_noted_and_obeyed_later(
    number: signal.Signals, ends: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    with stoppable() as stop:
        signal.raise_signal(number)
        assert stop.received == number
        with pytest.raises(ends):
            stop.obey(stop.received)
    # Ctrl-C is reported by the command line.
    assert (RESUMES in capsys.readouterr().err) == (number == signal.SIGTERM)


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
        ([signal.SIGINT, signal.SIGINT], True, 130),
        ([signal.SIGTERM, signal.SIGTERM], True, 143),
        ([signal.SIGHUP, signal.SIGHUP], False, 129),  # of the terminal and of its shell
        ([signal.SIGTERM, signal.SIGHUP], False, 143),  # of a system that shuts down
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGHUP], False, 129),
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGTERM], True, 143),
    ],
)
def test_a_second_signal_ends_at_once_but_not_sighup(
    signals: list[signal.Signals], at_once: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

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


def test_afterwards_the_handlers_are_those_of_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
