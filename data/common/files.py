"""Files that are there whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# What a disk answers that is full, read-only or failing, or where a path leads nowhere: the user's to mend.
MENDS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "allow writing there",
    errno.EPERM: "allow writing there",
    errno.EROFS: "allow writing there",
    errno.ENOENT: "choose a folder that is there",
    errno.ENOTDIR: "choose a path that leads through folders only",
    errno.EEXIST: "choose a path that leads through folders only",
    errno.EISDIR: "choose a name that no folder has",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "mend the link, or choose another name",
}
DISK_ERRORS = {errno.EFBIG, errno.EIO, *MENDS}

# How pandas reads a column of names: a class may be called `1` or `None`.
NAMES: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into a `UserError`; what was there is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        culprit = f" at {error.filename}" if error.filename else ""
        raise UserError(
            f"{path}: cannot be written ({os.strerror(error.errno)}{culprit})",
            f"{MENDS.get(error.errno, 'check the disk')}, then repeat the command; what was there is kept.",
        ) from error


@contextmanager
def readable(path: Path, hint: str) -> Iterator[None]:
    """Turn what the disk refuses while `path` is read into a `UserError`; `hint`: if it is missing."""
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", hint) from None
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error})", "it has to be a file that may be read."
        ) from None


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, a file or folder to make; rename it if the block succeeds.

    Whatever was at `path` stays until the new one is complete; of a link, what it leads to is replaced.
    Raises `UserError` if the disk is full, or if a file cannot be there.
    """
    with disk_errors(path):
        path = _target(path)
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{kind}") for kind in ("part", "old.part"))
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            if path.is_dir():
                if not part.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                path.replace(old)  # rename() does not replace a folder that holds something
            part.replace(path)
    finally:
        _clean_up(path, part, old)


def _target(path: Path) -> Path:
    """Return the path that is to be replaced. Raises `UserError` if a pipe or a device is there."""
    target = Path(os.path.realpath(path)) if path.is_symlink() else path
    try:
        mode = target.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return target
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UserError(f"{path}: not a regular file", "name a file, or leave --output out and redirect.")
    return target


def _clean_up(path: Path, part: Path, old: Path) -> None:
    """Put the old folder back if the new one did not come; remove the rest, as far as the disk lets it."""
    with suppress(OSError):
        if old.is_dir() and not path.exists():
            old.replace(path)
    for left in (part, old):
        with suppress(OSError):
            if left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()


def check_merged(path: Path, text: str, hint: str) -> None:
    """Raise `UserError` if a text has the marks that git leaves where it could not merge two branches."""
    if any(line.startswith("<<<<<<< ") for line in text.split("\n")):
        raise UserError(f"{path}: git could not merge two branches and left its marks in it", hint)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file in one piece, on the disk before it gets its name."""
    with atomic(path) as part, part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_text(path: Path, content: str) -> None:
    r"""Write UTF-8 text with `\n` line ends, whatever the platform."""
    write_bytes(path, content.encode())


def write_json(path: Path, content: Any) -> None:
    """Write JSON with sorted keys, two spaces and a last line end; NaN is refused with `ValueError`."""
    write_text(
        path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    )


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    r"""Write a table without its index, rows in the order given, `\n` line ends."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def digest(path: Path, kind: str) -> str:
    """Return the hexadecimal checksum (`md5`, `sha256`) of a file, read in pieces."""
    checksum = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            checksum.update(piece)
    return checksum.hexdigest()
