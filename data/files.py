"""Files that are there whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

# What a full, read-only or failing disk answers: the user's to mend, not a bug.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.EACCES}
MENDS = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EACCES: "allow writing there",
    errno.EROFS: "allow writing there",
}


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk refuses while `path` is written into a `UserError`."""
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
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, a file or folder to make; rename it if the block succeeds.

    Whatever was at `path` stays until the new one is complete. Raises `UserError` if the disk is full.
    """
    part, old = (path.with_name(f".{path.name}.{os.getpid()}.{kind}") for kind in ("part", "old.part"))
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield part
            if path.is_dir():
                path.replace(old)  # rename() does not replace a folder that holds something
            part.replace(path)
    finally:
        if old.is_dir() and not path.exists():
            old.replace(path)
        for left in (part, old):
            if left.is_dir():
                shutil.rmtree(left)
        part.unlink(missing_ok=True)


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
