"""Normalisation and random augmentation of batches, on the device.

The data set lies there as uint8, M x 32 x 32 x 3 (NHWC), so that a batch as N x 3 x S x S is channels_last,
which convolutions are fastest with, without a copy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from data.datasets.dataset import SIDE
from data.recipe import Train
from train.core.device import AUGMENT, COINS, seeded

# Mean and standard deviation of red, green and blue over the 50,000 train images, as shares of 255.
MEAN = (0.49139968, 0.48215841, 0.44653091)
STD = (0.24703223, 0.24348513, 0.26158784)

BRIGHTNESS = 96  # of 255, one and a half standard deviations: what a change of brightness by 1 adds


@dataclass(frozen=True)
class Normalise:
    """What is subtracted from an image of 0 to 255, and what it is divided by, both float32.

    mean: 3 (by channel) or 32 x 32 x 3 (the mean image); std: 3.
    """

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, how: str, images: Tensor) -> Normalise:
        """Return the statistics of "channel", mean 0 and deviation 1 of each, or of "image".

        The latter subtracts the mean of the train images (M x 32 x 32 x 3, uint8) and divides by 255, as
        Keras' cifar10_resnet.py does.
        """
        if how == "channel":
            mean, std = (torch.tensor(values, device=images.device) * 255 for values in (MEAN, STD))
            return cls(mean, std)
        mean = (images.sum(0, dtype=torch.int64).double() / len(images)).float()
        return cls(mean, torch.full((3,), 255.0, device=images.device))

    def __call__(self, images: Tensor) -> Tensor:
        """Return N x 32 x 32 x 3, float32, for images of that shape, of 0 to 255, uint8 or float32."""
        return (images.float() - self.mean) / self.std


WHOLE = slice(None)  # a batch that is not shared with other processes


def to_nchw(images: Tensor) -> Tensor:
    """Return a channels_last view, N x 3 x S x S, of N x S x S x 3."""
    return images.permute(0, 3, 1, 2)


def resize(images: Tensor, size: int) -> Tensor:
    """Return images N x C x S x S at N x C x size x size, antialiased."""
    if size == images.shape[-1]:
        return images
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def jitter(images: Tensor, changes: Tensor) -> Tensor:
    """Return images N x 32 x 32 x 3 of 0 to 255 with other colours, float32, not clipped.

    changes, 3 x N, 0 for none: saturation (distance from grey) and contrast (distance from the image's mean)
    are multiplied by 1 + change, then change * BRIGHTNESS is added. After Howard 2013, section 2, where
    brightness is a factor too and grey weighs the channels.
    """
    saturation, contrast, brightness = changes[..., None, None, None]
    images = images.float()
    grey = images.mean(3, keepdim=True)
    middle = images.mean((1, 2, 3), keepdim=True)  # of integers: exact, so equal on every machine
    saturated = grey + (images - grey) * (1 + saturation)
    recoloured: Tensor = middle + (saturated - middle) * (1 + contrast) + brightness * BRIGHTNESS
    return recoloured


@dataclass(frozen=True)
class Augment:
    """The random changes of a recipe; a function of the seed and the step alone."""

    params: Train
    normalise: Normalise

    def __call__(
        self, images: Tensor, rows: Tensor, step: int, epoch: int, size: int, share: slice = WHOLE
    ) -> Tensor:
        """Return the images at `rows` of `images` (M x 32 x 32 x 3, uint8) as N x 3 x size x size.

        `share` is the part of the batch to return, augmented as it is in the whole batch.
        """
        generator = seeded(self.params.seed, AUGMENT, step, device=images.device)
        mirrored = self._flip(len(images), rows, epoch, generator)[share]
        shift = self._shift(len(rows), generator)[:, share]
        batch = images[rows[share]]
        if self.params.colour_jitter:
            batch = jitter(batch, self._colours(len(rows), generator)[:, share])
        batch = to_nchw(self._gather(self.normalise(batch), mirrored, shift))
        if self.params.cutout:
            batch = batch * self._cutout(len(rows), generator)[share]
        return resize(batch, size)

    def _shift(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw how far each image moves down and right, in pixels: 2 x N x 1, uniform."""
        shape, device = (2, count, 1), generator.device
        if self.params.shift_by == "pixel":
            reach = int(self.params.shift)
            return torch.randint(-reach, reach + 1, shape, generator=generator, device=device).float()
        return (torch.rand(shape, generator=generator, device=device) * 2 - 1) * self.params.shift

    def _flip(self, count: int, rows: Tensor, epoch: int, generator: torch.Generator) -> Tensor:
        """Return which of the images are mirrored, N x 1.

        "alternating": at random in the first epoch, then each image every other epoch (Jordan 2024, 94 % on
        CIFAR-10 in 3.29 seconds, section 3.6).
        """
        if self.params.flip == "none":
            return torch.zeros(len(rows), 1, dtype=torch.bool, device=rows.device)
        if self.params.flip == "random":
            return torch.rand((len(rows), 1), generator=generator, device=rows.device) < 0.5
        coins = torch.rand(
            count, generator=seeded(self.params.seed, COINS, device=rows.device), device=rows.device
        )
        return ((coins[rows] < 0.5) ^ bool(epoch % 2))[:, None]

    def _colours(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw changes of saturation, contrast and brightness, 3 x N, at most colour_jitter either way."""
        changes = torch.rand((3, count), generator=generator, device=generator.device) * 2 - 1
        return changes * self.params.colour_jitter

    def _gather(self, images: Tensor, mirrored: Tensor, shift: Tensor) -> Tensor:
        """Return N x 32 x 32 x 3: the images mirrored, then moved by `shift` (2 x N x 1 pixels)."""
        whole = shift.floor()
        places = whole.long() + torch.arange(SIDE, device=shift.device)
        row = torch.arange(len(images), device=shift.device)[:, None, None]
        y, x = (self._inside(place) for place in places)
        if self.params.shift_by == "pixel":
            return images[row, y[:, :, None], self._mirror(x, mirrored)[:, None, :]]
        y1, x1 = (self._inside(place + 1) for place in places)
        wy, wx = (shift - whole)[..., None, None]
        x, x1 = self._mirror(x, mirrored), self._mirror(x1, mirrored)
        above, below = (
            images[row, line[:, :, None], x[:, None, :]] * (1 - wx)
            + images[row, line[:, :, None], x1[:, None, :]] * wx
            for line in (y, y1)
        )
        interpolated: Tensor = above * (1 - wy) + below * wy
        return interpolated

    def _inside(self, place: Tensor) -> Tensor:
        """Map coordinates beyond the border into the image, by its edge or its reflection."""
        if self.params.shift_fill == "edge":
            return place.clamp(0, SIDE - 1)
        return (SIDE - 1) - ((SIDE - 1) - place.abs()).abs()

    @staticmethod
    def _mirror(x: Tensor, mirrored: Tensor) -> Tensor:
        return torch.where(mirrored, SIDE - 1 - x, x)

    def _cutout(self, count: int, generator: torch.Generator) -> Tensor:
        """Return masks, N x 1 x 32 x 32: 0 in a square with its centre anywhere in the image, else 1."""
        centre = torch.randint(SIDE, (2, count, 1), generator=generator, device=generator.device)
        distance = torch.arange(SIDE, device=generator.device) - centre + self.params.cutout // 2
        inside = (distance >= 0) & (distance < self.params.cutout)
        return (~(inside[0][:, None, :, None] & inside[1][:, None, None, :])).float()
