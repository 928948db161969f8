"""The picture files that somebody means: files, folders, patterns, and lists of them.

A name is kept as it was given; a picture within a folder is called FOLDER/PATH, so that it can be opened from
where the command was typed. Folders are walked one at a time, each with its own files first, sorted by name;
links to folders are followed. Hidden files and what a file manager leaves behind are passed over, everything
else in a folder is taken for a picture. Only the names of one folder, or of one pattern, are in memory at a
time. A pattern gives each file once.
"""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from data.decode import is_hidden

LIST = "-"  # stands for a list on standard input

Place = tuple[int, int]  # device and number of a folder, which a second path to it shares


@dataclass(frozen=True)
class Problem:
    """Something that could not be used: what it is called, and why."""

    name: str
    why: str

    def __str__(self) -> str:
        """Return both in a line, whatever characters the name has."""
        return f"{shown(self.name) or repr('')}: {shown(self.why)}"


@dataclass(frozen=True)
class Remark:
    """Something to know that is no problem."""

    text: str


def shown(text: str) -> str:
    """Return text for one line of a terminal: what cannot be printed is escaped."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def listed(source: BinaryIO) -> list[str]:
    """Return the names on a list: one a line or, as from find -print0, each ended by a zero byte."""
    content = source.read().removeprefix(codecs.BOM_UTF8)
    parts = content.split(b"\0") if b"\0" in content else content.splitlines()
    return [os.fsdecode(part) for part in parts if part]


def find(given: Iterable[str], on_list: Sequence[str] = ()) -> Iterator[str | Problem]:
    """Yield each picture file that is meant, and a problem for each argument that leads to none.

    `on_list` is what "-" stands for.
    """
    for one in given:
        if one == LIST:
            for name in on_list:
                yield from _named(name) or [_nothing(name)]
            if not on_list:
                yield Problem("standard input", "no name on the list")
        else:
            yield from _named(one) or _matching(one)


def without(output: Path, found: Iterable[str | Problem]) -> Iterator[str | Problem]:
    """Yield what was found but the file that the answers go to, which a run before may have left there."""
    names = {output.name, Path(os.path.realpath(output)).name}
    for one in found:
        if isinstance(one, Problem) or Path(one).name not in names or not same(one, output):
            yield one


def same(name: str, output: Path) -> bool:
    """Say whether a name leads to the file that the answers go to."""
    try:
        return Path(name).samefile(output)
    except (OSError, ValueError):
        return False


def _named(name: str) -> Iterable[str | Problem]:
    """Return what a name leads to; nothing if there is no such file or folder."""
    if not name:
        return []  # pathlib takes it for the current folder
    path = Path(name)
    try:
        if path.is_dir():
            return _folder(name)
        if path.is_file():
            return [name]
        return [Problem(name, "neither a file nor a folder")] if path.exists() else []
    except (OSError, ValueError) as error:
        return [Problem(name, _reason(error))]


def _nothing(name: str) -> Problem:
    return Problem(name, "no such file or folder")


def _matching(pattern: str) -> Iterator[str | Problem]:
    if not glob.has_magic(pattern):
        yield _nothing(pattern)
        return
    # pathlib's * matches hidden files as well, a shell's does not.
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if "**" in Path(pattern).parts:  # what is in a folder that ** matches, it matches by itself
        names = [name for name in names if not Path(name).is_dir()] or names
    yield from _once(
        one for name in names for one in _named(name) or [Problem(name, "a link that leads nowhere")]
    )
    if not names:
        yield Problem(pattern, "no file matches this pattern")


def _once(found: Iterable[str | Problem]) -> Iterator[str | Problem]:
    seen: set[str | Problem] = set()
    for one in found:
        if one not in seen:
            seen.add(one)
            yield one


def _folder(top: str) -> Iterator[str | Problem]:
    """Yield the pictures in a folder and those below it."""
    found = 0
    todo: list[tuple[str, frozenset[Place]]] = [(top, frozenset())]
    while todo:
        folder, above = todo.pop()
        try:
            files, below, others = _entries(folder)
            status = Path(folder).stat()
        except OSError as error:
            found += 1
            yield Problem(folder, _reason(error))
            continue
        here = (status.st_dev, status.st_ino)
        if here in above:
            found += 1
            yield Problem(folder, "a link back to a folder above it")
            continue
        found += len(files) + len(others)
        yield from files
        yield from others
        todo += [(one, above | {here}) for one in reversed(below)]
    if not found:
        yield Problem(top, "no picture in this folder")


def _entries(folder: str) -> tuple[list[str], list[str], list[Problem]]:
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
                    others.append(Problem(entry.path, what))
            except OSError as error:
                others.append(Problem(entry.path, _reason(error)))
    return sorted(files), sorted(below), sorted(others, key=lambda one: one.name)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
