"""What came out of a run: everything that the report shows, each of it worked out once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from data.datasets.dataset import CLASSES
from train.core.model import Model
from train.evaluation import gradcam
from train.evaluation.agreement import agreement
from train.evaluation.calibration import reliability
from train.evaluation.predictions import Answers, Result

SHOWN = 24  # mistakes, and uncertain images

Image = NDArray[np.uint8]
Maps = list[tuple[Image, Image]]


@dataclass(frozen=True)
class Answered:
    """Dataset shown to the network, N x 32 x 32 x 3, uint8, and its answers."""

    images: NDArray[np.uint8]
    answers: Answers


@dataclass(frozen=True)
class About:
    """The run as the files of other stages tell it."""

    recipe: str
    watch_test: bool  # the test images were shown each epoch
    smoothing: float  # of the labels
    epochs: int
    cut_short: int  # after so many steps, as max_steps says; 0: a whole run
    equivalent_epochs: float
    curves: pd.DataFrame
    images: int  # to be labelled
    labelled: int  # of them, with a class or with boxes


@dataclass(frozen=True)
class Findings:
    """The network's answers beside what is known."""

    about: About
    model: Model
    test: Answered
    result: Result  # of the test images
    tasks: Answered  # the images to be labelled
    labelled: pd.DataFrame  # annotators, model and CIFAR-10 side by side; no rows without labels
    labels: Result | None  # of the images on whose label the annotators agree

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Return what goes into train/test.json about the test images."""
        return self.result.metrics() | self.result.details()

    @cached_property
    def confusion(self) -> pd.DataFrame:
        """Return how often each class (rows) was taken for each (columns)."""
        return self.result.confusion()

    @cached_property
    def classes(self) -> pd.DataFrame:
        """Return recall, precision, F1 and the most frequent confusion of each class."""
        return self.result.classes()

    @cached_property
    def reliability(self) -> pd.DataFrame:
        """Return the accuracy by confidence."""
        return reliability(self.result.table)

    @cached_property
    def agreement(self) -> pd.DataFrame:
        """Return how well each two of annotators, model and CIFAR-10 agree."""
        return agreement(self.labelled)

    @cached_property
    def top(self) -> pd.DataFrame:
        """Return the three likeliest classes of each test image, and its actual one."""
        return self.test.answers.top().assign(actual=self.result.table["actual"])

    @cached_property
    def wrong(self) -> list[int]:
        """Return the rows of all mistakes, the most confident first."""
        return self.result.mistakes()

    @cached_property
    def unsure(self) -> list[int]:
        """Return the rows of the least certain test images."""
        return self.test.answers.least_certain()[:SHOWN]

    @cached_property
    def maps(self) -> Maps:
        """Return where the network saw the class it named, and the actual one, for the first mistakes."""
        rows = self.wrong[:SHOWN]
        images = torch.from_numpy(self.test.images[rows]).to(self.test.answers.logits.device)
        table, sides = self.result.table.iloc[rows], []
        for column in ("predicted", "actual"):
            classes = torch.tensor([CLASSES.index(name) for name in table[column]], dtype=torch.int64)
            sides.append(gradcam.overlays(self.model, images, classes.to(images.device)))
        return list(zip(*sides, strict=True))
