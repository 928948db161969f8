"""A folder of the user's own images: any format that Pillow reads, as 8-bit RGB images.

An image's name comes from the checksum of its file (`image-1f3a5c7e9b02`): it is neutral, unique, and stays
the same when other images come or go; `sha256sum` on the originals finds it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from data.common.errors import UserError, some
from data.common.files import digest
from data.common.progress import track
from data.images import decode
from data.images.walk import Skipped, images_in

DIGITS = 12  # of the checksum: 48 bits, so that two names among a million files agree once in 500 such sets


def find(folder: Path) -> dict[str, Path]:
    """Return name to file, for every different image in a folder and those below it, sorted by path.

    Of files with the same bytes the first counts. What is not an image is skipped, and a line says so. Raises
    `UserError` if the folder is missing.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder", "set annotate.source in params.yaml to data/sample or to a folder."
        )
    entries = list(images_in(str(folder)))
    skipped = [str(entry) for entry in entries if isinstance(entry, Skipped)]
    paths = sorted(Path(entry) for entry in entries if isinstance(entry, str))
    images: dict[str, Path] = {}
    with decode.decoding():
        for path in track(paths, "looking at images", len(paths), "files"):
            try:
                with decode.opened(path):
                    images.setdefault(f"image-{digest(path, 'sha256')[:DIGITS]}", path)
            except UserError as error:
                skipped.append(error.what)
    report_skipped(skipped)
    return images


def report_skipped(problems: Sequence[str]) -> None:
    """Print how many files were skipped, and the first of them with the reason."""
    if problems:
        print(f"{len(problems):,} {'file' if len(problems) == 1 else 'files'} skipped: {some(problems)}")


def read(path: Path) -> Image.Image:
    """Decode an image as it is shown, 8-bit RGB. Raises `UserError` if it cannot be decoded."""
    with decode.decoding():
        return decode.read(path)
