"""Whether the network is as sure as it should be: with a confidence of 80 % right four times in five."""

from __future__ import annotations

import numpy as np
import pandas as pd

BINS = 15  # as in Guo et al. 2017, section 5


def reliability(answers: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of 15 equal ranges of confidence: its images, mean confidence and accuracy.

    `answers` has a row an image with `actual`, `predicted` and `confidence`. A range without images has
    neither mean (Guo et al. 2017, *On Calibration of Modern Neural Networks*, section 2).
    """
    edges = np.linspace(0, 1, BINS + 1)
    right = answers["actual"] == answers["predicted"]
    table = pd.DataFrame({"confidence": answers["confidence"], "accuracy": right.astype(float)})
    bins = pd.cut(table["confidence"], list(edges), labels=False, include_lowest=True)
    means = table.groupby(bins).mean().reindex(range(BINS))
    counts = bins.value_counts().reindex(range(BINS), fill_value=0)
    ranges = {"from": edges[:-1], "to": edges[1:], "images": counts.to_numpy()}
    return pd.DataFrame(ranges).join(means).round(4)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error: the mean distance of confidence and accuracy, as share of 1.

    Ranges weigh as many images as they hold (Guo et al. 2017, equation 3).
    """
    distance = (table["confidence"] - table["accuracy"]).abs()
    return float((distance * table["images"]).sum() / table["images"].sum())
