"""Images of any format that Pillow reads as 8-bit RGB: upright, on white, the first frame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from data.common.errors import UserError

NOT_IMAGES = {"thumbs.db", "desktop.ini"}  # what a file manager leaves in a folder, beside hidden files
WHITE = (255, 255, 255)


def is_hidden(name: str) -> bool:
    """Say whether a file or folder of that name in a folder of images is to be ignored."""
    return name.startswith(".") or name.lower() in NOT_IMAGES


@contextmanager
def decoding() -> Iterator[None]:
    """Prepare Pillow; to be opened in the main thread, around all that is decoded.

    Pillow loads its formats at the first file of a rare one, and other threads would not find them meanwhile.
    Its warnings of odd metadata do not concern pixels; `opened` refuses large images.
    """
    Image.init()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image without decoding it. Raises `UserError`, in the block too, if it is damaged or too large.

    The limit is Pillow's own, about 89 million pixels: a small file can claim an image that fills memory.
    """
    try:
        with Image.open(path) as image:
            _check_size(image)
            yield image
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: too large an image ({error})", "scale it down, or move it away.") from None
    except Exception as error:  # a damaged file makes Pillow's readers raise almost anything
        raise UserError(
            f"{path}: not an image that can be read ({_short(error, path)})",
            "save it as PNG or JPEG, or move it out of the folder.",
        ) from None


def _check_size(image: Image.Image) -> None:
    pixels, most = image.width * image.height, Image.MAX_IMAGE_PIXELS
    if most is not None and pixels > most:
        raise Image.DecompressionBombError(f"{pixels} pixels; {most} at most")


def _short(error: Exception, path: Path) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).replace(repr(str(path)), "").strip() or type(error).__name__


def read(path: Path, say: Callable[[str], None] = print) -> Image.Image:
    """Decode an image as 8-bit RGB: rotated as EXIF's orientation says, on white, the first frame.

    `say` gets a note if a file has more frames or pages. Raises `UserError` if it cannot be decoded.
    """
    with opened(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            say(f"{path}: {frames} frames or pages; the first one is taken")
        return _to_rgb(ImageOps.exif_transpose(image), image.format)


def _to_rgb(image: Image.Image, kind: str | None) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_16_bits(image, kind)
    if image.mode == "F":
        raise ValueError("grey values as floating-point numbers, of unknown range")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    on_white = Image.new("RGB", image.size, WHITE)
    on_white.paste(image, mask=image.getchannel("A"))
    return on_white


def _from_16_bits(image: Image.Image, kind: str | None) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion clips everything above 255.

    A TIFF of 32 bits does not say its range: values up to 255 are taken for 8 bits, larger ones for 16.
    """
    grey = np.asarray(image, dtype=np.int64)
    if grey.min() < 0 or grey.max() > 65535:
        raise ValueError(f"grey values from {grey.min()} to {grey.max()}; expected 0 to 65535")
    bits = 8 if kind == "TIFF" and image.mode == "I" and grey.max() <= 255 else 16
    scaled = (grey // 257 if bits == 16 else grey).astype(np.uint8)
    if (transparent := image.info.get("transparency")) is not None:
        scaled[grey == transparent] = 255
    return Image.fromarray(scaled).convert("RGB")
