"""Predictions as a table, and the metrics that follow from it.

Columns: image, actual (the known class), predicted, confidence, predicted_2, confidence_2, ..., margin.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import precision_recall_fscore_support  # type: ignore[import-untyped]
from torch import Tensor

from data.datasets.dataset import CLASSES
from train.core.model import score
from train.evaluation.calibration import calibration_error, reliability
from train.evaluation.columns import margin, ranked

MARGIN_DIGITS = 8  # the least certain images are sorted by it


def as_table(names: Sequence[str], logits: Tensor, top: int = 1) -> pd.DataFrame:
    """Return the `top` likeliest classes of each image from its logits, N x classes, and the margin."""
    probabilities = logits.softmax(1).cpu().numpy()
    table = ranked(probabilities, CLASSES, top)
    table.insert(0, "image", list(names))
    return table.assign(margin=margin(probabilities).astype(np.float64).round(MARGIN_DIGITS))


def with_actual(
    table: pd.DataFrame, logits: Tensor, labels: pd.Series[str]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the rows of the images that `labels` has, by name, with the column `actual`; and their metrics.

    These are the number of images and, unless it is 0, accuracy as share of 1 and loss.
    """
    compared = table[table["image"].isin(labels.index)].copy()
    compared.insert(1, "actual", compared["image"].map(labels))
    if compared.empty:
        return compared, {"images": 0}
    targets = torch.tensor([CLASSES.index(label) for label in compared["actual"]], device=logits.device)
    result = score(logits[compared.index.tolist()], targets)
    metrics = {"images": len(compared), "accuracy": round(result.accuracy, 4), "loss": round(result.loss, 4)}
    return compared, metrics


def confusion(table: pd.DataFrame) -> pd.DataFrame:
    """Count predictions: a row an actual class, a column a predicted one."""
    counts = pd.crosstab(table["actual"], table["predicted"])
    return counts.reindex(index=CLASSES, columns=CLASSES, fill_value=0)


def by_class(table: pd.DataFrame) -> pd.DataFrame:
    """Return a row a class: class, images, recall, precision, f1, confused (most often with), times.

    What is not defined, as the precision of a class that was never predicted, is empty.
    """
    precision, recall, f1, images = precision_recall_fscore_support(
        table["actual"], table["predicted"], labels=list(CLASSES), zero_division=np.nan
    )
    wrong = confusion(table).to_numpy() * (1 - np.eye(len(CLASSES), dtype=int))
    times = wrong.max(axis=1)
    shares = {"recall": recall, "precision": precision, "f1": f1}
    rows = pd.DataFrame({"class": CLASSES, "images": images} | shares).round(4)
    most = pd.Series([CLASSES[column] for column in wrong.argmax(axis=1)])
    return rows.assign(confused=most.where(times > 0), times=times)


def mistakes(table: pd.DataFrame) -> pd.DataFrame:
    """Return the wrong predictions, the most confident first."""
    return by_confidence(table[table["actual"] != table["predicted"]])


def by_confidence(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows, the most confident predictions first."""
    return table.sort_values(["confidence", "image"], ascending=[False, True])


def details(table: pd.DataFrame) -> dict[str, Any]:
    """Return the calibration error and the accuracy of each class."""
    right = table["actual"] == table["predicted"]
    shares = right.groupby(table["actual"]).mean().round(4)
    return {
        "calibration_error": round(calibration_error(reliability(table)), 4),
        "by_class": {str(name): float(share) for name, share in shares.items()},
    }
