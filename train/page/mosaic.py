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

    def uri(self, **options: bool | int) -> str:
        """Return the mosaic as a `data:` URL of a WebP, with Pillow's options for it."""
        whole = np.zeros((self.rows, self.side, COLUMNS, self.side, 3), np.uint8)
        for image, place in self._places.items():
            row, column = divmod(place, COLUMNS)
            whole[row, :, column] = np.frombuffer(image, np.uint8).reshape(self.side, self.side, 3)
        pixels, file = whole.reshape(self.rows * self.side, COLUMNS * self.side, 3), io.BytesIO()
        Image.fromarray(pixels).save(file, "WEBP", **options)
        return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
