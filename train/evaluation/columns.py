"""Probabilities (N x C) as columns of a table: the likeliest classes, and how close the first two are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

DIGITS = 4  # of a probability in a table


def ranked(probabilities: NDArray[np.floating[Any]], classes: Sequence[str], top: int = 1) -> pd.DataFrame:
    """Return the `top` likeliest classes of each row: predicted, confidence, predicted_2, confidence_2, ...

    Of equally likely classes the first comes first. Confidences are probabilities, rounded to four digits.
    """
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :top]
    confidences = np.take_along_axis(probabilities, order, axis=1).astype(np.float64).round(DIGITS)
    names = np.array(classes, dtype=object)[order]
    columns: dict[str, Any] = {}
    for rank in range(top):
        ending = f"_{rank + 1}" if rank else ""
        columns[f"predicted{ending}"] = names[:, rank]
        columns[f"confidence{ending}"] = confidences[:, rank]
    return pd.DataFrame(columns)


def margin(probabilities: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
    """Return the likeliest class' probability less that of the second, N: 0 is undecided.

    Margin sampling: Scheffer et al. 2001, Active Hidden Markov Models for Information Extraction.
    """
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])
