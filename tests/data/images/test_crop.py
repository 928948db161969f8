from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from data.datasets.dataset import Dataset
from data.images import crop


def test_an_image_of_the_networks_size_is_taken_as_it_is(tmp_path: Path, few: Dataset) -> None:
    pixels = few.images[0]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(crop.read(tmp_path / "a.png"), pixels)
    fitted = ImageOps.fit(Image.fromarray(pixels), (32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(fitted), pixels)


@given(st.integers(1, 300), st.integers(1, 300))
def test_any_size_becomes_the_networks(width: int, height: int) -> None:
    pixels = crop.whole(Image.new("RGB", (width, height), (1, 2, 3)))
    assert pixels.shape == (32, 32, 3)
    assert (pixels == (1, 2, 3)).all()


def test_the_square_in_the_middle_is_taken() -> None:
    image = Image.new("RGB", (96, 32), "red")
    image.paste((0, 0, 255), (32, 0, 64, 32))
    assert (crop.whole(image) == (0, 0, 255)).all()


def test_an_image_is_resized_by_lanczos_filter() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 60, 3), np.uint8))
    expected = np.asarray(image.resize((32, 32), Image.Resampling.LANCZOS))
    assert np.array_equal(crop.whole(image), expected)


@pytest.mark.parametrize(
    ("edges", "square"),
    [
        ((8, 8, 40, 40), (8, 8, 40)),
        ((20, 8, 28, 40), (8, 8, 40)),  # a narrow one, and what is left and right of it
        ((0, 8, 8, 40), (0, 8, 32)),  # at the edge: moved into the image
        ((92, 40, 100, 60), (80, 40, 100)),
        ((0, 0, 100, 10), (20, 0, 80)),  # longer than the image is high: from the middle
        ((10.5, 10.5, 12.5, 12.5), (10.5, 10.5, 12.5)),
    ],
)
def test_of_a_region_the_square_around_it_is_taken(
    edges: tuple[float, float, float, float], square: tuple[float, float, float]
) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 100, 3), np.uint8))
    x, y, right = square
    expected = image.resize((32, 32), Image.Resampling.LANCZOS, box=(x, y, right, y + right - x))
    assert np.array_equal(crop.region(image, *edges), np.asarray(expected))


@given(st.data())
def test_any_region_within_an_image_has_its_square(data: st.DataObject) -> None:
    width, height = data.draw(st.integers(1, 50)), data.draw(st.integers(1, 50))
    left, top = data.draw(st.floats(0, width - 0.01)), data.draw(st.floats(0, height - 0.01))
    right = data.draw(st.floats(left + 0.01, width + 0.01).map(lambda x: min(x, float(width))))
    bottom = data.draw(st.floats(top + 0.01, height + 0.01).map(lambda y: min(y, float(height))))
    image = Image.new("RGB", (width, height), (9, 9, 9))
    assert (crop.region(image, left, top, right, bottom) == 9).all()
