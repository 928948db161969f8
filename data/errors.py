"""What a user reads when something is wrong, and how a command ends.

A stage ends with `run(main)`: a `UserError` becomes two lines and exit code 1, Ctrl-C one line and exit
code 130, SIGTERM 143, SIGHUP 129, a wrong option the usage and exit code 2. Anything else is a bug and
keeps its traceback.
"""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, ParamSpec

import typer

from data.interrupt import GOES_ON

P = ParamSpec("P")
Handlers = dict[signal.Signals, Any]  # as signal.getsignal gives them

INTERRUPTED = 128 + 2  # what a shell reports for a command that SIGINT ended
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # what a disk answers that takes no more
ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # Ctrl-C, `kill`, a terminal that is closed


class UserError(Exception):
    """Something that the user can mend: what was found and where, what was expected, and what to do next."""

    def __init__(self, what: str, hint: str) -> None:
        """Take the problem, with its place, in one line, and the next command or step."""
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        """Return both lines as they are shown."""
        return f"error: {self.what}\nhint: {self.hint}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which of the known words was probably meant, or list them all when none is near."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(words) or 'none'}"


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of a list for a message, and how many more there are."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def reported(command: Callable[P, None], interrupted: str = GOES_ON) -> Callable[P, None]:
    """Wrap a command so that what a user can cause ends in two lines and not in a traceback.

    `interrupted` is what Ctrl-C says, one of the sentences in `data.interrupt`. SIGTERM and SIGHUP end the
    command with clean-up, where else they would leave what is half written.
    """

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        if sys.stderr is None:  # closed, as by 2>&-; `print` would take standard output, where answers go
            sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 (open to the end)
        try:
            with _signals():
                command(*args, **kwargs)
                if sys.stdout is not None:
                    sys.stdout.flush()  # what cannot be written is to be told here, not where Python ends
        except UserError as error:
            print(error, file=sys.stderr)
            _let_go()
            raise typer.Exit(1) from None
        except OSError as error:
            # With files `data.files` makes a UserError of it: what is left is the output.
            if error.errno not in FULL or error.filename:
                raise
            what = f"standard output: cannot be written ({os.strerror(error.errno)})"
            with suppress(OSError):
                print(UserError(what, "free some space, then repeat the command."), file=sys.stderr)
            _let_go()
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            with suppress(OSError):  # the reader of it may have got the signal, too
                print(interrupted, file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    return wrapped


def _let_go() -> None:
    """Write what is left for standard output, or nowhere: it would fail once more when Python ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        if sys.stdout is sys.__stdout__:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)


def run(main: Callable[..., None], interrupted: str = GOES_ON) -> None:
    """Run `main` as a command line made from its signature and docstring."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(reported(main, interrupted))
    app()


@contextmanager
def _signals() -> Iterator[None]:
    """Let a signal that asks for the end bring it, whatever other exception is made of it on its way.

    It may come while compiled code asks for an answer that it takes an exception for, as pandas does where
    it asks whether a value can be iterated over: what comes out of there is some other error. So after a
    signal no error is shown, whichever it is.
    """
    came = 0

    def leave(number: int, _: FrameType | None = None) -> NoReturn:
        nonlocal came
        came = number
        # A terminal that is closed sends several, and the second would end the clean-up.
        for more in ENDS[1:] if number != signal.SIGINT else ():
            signal.signal(more, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    with handled(heard(), by=leave):
        try:
            yield
        except Exception:
            if came:
                leave(came)
            raise


def heard(signals: Iterable[signal.Signals] = ENDS) -> Handlers:
    """Return how these signals are handled now, without those that are ignored, as SIGHUP is under nohup."""
    found = {number: signal.getsignal(number) for number in signals}
    return {number: handler for number, handler in found.items() if handler != signal.SIG_IGN}


@contextmanager
def handled(before: Handlers, by: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals by this function within a block, and after it as `heard` said."""
    for number in before:
        signal.signal(number, by)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
