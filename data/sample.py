"""The embedded sample: 5,000 train and 1,000 test pictures of CIFAR-10 that come with the repository.

    CIFAR10_DIR=... python -m data.sample        makes data/sample/ anew from the official batches, same bytes

The first 500 train and the first 100 test pictures of each class, by official index. A sheet holds the
pictures of one class and split as tiles of 32 x 32 pixels, 25 or 10 in a row; index.csv names them in order.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data import cifar10, fetch
from data.errors import UserError, run
from data.files import write_bytes, write_csv
from data.pictures import CLASSES, SIDE, SPLITS, Pictures
from data.progress import track

FOLDER = Path("data/sample")
PER_CLASS = {"train": 500, "test": 100}
COLUMNS = {"train": 25, "test": 10}  # near to square, so that a sheet fits on a screen


def choose(pictures: Pictures, per_class: int) -> Pictures:
    """Return the first `per_class` pictures of each class, in order of their index."""
    rows = [np.flatnonzero(pictures.labels == label)[:per_class] for label in range(len(CLASSES))]
    return pictures.take(np.sort(np.concatenate(rows)))


def to_sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay N x 3 x 32 x 32 pictures out in rows: height x width x 3; N is a multiple of columns."""
    tiles = images.reshape(-1, columns, 3, SIDE, SIDE)
    return tiles.transpose(0, 3, 1, 4, 2).reshape(-1, columns * SIDE, 3)


def from_sheet(sheet: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Cut a sheet into its N x 3 x 32 x 32 pictures: the way back from `to_sheet`."""
    tiles = sheet.reshape(-1, SIDE, columns, SIDE, 3)
    return tiles.transpose(0, 2, 4, 1, 3).reshape(-1, 3, SIDE, SIDE)


def write(folder: Path, split: str, pictures: Pictures) -> None:
    """Write the ten sheets of a split."""
    for label, name in enumerate(track(CLASSES, f"{split} sheets", len(CLASSES), "classes")):
        sheet = to_sheet(pictures.images[pictures.labels == label], COLUMNS[split])
        png = io.BytesIO()
        Image.fromarray(sheet).save(png, "PNG", optimize=True)
        write_bytes(folder / f"{split}-{name}.png", png.getvalue())


def read(split: str, folder: Path = FOLDER) -> Pictures:
    """Read the sample's pictures of a split ("train" or "test").

    Raises `UserError` if a sheet or the index is missing, cut short or of another size.
    """
    index = _read_index(folder / "index.csv", split)
    labels = np.array([CLASSES.index(name) for name in index["label"]], np.uint8)
    images = np.empty((len(index), 3, SIDE, SIDE), np.uint8)
    for label, name in enumerate(CLASSES):
        images[labels == label] = _read_sheet(folder / f"{split}-{name}.png", split, sum(labels == label))
    return Pictures(images, labels, index["index"].to_numpy(np.int64), tuple(index["file"]))


def _read_index(path: Path, split: str) -> pd.DataFrame:
    try:
        index = pd.read_csv(path)
        return index[index["split"] == split]
    except (OSError, KeyError, ValueError) as error:
        raise UserError(f"{path}: not the sample's index ({error})", _RESTORE) from None


def _read_sheet(path: Path, split: str, count: int) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            sheet = np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError(f"{path}: not a readable sheet ({error})", _RESTORE) from None
    expected = (count // COLUMNS[split] * SIDE, COLUMNS[split] * SIDE)
    if sheet.shape[:2] != expected:
        raise UserError(f"{path}: height and width are {sheet.shape[:2]}; expected {expected}", _RESTORE)
    return from_sheet(sheet, COLUMNS[split])


_RESTORE = 'bring the committed one back with "git checkout data/sample".'


def main() -> None:
    """Make the embedded sample anew from the official batches."""
    folder = fetch.batches()
    tables = []
    for split in SPLITS:
        pictures = choose(cifar10.read(folder, split), PER_CLASS[split])
        write(FOLDER, split, pictures)
        tables.append(pictures.table(split))
    write_csv(FOLDER / "index.csv", pd.concat(tables))
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{FOLDER}: {sum(map(len, tables)):,} pictures, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main)
