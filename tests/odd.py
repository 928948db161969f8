"""Image files that are not as they should be."""

from __future__ import annotations

import io
import zlib

from PIL import Image


def bomb(side: int = 20_000) -> bytes:
    """Return a PNG of a few hundred bytes that claims to be 20,000 x 20,000 pixels, or of another side."""
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def jpeg(image: Image.Image, turn: int | None = None) -> bytes:
    """Return a JPEG; `turn` is EXIF's note on how it is to be shown."""
    exif = Image.Exif()
    if turn:
        exif[0x0112] = turn  # EXIF's Orientation
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()
