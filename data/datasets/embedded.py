"""The embedded sample: 5,000 train and 1,000 test images of CIFAR-10 that come with the repository.

The first 500 train and the first 100 test images of each class, by official index (`data.embed` made it). A
sheet holds the images of one class and split as tiles of 32 x 32 pixels, 25 or 10 in a row; index.csv names
them in order.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data.common.errors import UserError
from data.datasets.dataset import CLASSES, SIDE, Dataset

FOLDER = Path("data/sample")
COLUMNS = {"train": 25, "test": 10}  # near to square, so that a sheet fits on a screen
RESTORE = 'bring the committed one back with "git checkout data/sample".'


def read(split: str, folder: Path = FOLDER) -> Dataset:
    """Read the sample's images of a split ("train" or "test").

    Raises `UserError` if a sheet or the index is missing, damaged or of another size.
    """
    index = read_index(split, folder)
    labels = np.array([CLASSES.index(name) for name in index["label"]], np.uint8)
    images = np.empty((len(index), SIDE, SIDE, 3), np.uint8)
    for label, name in enumerate(CLASSES):
        images[labels == label] = _read_sheet(folder / f"{split}-{name}.png", split, sum(labels == label))
    return Dataset(images, labels, index["index"].to_numpy(np.int64))


def read_index(split: str, folder: Path = FOLDER) -> pd.DataFrame:
    """Read what the sample's images of a split are: the columns split, index and label.

    Raises `UserError` if the table is missing or damaged.
    """
    path = folder / "index.csv"
    try:
        index = pd.read_csv(path)
        if not set(index["label"]) <= set(CLASSES):
            raise ValueError(f"classes {sorted(set(index['label']) - set(CLASSES))}")
        return index[index["split"] == split]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not the sample's index ({error})", RESTORE) from None


def _read_sheet(path: Path, split: str, count: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            sheet = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a readable sheet ({error})", RESTORE) from None
    size, expected = sheet.shape[1::-1], (COLUMNS[split] * SIDE, count // COLUMNS[split] * SIDE)
    if size != expected:
        raise UserError(
            f"{path}: has {size[0]} x {size[1]} pixels; expected {expected[0]} x {expected[1]}", RESTORE
        )
    return from_sheet(sheet, COLUMNS[split])


def from_sheet(sheet: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Cut a sheet into its N x 32 x 32 x 3 images, the inverse of `data.embed.to_sheet`."""
    tiles = sheet.reshape(-1, SIDE, columns, SIDE, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, SIDE, SIDE, 3)
