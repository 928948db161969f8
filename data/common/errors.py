"""The error that a user can mend: what is wrong and where, what was expected, and the next step."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """A problem with its place, and a hint with the next step."""

    def __init__(self, what: str, hint: str) -> None:
        """Take both, a line each."""
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        """Return both lines as they are shown."""
        return f"error: {self.what}\nhint: {self.hint}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint: the known word that was probably meant, or all of them when none is near."""
    words = sorted(known)
    near = get_close_matches(word, words, n=1)
    return f"did you mean {near[0]}?" if near else f"known are: {', '.join(words) or 'none'}"


def some(names: Sequence[str], most: int = 5) -> str:
    """Return the first names of a list for a message, and how many more there are."""
    rest = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest
