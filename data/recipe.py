"""What a recipe and the choice of images to label consist of: each parameter's type, range and meaning."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Count: TypeAlias = Annotated[int, Field(ge=1)]
Seed: TypeAlias = Annotated[int, Field(ge=0, lt=2**32)]
MOST_RATE = 1e30  # far within float32
Rate: TypeAlias = Annotated[float, Field(ge=0, le=MOST_RATE, allow_inf_nan=False)]
Share: TypeAlias = Annotated[float, Field(ge=0, lt=1)]
ShareOfRun: TypeAlias = Annotated[float, Field(ge=0, le=1)]
# In pixels. The network halves it twice; 8 leave fields of 2 x 2, and 64 take four times the work of 32.
Side: TypeAlias = Annotated[int, Field(ge=8, le=64, multiple_of=4)]

ROUNDING = 0.01  # shares are written with two digits


class Group(BaseModel):
    """Parameters that belong together: frozen, and none but those that are named."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Annotate(Group):
    """Which images to label."""

    source: str = Field(min_length=1, description="data/sample, or a folder of images")
    images: Count = Field(description="how many images, at least 1")
    seed: Seed = Field(description="a whole number; another seed chooses other images")

    @model_validator(mode="after")
    def _full_path(self) -> Annotate:
        """Refuse a `~`: the path is a dependency in dvc.yaml, where DVC takes it literally."""
        if self.source.startswith("~"):
            full = os.path.expanduser(self.source)  # noqa: PTH111  # of an unknown user, as it is
            raise ValueError(f"source is {self.source}; ~ is not expanded here", f"write {full}.")
        return self


class Prepare(Group):
    """Which images to train and test on."""

    source: Literal["sample", "cifar10"] = Field(description="sample or cifar10")

    @property
    def train_images(self) -> int:
        """How many images there are to train on."""
        return {"sample": 5_000, "cifar10": 50_000}[self.source]


class SmallImages(Group):
    """A first part of the run on smaller images than the later ones."""

    share: ShareOfRun = Field(gt=0, description="share of the run's epochs")
    size: Side = Field(description="the image's side in pixels")


class Train(Group):
    """One training run: the network, the schedule, the optimiser and the augmentation."""

    seed: Seed = Field(description="a whole number")
    depth: int = Field(ge=11, description="layers of ResNet v2, 9 n + 2: 56 is the published one")
    epochs: Count = Field(description="how many times each image is seen")
    max_steps: int = Field(ge=0, description="stop after so many steps; 0 for the whole schedule")
    batch: Count = Field(description="images a step")
    validation: int = Field(ge=0, description="how many images to hold out of train and watch each epoch")
    watch_test: bool = Field(description="true to watch the test images instead, as the published run did")
    size: Side = Field(description="side in pixels at which images are shown: 8 to 64, a multiple of 4")
    progressive: tuple[SmallImages, ...] = Field(
        strict=False, description="a list of {share: S, size: PIXELS}"
    )
    start_lr: Rate = Field(description="learning rate at the beginning of the cycle")
    max_lr: Rate = Field(description="learning rate at the peak")
    final_lr: Rate = Field(description="learning rate at the end of the cycle")
    rise: ShareOfRun = Field(description="share of the run from start_lr up to max_lr")
    fall: ShareOfRun = Field(description="share of the run from max_lr down to final_lr")
    lr_changes: Literal["step", "epoch"] = Field(description="step, or epoch as in Keras")
    momentum: Share = Field(description="momentum where the learning rate is lowest")
    momentum_at_peak: Share = Field(description="momentum where the learning rate is max_lr")
    nesterov: bool = Field(description="true or false")
    weight_decay: Rate = Field(description="on kernels and dense layer, with muon_lr on the latter alone")
    muon_lr: Rate = Field(description="a step of Muon at max_lr, as a share of the kernel's norm; 0 for SGD")
    label_smoothing: Share = Field(description="probability spread over all classes")
    precision: Literal["float32", "bfloat16"] = Field(description="bfloat16: where the device has it")
    normalise: Literal["channel", "image"] = Field(description="by channel, or the mean image subtracted")
    compile: Literal["never", "gpu", "always"] = Field(description="whether torch.compile is used")
    devices: Literal["auto"] | Count = Field(
        description="auto (every GPU, or one CPU), or how many processes"
    )
    bn_momentum: float = Field(gt=0, le=1, description="weight of the newest batch in the running statistics")
    flip: Literal["none", "random", "alternating"] = Field(description="none, random or alternating")
    shift: float = Field(ge=0, le=16, description="largest shift, in pixels of the 32")
    shift_by: Literal["pixel", "subpixel"] = Field(description="pixel or subpixel")
    shift_fill: Literal["edge", "reflect"] = Field(description="edge or reflect")
    colour_jitter: Share = Field(description="how much saturation, contrast and brightness vary; 0 for none")
    cutout: int = Field(
        ge=0, le=32, description="side of the blanked square, in pixels of the 32; 0 for none"
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Train:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        cycle, small = self.rise + self.fall, sum(part.share for part in self.progressive)
        if (self.depth - 2) % 9:
            yield f"depth is {self.depth}; expected 9 n + 2, as 11, 20, 29, 38, 47, 56, 110"
        if cycle > 1 + ROUNDING:
            yield f"rise + fall is {cycle:g}; expected at most 1, the whole run"
        if not self.final_lr and cycle < 1 - ROUNDING:
            yield f"rise + fall is {cycle:g}; expected 1 where final_lr is 0, as nothing is learned then"
        if small > 1 + ROUNDING:
            yield f"the shares of progressive add up to {small:g}; expected at most 1, the whole run"
        if max(self.sizes) > self.size:
            yield f"progressive goes up to size {max(self.sizes)}; expected at most {self.size}, as size says"
        if self.shift_by == "pixel" and self.shift % 1:
            yield f"shift is {self.shift:g}, shift_by pixel; expected whole pixels, or subpixel"
        if self.watch_test and self.validation:
            yield "watch_test is true and validation is not 0; expected one of them"
        if self.nesterov and not (momentum := min(self.momentum, self.momentum_at_peak)):
            yield f"nesterov needs a momentum above 0; found {momentum:g}"
        if self.max_lr < max(self.start_lr, self.final_lr) or not self.max_lr:
            yield f"max_lr is {self.max_lr:g}; expected above 0, and at least start_lr and final_lr"

    @property
    def sizes(self) -> tuple[int, ...]:
        """The sides of the images in the parts of the run, in pixels."""
        return (*(part.size for part in self.progressive), self.size)


def too_few(train: Train, images: int) -> str:
    """Return what a training would need more train images for than there are; nothing if they suffice."""
    if train.validation >= images:
        return f"validation is {train.validation}; expected fewer than the {images:,} train images"
    left = images - train.validation
    if train.batch > left:
        return f"batch is {train.batch}; expected at most the {left:,} images that are trained on"
    return ""


class Recipe(Group):
    """A named way to train, with the images it takes."""

    prepare: Prepare
    train: Train
