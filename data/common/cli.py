"""How a command starts and ends.

A command ends with `run(main)`: a `UserError` becomes two lines and exit code 1, Ctrl-C one line and exit
code 130, SIGTERM 143, SIGHUP 129, a wrong option the usage and exit code 2. Anything else is a bug and keeps
its traceback.
"""

from __future__ import annotations

import functools
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, NoReturn, ParamSpec

import typer

from data.common.errors import UserError

P = ParamSpec("P")
Handlers = dict[signal.Signals, Any]  # as signal.getsignal gives them

INTERRUPTED = 128 + 2  # what a shell reports for a command that SIGINT ended
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, a terminal that is closed

RESUMES = "\ninterrupted: what was finished is kept, the same command goes on from there"
STARTS_AGAIN = "\ninterrupted: no half-written file is left, the same command starts over"


def install() -> None:
    """Make Ctrl-C one line while a command is still being imported, which takes seconds with PyTorch.

    Each room calls this first; while `python -m` imports a package, `sys.argv[0]` is "-m".
    """
    if sys.argv[:1] == ["-m"]:
        sys.excepthook = _report


def _report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        print("\ninterrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def reported(command: Callable[P, None], interrupted: str = RESUMES) -> Callable[P, None]:
    """Wrap a command so that a `UserError` ends it in two lines and not in a traceback.

    `interrupted` is what Ctrl-C prints, `RESUMES` or `STARTS_AGAIN`. SIGTERM and SIGHUP end the command with
    clean-up, so that no half-written file is left.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with _signals():
                command(*args, **kwargs)
        except UserError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print(interrupted, file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    return wrapped


def run(main: Callable[..., None], interrupted: str = RESUMES) -> None:
    """Run `main` as a command line made from its signature and docstring."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(reported(main, interrupted))
    app()


@contextmanager
def _signals() -> Iterator[None]:
    """End the command on a signal, even if compiled code raises another exception for it (as pandas does)."""
    received = 0

    def leave(number: int, _: FrameType | None = None) -> NoReturn:
        nonlocal received
        received = number
        # A terminal that is closed sends several, and the second would end the clean-up.
        for more in ENDS[1:] if number != signal.SIGINT else ():
            signal.signal(more, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    with handled(current_handlers(), by=leave):
        try:
            yield
        except Exception:
            if received:
                leave(received)
            raise


def current_handlers(signals: Iterable[signal.Signals] = ENDS) -> Handlers:
    """Return the handlers of these signals, without those that are ignored, as SIGHUP is under nohup."""
    handlers = {number: signal.getsignal(number) for number in signals}
    return {number: handler for number, handler in handlers.items() if handler != signal.SIG_IGN}


@contextmanager
def handled(before: Handlers, by: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals by this function within a block, and by their handlers of before after it."""
    for number in before:
        signal.signal(number, by)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
