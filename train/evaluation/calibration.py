"""Calibration: whether predictions with a confidence of 80 % are right four times in five."""

from __future__ import annotations

import numpy as np
import pandas as pd

BINS = 15  # as in Guo et al. 2017, section 5


def reliability(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each of 15 equal ranges of confidence: from, to, images, confidence, accuracy.

    Confidence and accuracy are means, empty for a range without images. Guo et al. 2017, *On Calibration of
    Modern Neural Networks*, section 2.
    """
    edges = np.linspace(0, 1, BINS + 1)
    right = predictions["actual"] == predictions["predicted"]
    table = pd.DataFrame({"confidence": predictions["confidence"], "accuracy": right.astype(float)})
    bins = pd.cut(table["confidence"], list(edges), labels=False, include_lowest=True)
    means = table.groupby(bins).mean().reindex(range(BINS))
    counts = bins.value_counts().reindex(range(BINS), fill_value=0)
    ranges = {"from": edges[:-1], "to": edges[1:], "images": counts.to_numpy()}
    return pd.DataFrame(ranges).join(means).round(4)


def calibration_error(table: pd.DataFrame) -> float:
    """Return the expected calibration error of a reliability table, as share of 1.

    It is the mean distance of confidence and accuracy, weighted by images (Guo et al. 2017, equation 3).
    """
    distances = (table["confidence"] - table["accuracy"]).abs()
    return float((distances * table["images"]).sum() / table["images"].sum())
