"""Many small images in one, of which a page shows parts (a CSS sprite)."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COLUMNS = 32


class Mosaic:
    """Square images of the same size in rows of 32, without duplicates."""

    def __init__(self, side: int) -> None:
        """Take the side of an image in pixels."""
        self.side = side
        self._places: dict[bytes, int] = {}

    def add(self, image: NDArray[np.uint8]) -> int:
        """Add an image, side x side x 3, and return its place, counted by rows from 0."""
        return self._places.setdefault(image.tobytes(), len(self._places))

    @property
    def rows(self) -> int:
        """Return the number of rows, at least 1."""
        return max(math.ceil(len(self._places) / COLUMNS), 1)

    def image(self) -> Image.Image:
        """Return the mosaic."""
        whole = np.zeros((self.rows, self.side, COLUMNS, self.side, 3), np.uint8)
        for image, place in self._places.items():
            row, column = divmod(place, COLUMNS)
            whole[row, :, column] = np.frombuffer(image, np.uint8).reshape(self.side, self.side, 3)
        return Image.fromarray(whole.reshape(self.rows * self.side, COLUMNS * self.side, 3))

    def uri(self, quality: int | None = None) -> str:
        """Return the mosaic as a `data:` URL of a WebP, lossless or of a quality up to 100."""
        file = io.BytesIO()
        if quality is None:
            self.image().save(file, "WEBP", lossless=True)
        else:
            self.image().save(file, "WEBP", quality=quality, method=6)
        return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
