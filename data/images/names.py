"""Image files by the names that people and tools have for them: any end of a path, with or without suffix.

The rule in one place: `a/b.png` may be called `a/b.png`, `a/b`, `b.png` or `b`, and the longest end decides.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Generic, TypeVar

Value = TypeVar("Value")


def endings(path: str) -> Iterator[str]:
    """Yield every end of a path that may stand for an image, longest first, with and without its suffix.

    `a/b.png` is `a/b.png`, `a/b`, `b.png` and `b`. Names are compared in Unicode's composed form.
    """
    parts = unicodedata.normalize("NFC", path).split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        if PurePosixPath(end).name:
            yield from dict.fromkeys((end, str(PurePosixPath(end).with_suffix(""))))


class NameIndex(Generic[Value]):
    """Values of image files, which are found by any end of their path."""

    def __init__(self) -> None:
        """Begin without any file."""
        self._values: dict[str, dict[Value, None]] = {}  # for each end: its values, in the order of adding

    def add(self, path: str, value: Value) -> None:
        """Add a file's value; a value may have several paths, and a path several values."""
        for end in endings(path):
            self._values.setdefault(end, {})[value] = None

    def find(self, name: str) -> tuple[str, tuple[Value, ...]]:
        """Return the longest end of a name that is known, and its values: several if it is ambiguous.

        Of a name that is not known, an empty end and no value.
        """
        for end in endings(name):
            if end in self._values:
                return end, tuple(self._values[end])
        return "", ()
