from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from data.datasets.dataset import Dataset
from tests.tiny import as_tensors, tiny
from train.core import augment
from train.core.augment import BRIGHTNESS, Augment, Normalise, jitter

PLAIN = {"flip": "none", "shift": 0.0, "colour_jitter": 0.0, "cutout": 0}


@pytest.fixture
def images(few: Dataset) -> Tensor:
    """Return 80 real images, 80 x 32 x 32 x 3."""
    return as_tensors(few)[0]


def raw(images: Tensor) -> Tensor:
    """Undo `normalise`: N x 32 x 32 x 3 of values from 0 to 255."""
    mean, std = torch.tensor(augment.MEAN) * 255, torch.tensor(augment.STD) * 255
    return images.permute(0, 2, 3, 1) * std + mean


def apply(images: Tensor, step: int = 0, epoch: int = 0, size: int = 32, **changes: object) -> Tensor:
    """Return the first 16 images as a recipe with these parameters shows them."""
    return make(**PLAIN | changes)(images, torch.arange(16), step, epoch, size)


def make(**changes: object) -> Augment:
    """Return the augmentation of a recipe with these parameters."""
    return Augment(tiny(**changes), Normalise.of("channel", torch.empty(0)))


def test_with_everything_off_the_images_are_unchanged(images: Tensor) -> None:
    assert torch.allclose(raw(apply(images)), images[:16].float(), atol=1e-3)


def test_normalising_the_train_images_gives_mean_0_and_deviation_1(full_cifar10: object) -> None:
    from data.datasets import cifar10

    train = cifar10.read(full_cifar10, "train").images.reshape(-1, 3) / 255  # type: ignore[arg-type]
    assert train.mean(0) == pytest.approx(augment.MEAN, abs=1e-6)
    assert train.std(0) == pytest.approx(augment.STD, abs=1e-6)


def test_the_mean_image_is_subtracted_before_anything_else(images: Tensor) -> None:
    """As Keras' cifar10_resnet.py does: x / 255, less the mean of the train images, pixel by pixel."""
    augmented = Augment(tiny(**PLAIN), Normalise.of("image", images))
    keras = images.numpy() / 255
    keras = keras - keras.mean(0)
    ours = augmented(images, torch.arange(16), 0, 0, 32).permute(0, 2, 3, 1).numpy()
    assert np.abs(ours - keras[:16]).max() < 1e-6


def test_alternating_flips_show_both_sides_in_every_two_epochs(images: Tensor) -> None:
    first, second, third = (raw(apply(images, flip="alternating", epoch=epoch)) for epoch in range(3))
    mirrored = images[:16].flip(2).float()
    for n in range(16):
        sides = {torch.allclose(view[n], mirrored[n], atol=1e-3) for view in (first, second)}
        assert sides == {True, False}
    assert torch.equal(first, third)


def test_random_flips_are_as_likely_as_not(images: Tensor) -> None:
    mirrored = images[:16].flip(2).float()
    flips = [
        torch.allclose(view, mirror, atol=1e-3)
        for step in range(20)
        for view, mirror in zip(raw(apply(images, step, flip="random")), mirrored, strict=True)
    ]
    assert np.mean(flips) == pytest.approx(0.5, abs=0.1)  # 320 coins: three and a half deviations


@pytest.mark.parametrize(("fill", "mode"), [("reflect", "reflect"), ("edge", "edge")])
def test_a_shift_by_whole_pixels_is_a_crop_of_the_padded_image(images: Tensor, fill: str, mode: str) -> None:
    padded = np.pad(images[:16].numpy(), ((0, 0), (4, 4), (4, 4), (0, 0)), mode=mode)  # type: ignore[call-overload]
    crops = {(y, x): padded[:, y : y + 32, x : x + 32] for y in range(9) for x in range(9)}
    shifted = raw(apply(images, shift=4.0, shift_by="pixel", shift_fill=fill)).round().byte().numpy()
    for n, image in enumerate(shifted):
        assert any(np.array_equal(image, crop[n]) for crop in crops.values())


@pytest.mark.parametrize(
    ("changes", "draw", "most"),
    [
        ({"shift": 2.0, "shift_by": "pixel"}, Augment._shift, 2),
        ({"shift": 3.2, "shift_by": "subpixel"}, Augment._shift, 3.2),
        ({"colour_jitter": 0.4}, Augment._colours, 0.4),
    ],
)
def test_draws_are_uniform_and_reach_as_far_as_the_recipe_says(
    changes: dict[str, object], draw: Callable[..., Tensor], most: float
) -> None:
    for drawn in draw(make(**changes), 5000, torch.Generator().manual_seed(1)).flatten(1):
        assert drawn.abs().max().item() == pytest.approx(most, rel=0.01)
        counts = torch.histc(drawn, 5, -most, most)  # whole pixels are five values
        assert (counts / counts.sum()).tolist() == pytest.approx([0.2] * 5, abs=0.02)


@given(y=st.floats(-4, 4), x=st.floats(-4, 4))
def test_a_shift_by_part_of_a_pixel_is_scipys(few: Dataset, y: float, x: float) -> None:
    images = as_tensors(few)[0]
    shift = torch.tensor([[[y]], [[x]]], dtype=torch.float32)
    ours = make(shift_by="subpixel", shift_fill="edge")._gather(images[5:6], torch.tensor([[False]]), shift)
    scipys = ndimage.shift(images[5].numpy().astype(np.float64), (-y, -x, 0), order=1, mode="nearest")
    assert np.abs(ours[0].numpy() - scipys).max() < 0.02


def changed(images: Tensor, saturation: float = 0, contrast: float = 0, brightness: float = 0) -> Tensor:
    """Return all images with the same change of colours."""
    changes = torch.tensor([saturation, contrast, brightness])[:, None].expand(3, len(images))
    return jitter(images, changes)


def test_colours_are_taken_away_and_added(images: Tensor) -> None:
    plain = images.float()
    grey, middle = plain.mean(3, keepdim=True), plain.mean((1, 2, 3), keepdim=True)
    cases = [
        (changed(images), plain),
        (changed(images, saturation=-1), grey.expand_as(plain)),
        (changed(images, saturation=0.3), grey + 1.3 * (plain - grey)),
        (changed(images, contrast=-1), middle.expand_as(plain)),
        (changed(images, contrast=0.3), middle + 1.3 * (plain - middle)),
        (changed(images, brightness=-0.5), plain - BRIGHTNESS / 2),
    ]
    for found, expected in cases:
        assert torch.allclose(found, expected, rtol=0, atol=1e-3)


def test_cutout_blanks_a_square_that_may_reach_over_the_border(images: Tensor) -> None:
    views = torch.cat([apply(images, step, colour_jitter=0.4, cutout=12) for step in range(20)])
    blank = (views == 0).all(1)  # the mean colour
    areas = blank.sum((1, 2))
    assert areas.max() == 144
    assert areas.min() >= 36  # the centre is in the image, so a quarter of the square is
    for mask in blank[:16]:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        assert mask.sum() == len(rows) * len(columns)  # one rectangle


def test_small_images_are_antialiased_and_channels_last(images: Tensor) -> None:
    small = apply(images, size=16)
    assert small.shape == (16, 3, 16, 16)
    assert small.is_contiguous(memory_format=torch.channels_last)
    assert small.mean((2, 3)) == pytest.approx(apply(images).mean((2, 3)), abs=0.05)


@pytest.mark.parametrize(
    "changes", [{"flip": "random"}, {"shift": 4.0}, {"colour_jitter": 0.4}, {"cutout": 8}]
)
def test_what_is_random_is_a_function_of_seed_and_step(images: Tensor, changes: dict[str, object]) -> None:
    def view(step: int, seed: int = 1) -> Tensor:
        return make(**PLAIN | changes, seed=seed)(images, torch.arange(16), step, 0, 32)

    assert torch.equal(view(7), view(7))
    assert not torch.equal(view(7), view(8))
    assert not torch.equal(view(7), view(7, seed=2))
