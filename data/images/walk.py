"""The image files in a folder and the folders below it, for every command that takes a folder.

A folder's own files come first, sorted by name, then the folders in it. Links to folders are followed. Hidden
files and what a file manager leaves behind are ignored; every other file is taken for an image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.images.decode import is_hidden

FolderId = tuple[int, int]  # device and inode


@dataclass(frozen=True)
class Skipped:
    """A file or folder that was skipped, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        """Return both in a line."""
        return f"{self.name or repr('')}: {self.why}"


def images_in(top: str) -> Iterator[str | Skipped]:
    """Yield the path of each file in a folder and those below it, and what was skipped."""
    empty = True
    folders: list[tuple[str, frozenset[FolderId]]] = [(top, frozenset())]
    while folders:
        folder, above = folders.pop()
        try:
            status = Path(folder).stat()
            if (status.st_dev, status.st_ino) in above:
                raise OSError("a link back to a folder above it")
            files, subfolders = _entries(folder)
        except OSError as error:
            empty = False
            yield Skipped(folder, reason(error))
            continue
        empty &= not files
        yield from files
        above |= {(status.st_dev, status.st_ino)}
        folders += [(path, above) for path in reversed(subfolders)]
    if empty:
        yield Skipped(top, "no image in this folder")


def _entries(folder: str) -> tuple[list[str | Skipped], list[str]]:
    """Return the files of a folder, or why they are skipped, and the folders in it; sorted by name."""
    files: list[str | Skipped] = []
    subfolders: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if is_hidden(entry.name):
                continue
            try:
                if entry.is_dir():
                    subfolders.append(entry.path)
                elif entry.is_file():
                    files.append(entry.path)
                else:
                    broken = "a link that leads nowhere" if entry.is_symlink() else "not a file"
                    files.append(Skipped(entry.path, broken))
            except OSError as error:
                files.append(Skipped(entry.path, reason(error)))
    return files, subfolders


def reason(error: Exception) -> str:
    """Return why a file or folder could not be opened, without its name."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
