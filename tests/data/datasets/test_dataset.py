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


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, None])
def test_a_file_that_is_missing_or_something_else_is_named(
    tmp_path: Path, few: Dataset, content: bytes | None
) -> None:
    path = tmp_path / "train.safetensors"
    few.save(path, "sample")
    path.write_bytes(path.read_bytes()[:-1] if content is None else content)
    with pytest.raises(UserError, match=r"train\.safetensors: not a file of prepared images") as caught:
        dataset.load(path)
    assert "dvc repro -f prepare" in caught.value.hint
    path.unlink()
    with pytest.raises(UserError, match=r"train\.safetensors: no such file"):
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
