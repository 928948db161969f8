from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from tests.odd import jpeg
from tests.tiny import untrained
from train.prediction import batches
from train.prediction.regions import BoxRow, ImageFile

MODEL = untrained()


@pytest.fixture
def files(tmp_path: Path) -> list[ImageFile]:
    """Return eleven images of noise."""
    noise = np.random.default_rng(1).integers(256, size=(11, 32, 32, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number:02}.png" for number in range(11)]
    for path, pixels in zip(paths, noise, strict=True):
        Image.fromarray(pixels).save(path)
    return [(str(path), None) for path in paths]


def test_predictions_do_not_depend_on_batches_threads_and_processes(
    files: list[ImageFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shares() -> NDArray[np.float32]:
        loaded, shares = batches.classify_files(files, MODEL)
        assert loaded.rows == [(name,) for name, _ in files]
        return shares

    expected = shares()
    monkeypatch.setattr(batches, "BATCH", 3)
    monkeypatch.setattr(batches, "THREADS", 3)
    assert np.allclose(shares(), expected, atol=1e-4)
    loader = batches.loader(files, torch.device("cuda"))  # reads as for a GPU; there need not be any
    assert 1 <= loader.num_workers <= 4
    monkeypatch.setattr(batches, "loader", lambda *_: loader)
    assert np.allclose(shares(), expected, atol=1e-4)


def test_probabilities_of_images_in_memory() -> None:
    images = np.random.default_rng(1).integers(256, size=(130, 32, 32, 3), dtype=np.uint8)
    shares = batches.classify(MODEL, [*images])
    assert np.allclose(shares.sum(axis=1), 1)
    assert np.allclose(batches.classify(MODEL, [images[129]]), shares[129:], atol=1e-5)
    assert batches.classify(MODEL, []).shape == (0, 10)


def test_a_photograph_is_rotated_as_it_is_shown(tmp_path: Path) -> None:
    image = Image.linear_gradient("L").resize((90, 60))
    (tmp_path / "rotated.jpg").write_bytes(jpeg(image, turn=6))
    (tmp_path / "plain.jpg").write_bytes(jpeg(image.rotate(-90, expand=True)))
    pixels = [batches.load((str(tmp_path / f"{name}.jpg"), None)).pixels[0] for name in ("rotated", "plain")]
    assert np.abs(pixels[0].astype(int) - pixels[1]).max() < 8


def test_each_box_is_cropped_and_those_that_show_nothing_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("RGB", (100, 50)).save(path)
    values = [{"x": x, "y": 5.0, "width": 20.0, "height": 30.0} for x in (10.0, 100.0, 95.0)]
    loaded = batches.load((str(path), tuple(BoxRow(row, "a", box) for row, box in enumerate(values, 1))))
    assert loaded.rows == [("a", 1, 10.0, 5.0, 20.0, 30.0), ("a", 3, 95.0, 5.0, 20.0, 30.0)]
    assert [pixels.shape for pixels in loaded.pixels] == [(32, 32, 3)] * 2
    assert list(map(str, loaded.problems)) == ["a, box 2: outside the image of 100 x 50 pixels"]


def test_an_error_of_ours_ends_it(files: list[ImageFile], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: ImageFile) -> batches.Loaded:
        raise RuntimeError("a bug")

    monkeypatch.setattr(batches, "load", fails)
    with pytest.raises(RuntimeError, match="a bug"):
        batches.classify_files(files, MODEL)
