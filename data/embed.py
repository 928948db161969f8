"""Make the embedded sample again from the official batches: the same bytes each time.

    CIFAR10_DIR=... python -m data.embed

Reads the official CIFAR-10 batches; writes data/sample/, which `data.datasets.embedded` describes and reads.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data.common.cli import STARTS_AGAIN, run
from data.common.files import write_bytes, write_csv
from data.common.progress import track
from data.datasets import cifar10
from data.datasets.dataset import CLASSES, SIDE, SPLITS, Dataset
from data.datasets.embedded import COLUMNS, FOLDER

PER_CLASS = {"train": 500, "test": 100}


def choose(dataset: Dataset, per_class: int) -> Dataset:
    """Return the first `per_class` images of each class, in order of their index."""
    rows = [np.flatnonzero(dataset.labels == label)[:per_class] for label in range(len(CLASSES))]
    return dataset.take(np.sort(np.concatenate(rows)))


def to_sheet(images: NDArray[np.uint8], columns: int) -> NDArray[np.uint8]:
    """Lay N x 32 x 32 x 3 images out in rows: height x width x 3; N is a multiple of columns."""
    tiles = images.reshape(-1, columns, SIDE, SIDE, 3)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(-1, columns * SIDE, 3)


def write(folder: Path, split: str, dataset: Dataset) -> None:
    """Write the ten sheets of a split."""
    for label, name in enumerate(track(CLASSES, f"{split} sheets", len(CLASSES), "classes")):
        sheet = to_sheet(dataset.images[dataset.labels == label], COLUMNS[split])
        png = io.BytesIO()
        Image.fromarray(sheet).save(png, "PNG", optimize=True)
        write_bytes(folder / f"{split}-{name}.png", png.getvalue())


def main() -> None:
    """Make the embedded sample again from the official batches."""
    folder = cifar10.find()
    tables = []
    for split in SPLITS:
        dataset = choose(cifar10.read(folder, split), PER_CLASS[split])
        write(FOLDER, split, dataset)
        tables.append(dataset.table(split))
    write_csv(FOLDER / "index.csv", pd.concat(tables))
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{FOLDER}: {sum(map(len, tables)):,} images, {size / 1e6:.1f} MB")


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
