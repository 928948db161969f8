"""Ctrl-C before a stage has begun: importing PyTorch takes seconds, and a traceback of it helps nobody."""

from __future__ import annotations

import sys
from types import TracebackType

GOES_ON = "\ninterrupted: what was finished is kept, the same command goes on from there"
STARTS_AGAIN = "\ninterrupted: no half-written file is left, the same command starts over"
UNKNOWN = "\ninterrupted"  # before the command has said which of the two it does


def install() -> None:
    """Make an interruption one line where a module is run as a command; elsewhere change nothing.

    Each room calls this first of all. While `python -m` imports a package, the name of the command is "-m".
    """
    if sys.argv[:1] == ["-m"]:
        sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print(UNKNOWN, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
