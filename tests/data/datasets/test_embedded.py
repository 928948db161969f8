from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from data.common.errors import UserError
from data.datasets import cifar10, embedded
from data.datasets.dataset import SPLITS
from tests.tiny import ROOT

FOLDER = ROOT / "data/sample"


@pytest.mark.parametrize(("split", "count", "last"), [("train", 5000, 5392), ("test", 1000, 1193)])
def test_each_class_has_its_first_images(split: str, count: int, last: int) -> None:
    dataset = embedded.read(split, FOLDER)
    assert dataset.images.shape == (count, 32, 32, 3)
    assert np.bincount(dataset.labels).tolist() == [count // 10] * 10
    assert np.all(np.diff(dataset.indices) > 0)
    assert dataset.indices[-1] == last


@pytest.mark.parametrize("split", SPLITS)
def test_the_sample_is_bit_equal_to_the_official_images(full_cifar10: Path, split: str) -> None:
    official = cifar10.read(full_cifar10, split)
    ours = embedded.read(split, FOLDER)
    assert np.array_equal(ours.images, official.images[ours.indices])
    assert np.array_equal(ours.labels, official.labels[ours.indices])


def cut_sheet(folder: Path) -> None:
    path = folder / "test-cat.png"
    path.write_bytes(path.read_bytes()[:5000])


def swap_for_other_size(folder: Path) -> None:
    shutil.copy(folder / "train-cat.png", folder / "test-cat.png")


def unknown_class(folder: Path) -> None:
    path = folder / "index.csv"
    path.write_text(path.read_text().replace(",cat", ",tiger"))


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda folder: (folder / "index.csv").unlink(), "index.csv: not the sample's index"),
        (unknown_class, "index.csv: not the sample's index (classes ['tiger'])"),
        (cut_sheet, "test-cat.png: not a readable sheet"),
        (swap_for_other_size, "test-cat.png: has 800 x 640 pixels; expected 320 x 320"),
    ],
)
def test_a_damaged_sample_is_named(tmp_path: Path, damage: object, what: str) -> None:
    folder = tmp_path / "sample"
    shutil.copytree(FOLDER, folder)
    assert callable(damage)
    damage(folder)
    with pytest.raises(UserError) as caught:
        embedded.read("test", folder)
    assert what in caught.value.what
    assert "git checkout data/sample" in caught.value.hint
