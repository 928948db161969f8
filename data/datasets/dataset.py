"""A set of labelled images in memory, and as the file that the trainer reads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from data.common.errors import UserError
from data.common.files import write_bytes

PREPARED = Path("data/out/dataset")  # what the stage `prepare` writes

SIDE = 32  # pixels
SPLITS = ("train", "test")
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def image_name(index: int) -> str:
    """Return the name of a test image wherever people see it: `test-00042` for the official index 42."""
    return f"test-{index:05}"


@dataclass(frozen=True)
class Dataset:
    """Labelled images of one split, in ascending order of their official index.

    images: uint8, N x 32 x 32 x 3 (rows, columns, RGB); labels: uint8, N, positions in `CLASSES`;
    indices: int64, N, positions in the official train (0 to 49,999) or test set (0 to 9,999).
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    indices: NDArray[np.int64]

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def take(self, rows: NDArray[np.int64]) -> Dataset:
        """Return the images at the given positions of this set."""
        return Dataset(self.images[rows], self.labels[rows], self.indices[rows])

    def table(self, split: str) -> pd.DataFrame:
        """Return an index of the images, a row each: split, official index, class."""
        labels = [CLASSES[label] for label in self.labels]
        return pd.DataFrame({"split": split, "index": self.indices, "label": labels})

    def save(self, path: Path, source: str) -> None:
        """Write images, labels and indices as safetensors, with the source's name in params.yaml."""
        tensors: dict[str, NDArray[Any]] = {
            "images": np.ascontiguousarray(self.images),
            "labels": self.labels,
            "indices": self.indices,
        }
        write_bytes(path, save(tensors, {"source": source}))


def load(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    """Read images (N x 32 x 32 x 3), labels (N) and official indices (N) that `Dataset.save` wrote.

    Raises `UserError` if the file is missing, cut short or something else.
    """
    with _opened(path) as file:
        return file.get_tensor("images"), file.get_tensor("labels"), file.get_tensor("indices")


def check_source(source: str, path: Path = PREPARED / "train.safetensors") -> None:
    """Raise `UserError` if a file of prepared images holds those of another source.

    A command that is run without DVC would otherwise train on the images of another recipe.
    """
    with _opened(path) as file:
        prepared = (file.metadata() or {}).get("source", "an older release")
    if prepared != source:
        raise UserError(
            f"{path.parent}: holds images of {prepared}; the recipe takes those of {source}",
            'prepare them with "dvc repro prepare".',
        )


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    hint = 'make it again with "dvc repro -f prepare".'
    try:
        with safe_open(path, "numpy") as file:
            yield file
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", hint) from None
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not a file of prepared images ({error})", hint) from None
