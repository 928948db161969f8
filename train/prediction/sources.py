"""The image files that names mean: files, folders and patterns.

A name is kept as it was given; an image within a folder is called FOLDER/PATH, so that it can be opened from
where the command was typed.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from data.images.walk import Skipped, images_in, reason


def find(names: Iterable[str]) -> tuple[list[str], list[Skipped]]:
    """Return the image files in the order of their names, and which names lead to none."""
    entries = [entry for name in names for entry in _named(name) or _matching(name)]
    files = [entry for entry in entries if isinstance(entry, str)]
    return files, [entry for entry in entries if isinstance(entry, Skipped)]


def _named(name: str) -> list[str | Skipped]:
    """Return the file of a name, or the images of a folder; nothing if there is neither."""
    try:
        if name and Path(name).is_dir():
            return list(images_in(name))
        return [name] if Path(name).is_file() else []
    except OSError as error:
        return [Skipped(name, reason(error))]


def _matching(pattern: str) -> list[str | Skipped]:
    """Return each file that matches a pattern once, and those of the folders that do."""
    # pathlib's * matches hidden files as well, a shell's does not.
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if "**" in Path(pattern).parts:  # matches what is in its folders, too
        names = [name for name in names if not Path(name).is_dir()] or names
    why = "no file matches this pattern" if glob.has_magic(pattern) else "no such file or folder"
    return [*dict.fromkeys(entry for name in names for entry in _named(name))] or [Skipped(pattern, why)]
