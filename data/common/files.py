"""Files that are written whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.common.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

DISK_HINTS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "allow writing there",
    errno.EPERM: "allow writing there",
    errno.EROFS: "allow writing there",
    errno.EISDIR: "choose a name that no folder has",
}
PATH_ERRORS = (errno.EEXIST, errno.ELOOP, errno.ENAMETOOLONG, errno.ENOENT, errno.ENOTDIR)
DISK_ERRORS = {*DISK_HINTS, *PATH_ERRORS, errno.EFBIG, errno.EIO}  # any other error is a bug

# How pandas reads a column of names: a class may be called `1` or `None`.
NAMES: dict[str, Any] = {"keep_default_na": False, "na_values": [""]}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn a disk error while `path` is written into a `UserError`."""
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_ERRORS:
            raise
        culprit = f" at {error.filename}" if error.filename else ""
        hint = DISK_HINTS.get(error.errno, "check the path and the disk")
        raise UserError(
            f"{path}: cannot be written ({os.strerror(error.errno)}{culprit})",
            f"{hint}, then repeat the command; what was there is kept.",
        ) from error


@contextmanager
def readable(path: Path, hint: str) -> Iterator[None]:
    """Turn an error while `path` is read into a `UserError`; `hint` is for a missing file."""
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

    What was at `path` stays until the new one is complete; of a link, its target is replaced. Raises
    `UserError` for a disk error, and for a device or pipe.
    """
    with disk_errors(path):
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        if target.exists() and not (target.is_file() or target.is_dir()):
            raise UserError(f"{path}: not a regular file", "name a file, or leave --output out and redirect.")
    part, old = (target.with_name(f".{target.name}.{os.getpid()}.{kind}") for kind in ("part", "old.part"))
    try:
        with disk_errors(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            yield part
            if target.is_dir():
                if not part.is_dir():
                    raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
                target.replace(old)  # rename() does not replace a folder that holds something
            part.replace(target)
    finally:
        with suppress(OSError):  # the new folder could not be renamed
            if old.is_dir() and not target.exists():
                old.replace(target)
        for remainder in (part, old):
            shutil.rmtree(remainder, ignore_errors=True)
            with suppress(OSError):
                remainder.unlink()


def check_merged(path: Path, text: str, hint: str) -> None:
    """Raise `UserError` if a text has the marks of a merge conflict of git."""
    if any(line.startswith("<<<<<<< ") for line in text.split("\n")):
        raise UserError(f"{path}: git could not merge two branches and left its marks in it", hint)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically, on the disk before it gets its name."""
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
