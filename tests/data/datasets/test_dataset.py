from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.common.errors import UserError
from data.datasets import dataset
from data.datasets.dataset import Dataset


def test_saved_images_come_back(tmp_path: Path, few: Dataset) -> None:
    few.save(tmp_path / "a.safetensors", "sample")
    images, labels, indices = dataset.load(tmp_path / "a.safetensors")
    assert images.dtype == labels.dtype == np.uint8
    assert np.array_equal(images, few.images)
    assert np.array_equal(labels, few.labels)
    assert np.array_equal(indices, few.indices)


def test_the_same_images_are_the_same_bytes(tmp_path: Path, few: Dataset) -> None:
    few.save(tmp_path / "a", "sample")
    few.take(np.arange(len(few))).save(tmp_path / "b", "sample")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_table_says_what_the_images_are(few: Dataset) -> None:
    assert few.table("train").iloc[0].to_dict() == {"split": "train", "index": 0, "label": "frog"}


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not tensors", b"\xff" * 100])
def test_a_file_that_is_something_else_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "train.safetensors"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"train\.safetensors: not a file of prepared images") as caught:
        dataset.load(path)
    assert "dvc repro -f prepare" in caught.value.hint


def test_a_file_cut_short_or_missing_is_named(tmp_path: Path, few: Dataset) -> None:
    path = tmp_path / "train.safetensors"
    with pytest.raises(UserError, match="no such file"):
        dataset.load(path)
    few.save(path, "sample")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UserError, match="not a file of prepared images"):
        dataset.load(path)


def test_images_of_another_source_are_refused(tmp_path: Path, few: Dataset) -> None:
    few.save(tmp_path / "train.safetensors", "sample")
    path = tmp_path / "train.safetensors"
    dataset.check_source("sample", path)
    with pytest.raises(
        UserError, match="holds images of sample; the recipe takes those of cifar10"
    ) as caught:
        dataset.check_source("cifar10", path)
    assert "dvc repro prepare" in caught.value.hint
    with pytest.raises(UserError, match=r"train\.safetensors: no such file"):
        dataset.check_source("sample", tmp_path / "elsewhere" / path.name)
