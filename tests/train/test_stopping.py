from __future__ import annotations

import signal

import pytest

from data.interrupt import GOES_ON
from train.stopping import stoppable


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
    assert (GOES_ON in capsys.readouterr().err) == (number == signal.SIGTERM)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_acts_at_once() -> None:
    with stoppable():
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_afterwards_the_handlers_are_those_of_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
