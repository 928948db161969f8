"""Stopping in good order: what asks for the end of a run gets it after the present step.

That is Ctrl-C, SIGTERM as a cluster sends it, or SIGHUP as a terminal that is closed and a connection that
is lost do.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType

from data.common.cli import RESUMES, current_handlers, handled


@dataclass
class Stop:
    """Whether somebody asked the run to stop, and how."""

    asked: int = 0  # the signal's number

    def obey(self, asked: int) -> None:
        """End the process if a signal asks for it: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        if asked == signal.SIGINT:
            raise KeyboardInterrupt
        if asked:
            with suppress(OSError):  # the reader of it may have got the signal, too
                print(RESUMES, file=sys.stderr, flush=True)  # as whoever reports Ctrl-C says
            raise SystemExit(128 + asked)


@contextmanager
def stoppable(patient: bool = False) -> Iterator[Stop]:
    """Note the first signal instead of dying of it; a second Ctrl-C or SIGTERM acts at once, as always.

    `patient` ignores it, too: torchrun passes on what each of its processes may have got already. SIGHUP
    never acts at once, since the terminal, its shell and the system all send one. What is ignored already,
    as SIGHUP under nohup, stays ignored. Python raises KeyboardInterrupt wherever it is, even where
    exceptions are swallowed, as in a finaliser.
    """
    stop = Stop()
    before = current_handlers()

    def note(number: int, _: FrameType | None) -> None:
        stop.asked = stop.asked or number
        more = "" if patient or number == signal.SIGHUP else "; once more to stop at once"
        with suppress(OSError):
            print(f"\nstopping after this step{more}", file=sys.stderr, flush=True)
        if number == signal.SIGHUP:
            _drop_lost_output()
        elif not patient:
            for other in before.keys() - {signal.SIGHUP}:
                signal.signal(other, before[other])

    with handled(before, by=note):
        yield stop


def _drop_lost_output() -> None:
    """Write nowhere what would go to a terminal that is gone, or into a pipe that nobody reads any more."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        lost = select.poll()
        for stream in (1, 2):
            lost.register(stream, 0)  # whatever is asked for, it tells of errors
        for stream, _ in lost.poll(0):
            os.dup2(nowhere, stream)
        os.close(nowhere)
