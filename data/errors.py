"""What a user reads when something is wrong, and how a command ends.

A stage ends with `run(main)`: a `UserError` becomes two lines and exit code 1, Ctrl-C one line and exit
code 130, a wrong option the usage and exit code 2. Anything else is a bug and keeps its traceback.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import ParamSpec

import typer

from data.interrupt import MESSAGE

P = ParamSpec("P")

INTERRUPTED = 128 + 2  # what a shell reports for a command that SIGINT ended


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


def reported(command: Callable[P, None]) -> Callable[P, None]:
    """Wrap a command so that what a user can cause ends in two lines and not in a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except UserError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            print(MESSAGE, file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    return wrapped


def run(main: Callable[..., None]) -> None:
    """Run `main` as a command line made from its signature and docstring."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(reported(main))
    app()
