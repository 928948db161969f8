from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import prepare
from data.datasets import dataset
from data.recipe import Prepare
from tests.tiny import ROOT


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the repository's sample, as the current one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/sample").symlink_to(ROOT / "data/sample")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def choose(source: str) -> None:
    """Write params.yaml with this source of images."""
    text = (ROOT / "params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("source: sample", f"source: {source}"))


def test_the_sample_becomes_tensors_and_an_index_twice_the_same_bytes(repository: Path) -> None:
    choose("sample")
    runs = []
    for _ in range(2):
        prepare.main()
        runs.append({path.name: path.read_bytes() for path in dataset.PREPARED.iterdir()})
    assert runs[0] == runs[1]
    images, labels, indices = dataset.load(dataset.PREPARED / "train.safetensors")
    assert images.shape == (Prepare(source="sample").train_images, 32, 32, 3)
    assert images.dtype == np.uint8
    index = pd.read_csv(dataset.PREPARED / "index.csv")
    assert list(index.columns) == ["split", "index", "label"]
    train = index[index["split"] == "train"]
    assert train["index"].tolist() == indices.tolist()
    assert train["label"].tolist() == [dataset.CLASSES[label] for label in labels]


@pytest.mark.slow
def test_the_full_set_has_all_images_in_official_order(full_cifar10: Path, repository: Path) -> None:
    choose("cifar10")
    prepare.main()
    for split, count in (("train", 50_000), ("test", 10_000)):
        images, labels, indices = dataset.load(dataset.PREPARED / f"{split}.safetensors")
        assert images.shape == (count, 32, 32, 3)
        assert indices.tolist() == list(range(count))
        assert np.bincount(labels).tolist() == [count // 10] * 10
