"""A folder of the user's own pictures: any format that Pillow reads, made into plain 8-bit RGB pictures.

A picture's new name comes from the checksum of its file (`picture-1f3a5c7e9b02`), so it is neutral, unique,
and stays the same when other pictures come or go; `sha256sum` on the originals finds it again.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from data import decode
from data.errors import UserError
from data.files import digest
from data.folders import Problem, pictures_in
from data.progress import track

DIGITS = 12  # of the checksum: 48 bits, so that two names among a million files agree once in 500 such sets


def find(folder: Path, count: int) -> dict[str, Path]:
    """Return new name to file, for every different picture in a folder and those below it, sorted by path.

    Of files with the same bytes the first one counts. Raises `UserError` if the folder is missing, holds a
    file that is no picture, or holds fewer than `count` different pictures.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder", "set annotate.source in params.yaml to data/sample or to a folder."
        )
    paths = sorted(Path(_found(one)) for one in pictures_in(str(folder)))
    found: dict[str, Path] = {}
    with decode.decoding():
        for path in track(paths, "looking at pictures", len(paths), "files"):
            with decode.opened(path):
                found.setdefault(f"picture-{digest(path, 'sha256')[:DIGITS]}", path)
    if len(found) < count:
        raise UserError(
            f"{folder}: holds {len(found)} different pictures in {len(paths)} files; expected {count}",
            f"add pictures, or set annotate.pictures in params.yaml to {len(found)} or less.",
        )
    return found


def _found(one: str | Problem) -> str:
    if isinstance(one, Problem):
        raise UserError(f"{one}", "add pictures, or move what is none of them out of the folder.")
    return one


def read(path: Path) -> Image.Image:
    """Decode a picture as it is shown, 8-bit RGB. Raises `UserError` if it cannot be decoded."""
    with decode.decoding():
        return decode.read(path)
