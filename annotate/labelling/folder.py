"""A folder of the user's own images: any format that Pillow reads, made into plain 8-bit RGB images.

An image's new name comes from the checksum of its file (`image-1f3a5c7e9b02`), so it is neutral, unique,
and stays the same when other images come or go; `sha256sum` on the originals finds it again.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from data.common.errors import UserError
from data.common.files import digest
from data.common.progress import track
from data.images import decode
from data.images.walk import Skipped, images_in

DIGITS = 12  # of the checksum: 48 bits, so that two names among a million files agree once in 500 such sets


def find(folder: Path, count: int) -> dict[str, Path]:
    """Return new name to file, for every different image in a folder and those below it, sorted by path.

    Of files with the same bytes the first one counts. Raises `UserError` if the folder is missing, holds a
    file that is no image, or holds fewer than `count` different images.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder", "set annotate.source in params.yaml to data/sample or to a folder."
        )
    paths = sorted(Path(_found(one)) for one in images_in(str(folder)))
    found: dict[str, Path] = {}
    with decode.decoding():
        for path in track(paths, "looking at images", len(paths), "files"):
            with decode.opened(path):
                found.setdefault(f"image-{digest(path, 'sha256')[:DIGITS]}", path)
    if len(found) < count:
        raise UserError(
            f"{folder}: holds {len(found)} different images in {len(paths)} files; expected {count}",
            f"add images, or set annotate.images in params.yaml to {len(found)} or less.",
        )
    return found


def _found(one: str | Skipped) -> str:
    if isinstance(one, Skipped):
        raise UserError(f"{one}", "add images, or move what is none of them out of the folder.")
    return one


def read(path: Path) -> Image.Image:
    """Decode an image as it is shown, 8-bit RGB. Raises `UserError` if it cannot be decoded."""
    with decode.decoding():
        return decode.read(path)
