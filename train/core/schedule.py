"""Super-convergence's one cycle (Smith and Topin 2018; Smith 2018): a pure function of the step.

The learning rate rises linearly from `start_lr` to `max_lr`, falls linearly to `final_lr` and stays there;
momentum goes to `momentum_at_peak` and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from data.recipe import Train


@dataclass(frozen=True)
class Schedule:
    """The cycle of a run with `steps` steps an epoch."""

    params: Train
    steps: int  # in an epoch

    @property
    def total(self) -> int:
        """How many steps the whole schedule has."""
        return self.params.epochs * self.steps

    def _epoch(self, step: int) -> float:
        """Return a step's place in the cycle, in epochs.

        By step that of its middle, so that no step has a rate of 0; by epoch that of the epoch's beginning,
        as in Keras' LearningRateScheduler.
        """
        if self.params.lr_changes == "epoch":
            return step // self.steps
        return (step + 0.5) / self.steps

    def _between(self, step: int, start: float, peak: float, final: float) -> float:
        rise, fall = (share * self.params.epochs for share in (self.params.rise, self.params.fall))
        return float(np.interp(self._epoch(step), (0, rise, rise + fall), (start, peak, final)))

    def lr(self, step: int) -> float:
        """Return the learning rate at a step, counted from 0."""
        return self._between(step, self.params.start_lr, self.params.max_lr, self.params.final_lr)

    def momentum(self, step: int) -> float:
        """Return the momentum at a step, counted from 0."""
        low = self.params.momentum
        return self._between(step, low, self.params.momentum_at_peak, low)


def parts(train: Train) -> list[tuple[int, int]]:
    """Return a run's parts: the epoch that each ends before, and the side of its images in pixels.

    Shares are rounded to whole epochs where a part ends.
    """
    ends = [round(share * train.epochs) for share in accumulate(part.share for part in train.progressive)]
    return [*zip((*ends, train.epochs), train.sizes, strict=True)]
