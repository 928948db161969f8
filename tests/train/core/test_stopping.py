from __future__ import annotations

import signal
import subprocess

import pytest

from data.common import cli
from data.common.cli import RESUMES
from tests.tiny import start
from train.core.stopping import stoppable


def test_nobody_asked() -> None:
    with stoppable() as stop:
        stop.obey(stop.asked)


@pytest.mark.parametrize(
    ("number", "ends"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_noted_and_obeyed_when_it_suits(
    number: signal.Signals, ends: type[BaseException], capsys: pytest.CaptureFixture[str]
) -> None:
    with stoppable() as stop:
        signal.raise_signal(number)
        assert stop.asked == number
        with pytest.raises(ends):
            stop.obey(stop.asked)
    # After Ctrl-C the one who reports it says so.
    assert (RESUMES in capsys.readouterr().err) == (number == signal.SIGTERM)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize(
    ("signals", "at_once", "code"),
    [
        ([signal.SIGINT, signal.SIGINT], True, 130),
        ([signal.SIGTERM, signal.SIGTERM], True, 143),
        ([signal.SIGHUP, signal.SIGHUP], False, 129),  # of the terminal and of its shell
        ([signal.SIGTERM, signal.SIGHUP], False, 143),  # of a system that goes down
        ([signal.SIGINT, signal.SIGHUP], False, 130),
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGHUP], False, 129),
        ([signal.SIGHUP, signal.SIGTERM, signal.SIGTERM], True, 143),
    ],
)
def test_what_is_told_twice_to_end_does_at_once_but_for_a_terminal_that_is_closed(
    signals: list[signal.Signals], at_once: bool, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def command() -> None:
        with stoppable() as stop:
            for number in signals:
                signal.raise_signal(number)
            steps.append("ended")
            stop.obey(stop.asked)

    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(SystemExit) as end:
        cli.run(command)
    assert end.value.code == code
    assert (not steps) == at_once


# Told by SIGHUP that its terminal is gone, where its output goes into a pipe that may have gone with it.
HUNG_UP = """
import signal
from train.core.stopping import stoppable
with stoppable() as stop:
    input()
    signal.raise_signal(signal.SIGHUP)
    print("the checkpoint is written", flush=True)
    stop.obey(stop.asked)
"""


@pytest.mark.parametrize("there", [True, False])
def test_what_is_written_after_it_goes_nowhere_only_if_nobody_reads_it(there: bool) -> None:
    process = start("-c", HUNG_UP, stdin=subprocess.PIPE)
    assert process.stdout is not None
    if not there:
        process.stdout.close()
        process.stdout = None
    said, complaints = process.communicate("go on\n", timeout=60)
    assert process.returncode == 129
    assert said == ("the checkpoint is written\n" if there else None)
    assert complaints == f"\nstopping after this step\n{RESUMES}\n"


def test_afterwards_the_handlers_are_those_of_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
