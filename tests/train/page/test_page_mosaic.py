from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from data.datasets.dataset import Dataset
from train.page.page import COLUMNS, Mosaic


def test_each_image_is_at_its_place_to_the_last_bit(few: Dataset) -> None:
    tiles = few.images
    mosaic = Mosaic(32)
    places = [mosaic.add(tile) for tile in tiles]
    assert places == list(range(80))
    kind, _, encoded = mosaic.uri(lossless=True).partition(",")
    assert kind == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        whole = np.asarray(image.convert("RGB"))
    assert whole.shape == (mosaic.rows * 32, COLUMNS * 32, 3)
    for place, tile in zip(places, tiles, strict=True):
        row, column = divmod(place, COLUMNS)
        assert np.array_equal(whole[32 * row : 32 * (row + 1), 32 * column : 32 * (column + 1)], tile)


def test_a_mosaic_has_no_duplicates() -> None:
    mosaic = Mosaic(2)
    black, white = np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)
    assert mosaic.rows == 1
    assert [mosaic.add(image) for image in (black, white, black.copy())] == [0, 1, 0]
