"""Stage `prepare`: the images to train and test on, as tensors.

    python -m data.prepare

Reads params.yaml (recipes.<recipe>.prepare) and data/sample/ or the official CIFAR-10 batches; writes
data/out/dataset/: train.safetensors, test.safetensors (`data.datasets.dataset.Dataset.save`) and index.csv.
"""

from __future__ import annotations

import pandas as pd

from data import params
from data.common.cli import run
from data.common.files import atomic, write_csv
from data.datasets import embedded
from data.datasets.dataset import PREPARED, SPLITS, Dataset


def read(source: str) -> dict[str, Dataset]:
    """Return the images of both splits from the source that params.yaml names."""
    if source == "sample":
        return {split: embedded.read(split) for split in SPLITS}
    from data.datasets import cifar10  # torchvision takes seconds to import

    folder = cifar10.find()
    return {split: cifar10.read(folder, split) for split in SPLITS}


def main() -> None:
    """Write the recipe's images as tensors, with an index of what they are."""
    source = params.load().chosen.prepare.source
    splits = read(source)
    with atomic(PREPARED) as out:
        for split, dataset in splits.items():
            dataset.save(out / f"{split}.safetensors", source)
        write_csv(out / "index.csv", pd.concat(dataset.table(split) for split, dataset in splits.items()))
    counts = " and ".join(f"{len(dataset):,} {split}" for split, dataset in splits.items())
    print(f"{PREPARED}: {counts} images from {source}")


if __name__ == "__main__":
    run(main)
