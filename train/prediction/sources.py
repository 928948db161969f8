"""The image files that somebody means: files, folders, patterns, and lists of them.

A name is kept as it was given; an image within a folder is called FOLDER/PATH, so that it can be opened from
where the command was typed. Only the names of one folder (data/folders.py), or of one pattern, are in
memory at a time. A pattern gives each file once.
"""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from data.images.walk import Skipped, images_in, reason

LIST = "-"  # stands for a list on standard input


def listed(source: BinaryIO) -> list[str]:
    """Return the names on a list: one a line or, as from find -print0, each ended by a zero byte."""
    content = source.read().removeprefix(codecs.BOM_UTF8)
    parts = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def find(given: Iterable[str], on_list: Sequence[str] = ()) -> Iterator[str | Skipped]:
    """Yield each image file that is meant, and a problem for each argument that leads to none.

    `on_list` is what "-" stands for.
    """
    for one in given:
        if one == LIST:
            for name in on_list:
                yield from _named(name) or [_nothing(name)]
            if not on_list:
                yield Skipped("standard input", "no name on the list")
        else:
            yield from _named(one) or _matching(one)


def without(output: Path, found: Iterable[str | Skipped]) -> Iterator[str | Skipped]:
    """Yield what was found but the file that the answers go to, which a run before may have left there."""
    names = {output.name, Path(os.path.realpath(output)).name}
    for one in found:
        if isinstance(one, Skipped) or Path(one).name not in names or not same(one, output):
            yield one


def same(name: str, output: Path) -> bool:
    """Say whether a name leads to the file that the answers go to."""
    try:
        return Path(name).samefile(output)
    except (OSError, ValueError):
        return False


def is_file(name: str) -> bool:
    """Say whether a name is that of a file."""
    try:
        return bool(name) and Path(name).is_file()
    except (OSError, ValueError):
        return False


def _named(name: str) -> Iterable[str | Skipped]:
    """Return what a name leads to; nothing if there is no such file or folder."""
    if not name:
        return []  # pathlib takes it for the current folder
    path = Path(name)
    try:
        if path.is_dir():
            return images_in(name)
        if path.is_file():
            return [name]
        return [Skipped(name, "neither a file nor a folder")] if path.exists() else []
    except (OSError, ValueError) as error:
        return [Skipped(name, reason(error))]


def _nothing(name: str) -> Skipped:
    return Skipped(name, "no such file or folder")


def _matching(pattern: str) -> Iterator[str | Skipped]:
    if not glob.has_magic(pattern):
        yield _nothing(pattern)
        return
    # pathlib's * matches hidden files as well, a shell's does not.
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if "**" in Path(pattern).parts:  # what is in a folder that ** matches, it matches by itself
        names = [name for name in names if not Path(name).is_dir()] or names
    yield from _once(
        one for name in names for one in _named(name) or [Skipped(name, "a link that leads nowhere")]
    )
    if not names:
        yield Skipped(pattern, "no file matches this pattern")


def _once(found: Iterable[str | Skipped]) -> Iterator[str | Skipped]:
    seen: set[str | Skipped] = set()
    for one in found:
        if one not in seen:
            seen.add(one)
            yield one
