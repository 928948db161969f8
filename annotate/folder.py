"""A folder of the user's own pictures: any format that Pillow reads, made into plain 8-bit RGB pictures.

A picture's new name comes from the checksum of its file (`picture-1f3a5c7e9b02`), so it is neutral, unique,
and stays the same when other pictures come or go; `sha256sum` on the originals finds it again.
"""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from data.errors import UserError
from data.files import digest
from data.progress import track

DIGITS = 12  # of the checksum: 48 bits, so that two names among a million files agree once in 500 such sets
NOT_PICTURES = {"thumbs.db", "desktop.ini"}  # what a file manager leaves in a folder, beside hidden files
WHITE = (255, 255, 255)


def find(folder: Path, count: int) -> dict[str, Path]:
    """Return new name to file, for every different picture in a folder and those below it, sorted by path.

    Of files with the same bytes the first one counts. Raises `UserError` if the folder is missing, holds a
    file that is no picture, or holds fewer than `count` different pictures.
    """
    if not folder.is_dir():
        raise UserError(
            f"{folder}: no such folder", "set annotate.source in params.yaml to data/sample or to a folder."
        )
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _is_hidden(path, folder))
    found: dict[str, Path] = {}
    for path in track(paths, "looking at pictures", len(paths), "files"):
        with opened(path):
            found.setdefault(f"picture-{digest(path, 'sha256')[:DIGITS]}", path)
    if len(found) < count:
        raise UserError(
            f"{folder}: holds {len(found)} different pictures in {len(paths)} files; expected {count}",
            f"add pictures, or set annotate.pictures in params.yaml to {len(found)} or less.",
        )
    return found


def _is_hidden(path: Path, folder: Path) -> bool:
    inside = path.relative_to(folder)
    return any(part.startswith(".") for part in inside.parts) or path.name.lower() in NOT_PICTURES


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture without decoding it; what is not one, or is too large, becomes a `UserError`.

    The limit is Pillow's own, about 89 million pixels: a small file can claim a picture that fills memory.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of odd metadata, which does not concern pixels
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                yield image
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: too large a picture ({error})", "scale it down, or move it away.") from None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise UserError(
            f"{path}: not a picture that can be read ({_short(error, path)})",
            "save it as PNG or JPEG, or move it out of the folder.",
        ) from None


def _short(error: Exception, path: Path) -> str:
    return str(error).replace(f"'{path}'", "").strip() or type(error).__name__


def read(path: Path) -> Image.Image:
    """Decode a picture as it is shown: turned as its EXIF note says, on white, 8-bit RGB, first frame.

    Says so in one line where a picture has more frames. Raises `UserError` if it cannot be decoded.
    """
    with opened(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            print(f"{path}: animated, {frames} frames; the first one is taken")
        return _plain(ImageOps.exif_transpose(image))


def _plain(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_deep_grey(image)
    if image.mode == "F":
        raise ValueError("grey values as floating-point numbers, of unknown range")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    plain = Image.new("RGB", image.size, WHITE)
    plain.paste(image, mask=image.getchannel("A"))
    return plain


def _from_deep_grey(image: Image.Image) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion cuts everything above 255 off."""
    deep = np.asarray(image, dtype=np.int64)
    if deep.min() < 0 or deep.max() > 65535:
        raise ValueError(f"grey values from {deep.min()} to {deep.max()}; expected 0 to 65535")
    return Image.fromarray((deep // 257).astype(np.uint8)).convert("RGB")
