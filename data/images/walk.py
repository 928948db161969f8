"""The images in a folder and those below it, as everything here that takes a folder finds them.

Folders are walked one at a time, each with its own files first, sorted by name; links to folders are
followed. Hidden files and what a file manager leaves behind are passed over, everything else is taken for a
image. Only the names of one folder are in memory at a time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.images.decode import is_hidden

Place = tuple[int, int]  # device and number of a folder, which a second path to it shares


@dataclass(frozen=True)
class Skipped:
    """Something that could not be used: what it is called, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        """Return both in a line, whatever characters the name has."""
        return f"{shown(self.name) or repr('')}: {shown(self.why)}"


def shown(text: str) -> str:
    """Return text for one line of a terminal: what cannot be printed is escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def images_in(top: str) -> Iterator[str | Skipped]:
    """Yield the images in a folder and those below it, and a problem for what cannot be one."""
    found = 0
    todo: list[tuple[str, frozenset[Place]]] = [(top, frozenset())]
    while todo:
        folder, above = todo.pop()
        try:
            files, below, others = _entries(folder)
            status = Path(folder).stat()
        except OSError as error:
            found += 1
            yield Skipped(folder, reason(error))
            continue
        here = (status.st_dev, status.st_ino)
        if here in above:
            found += 1
            yield Skipped(folder, "a link back to a folder above it")
            continue
        found += len(files) + len(others)
        yield from files
        yield from others
        todo += [(one, above | {here}) for one in reversed(below)]
    if not found:
        yield Skipped(top, "no image in this folder")


def _entries(folder: str) -> tuple[list[str], list[str], list[Skipped]]:
    """Return the files of a folder, the folders in it, and what is neither; sorted by name."""
    files, below, others = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            try:
                if entry.is_dir():
                    below.append(entry.path)
                elif entry.is_file():
                    files.append(entry.path)
                else:
                    what = "a link that leads nowhere" if entry.is_symlink() else "not a file"
                    others.append(Skipped(entry.path, what))
            except OSError as error:
                others.append(Skipped(entry.path, reason(error)))
    return sorted(files), sorted(below), sorted(others, key=lambda one: one.name)


def reason(error: Exception) -> str:
    """Return why a file or folder could not be opened, without its name."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
