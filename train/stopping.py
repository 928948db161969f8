"""Stopping in good order: Ctrl-C, or SIGTERM as a cluster sends it, ends a run after its present step."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from data.interrupt import GOES_ON

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Stop:
    """Whether somebody asked the run to stop, and how."""

    asked: int = 0  # the signal's number

    def obey(self, asked: int) -> None:
        """End the process if a signal asks for it: exit code 130 after Ctrl-C, 143 after SIGTERM."""
        if asked == signal.SIGINT:
            raise KeyboardInterrupt
        if asked:
            with suppress(OSError):  # the reader of it may have got the signal, too
                print(GOES_ON, file=sys.stderr, flush=True)  # as whoever reports Ctrl-C says
            raise SystemExit(128 + asked)


@contextmanager
def stoppable(patient: bool = False) -> Iterator[Stop]:
    """Note the first signal instead of dying of it; a second one acts at once, as it always does.

    `patient` ignores it, too: torchrun passes on what each of its processes may have got already.
    Python raises KeyboardInterrupt wherever it is, even where exceptions are swallowed, as in a finaliser.
    """
    stop = Stop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        stop.asked = number
        if not patient:
            restore()
        more = "" if patient else "; once more to stop at once"
        print(f"\nstopping after this step{more}", file=sys.stderr, flush=True)

    for number in SIGNALS:
        signal.signal(number, note)
    try:
        yield stop
    finally:
        restore()
