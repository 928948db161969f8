"""Dataset of any kind as plain ones: what Pillow reads, as it is shown, on white, 8-bit RGB, one frame."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from data.common.errors import UserError

NOT_PICTURES = {"thumbs.db", "desktop.ini"}  # what a file manager leaves in a folder, beside hidden files
WHITE = (255, 255, 255)


def is_hidden(name: str) -> bool:
    """Say whether a file or folder of that name, found in a folder of images, is none of them."""
    return name.startswith(".") or name.lower() in NOT_PICTURES


@contextmanager
def decoding() -> Iterator[None]:
    """Make Pillow ready; to be opened in the first thread, around all that is decoded.

    It loads its formats at the first file that needs a rare one, and a second thread that comes meanwhile
    would not find them. It warns of odd metadata, which does not concern pixels, and of large images, which
    `opened` refuses; what is done with a warning is the same for all threads.
    """
    Image.init()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="PIL")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Open an image without decoding it; what is not one, or is too large, becomes a `UserError`.

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
    if not pixels:
        raise ValueError(f"{image.width} x {image.height} pixels")


def _short(error: Exception, path: Path) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error).replace(repr(str(path)), "").strip() or type(error).__name__


def read(path: Path, say: Callable[[str], None] = print) -> Image.Image:
    """Decode an image as it is shown: turned as its EXIF note says, on white, 8-bit RGB, first frame.

    Says so in one line where a file has more frames or pages. Raises `UserError` if it cannot be decoded.
    """
    with opened(path) as image:
        frames = getattr(image, "n_frames", 1)
        if frames > 1:
            say(f"{path}: {frames} frames or pages; the first one is taken")
        return _plain(ImageOps.exif_transpose(image), image.format)


def _plain(image: Image.Image, kind: str | None) -> Image.Image:
    if image.mode.startswith("I"):
        return _from_deep_grey(image, kind)
    if image.mode == "F":
        raise ValueError("grey values as floating-point numbers, of unknown range")
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    image = image.convert("RGBA")
    plain = Image.new("RGB", image.size, WHITE)
    plain.paste(image, mask=image.getchannel("A"))
    return plain


def _from_deep_grey(image: Image.Image, kind: str | None) -> Image.Image:
    """Scale 16-bit grey to 8 bits; Pillow's own conversion cuts everything above 255 off.

    A TIFF of 32 bits does not say how far its grey goes: up to 255 it is taken for 8 bits, above for 16.
    """
    deep = np.asarray(image, dtype=np.int64)
    if deep.min() < 0 or deep.max() > 65535:
        raise ValueError(f"grey values from {deep.min()} to {deep.max()}; expected 0 to 65535")
    bits = 8 if kind == "TIFF" and image.mode == "I" and deep.max() <= 255 else 16
    shallow = (deep // 257 if bits == 16 else deep).astype(np.uint8)
    if (clear := image.info.get("transparency")) is not None:
        shallow[deep == clear] = 255
    return Image.fromarray(shallow).convert("RGB")
