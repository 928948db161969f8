"""Make the embedded sample anew from the official batches: the same bytes each time.

    CIFAR10_DIR=... python -m data.embed

Reads the official CIFAR-10 batches; writes data/sample/, whose layout `data.sample` describes and reads.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data import cifar10, fetch
from data.errors import run
from data.files import write_bytes, write_csv
from data.interrupt import STARTS_AGAIN
from data.pictures import CLASSES, SIDE, SPLITS, Pictures
from data.progress import track
from data.sample import COLUMNS, FOLDER

PER_CLASS = {"train": 500, "test": 100}


def choose(pictures: Pictures, per_class: int) -> Pictures:
    """Return the first `per_class` pictures of each class, in order of their index."""
    rows = [np.flatnonzero(pictures.labels == label)[:per_class] for label in range(len(CLASSES))]
    return pictures.take(np.sort(np.concatenate(rows)))


def to_sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay N x 3 x 32 x 32 pictures out in rows: height x width x 3; N is a multiple of columns."""
    tiles = images.reshape(-1, columns, 3, SIDE, SIDE)
    return tiles.transpose(0, 3, 1, 4, 2).reshape(-1, columns * SIDE, 3)


def write(folder: Path, split: str, pictures: Pictures) -> None:
    """Write the ten sheets of a split."""
    for label, name in enumerate(track(CLASSES, f"{split} sheets", len(CLASSES), "classes")):
        sheet = to_sheet(pictures.images[pictures.labels == label], COLUMNS[split])
        png = io.BytesIO()
        Image.fromarray(sheet).save(png, "PNG", optimize=True)
        write_bytes(folder / f"{split}-{name}.png", png.getvalue())


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
    run(main, interrupted=STARTS_AGAIN)
