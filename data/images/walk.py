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
    empty, errors = True, list[OSError]()
    for folder, subfolders, files in os.walk(top, onerror=errors.append, followlinks=True):
        subfolders[:] = sorted(name for name in subfolders if not is_hidden(name))
        paths = [Path(folder, name) for name in sorted(files) if not is_hidden(name)]
        empty &= not paths
        yield from (str(path) if path.is_file() else Skipped(str(path), _what(path)) for path in paths)
        for path in [Path(folder, name) for name in subfolders]:
            if path.is_symlink() and Path(folder).resolve().is_relative_to(path.resolve()):
                subfolders.remove(path.name)
                yield Skipped(str(path), "a link back to a folder above it")
    yield from (Skipped(str(error.filename), reason(error)) for error in errors)
    if empty and not errors:
        yield Skipped(top, "no image in this folder")


def _what(path: Path) -> str:
    return "a link that leads nowhere" if path.is_symlink() else "not a file"


def reason(error: Exception) -> str:
    """Return why a file or folder could not be opened, without its name."""
    return (isinstance(error, OSError) and error.strerror) or str(error)
