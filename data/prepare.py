"""Stage `prepare`: the pictures to train and test on, as tensors.

    python -m data.prepare

Reads params.yaml (recipes.<recipe>.prepare) and data/sample/ or the official CIFAR-10 batches; writes
data/cifar10/: train.safetensors, test.safetensors (`data.pictures.Pictures.save`) and index.csv.
"""

from __future__ import annotations

import pandas as pd

from data import cifar10, fetch, params, sample
from data.errors import run
from data.files import atomic, write_csv
from data.pictures import PREPARED, SPLITS, Pictures


def read(source: str) -> dict[str, Pictures]:
    """Return the pictures of both splits from the source that params.yaml names."""
    if source == "sample":
        return {split: sample.read(split) for split in SPLITS}
    folder = fetch.batches()
    return {split: cifar10.read(folder, split) for split in SPLITS}


def main() -> None:
    """Write the recipe's pictures as tensors, with an index of what they are."""
    source = params.load().chosen.prepare.source
    splits = read(source)
    with atomic(PREPARED) as out:
        for split, pictures in splits.items():
            pictures.save(out / f"{split}.safetensors", source)
        write_csv(out / "index.csv", pd.concat(pictures.table(split) for split, pictures in splits.items()))
    counts = " and ".join(f"{len(pictures):,} {split}" for split, pictures in splits.items())
    print(f"{PREPARED}: {counts} pictures from {source}")


if __name__ == "__main__":
    run(main)
