from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.evaluation.calibration import BINS, calibration_error, reliability

PREDICTIONS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def predictions(pairs: list[tuple[float, bool]]) -> pd.DataFrame:
    """Return predictions with the given confidences, right or wrong."""
    rows = [("cat", "cat" if right else "dog", confidence) for confidence, right in pairs]
    return pd.DataFrame(rows, columns=["actual", "predicted", "confidence"])


@pytest.mark.parametrize(
    ("pairs", "error"),
    [
        ([(1.0, True)] * 4, 0.0),  # confident and right
        ([(1.0, False)] * 4, 1.0),  # confident and wrong
        ([(0.75, True)] * 3 + [(0.75, False)], 0.0),  # as accurate as confident
        ([(0.9, True), (0.9, False), (0.2, False), (0.2, False)], 0.3),  # half 0.4 off, half 0.2
        ([(0.0, False)], 0.0),
    ],
)
def test_the_error_is_how_far_confidence_is_from_accuracy(
    pairs: list[tuple[float, bool]], error: float
) -> None:
    assert calibration_error(reliability(predictions(pairs))) == pytest.approx(error, abs=1e-4)


@given(PREDICTIONS)
def test_every_prediction_is_in_a_range_and_the_error_is_a_share(pairs: list[tuple[float, bool]]) -> None:
    table = reliability(predictions(pairs))
    assert len(table) == BINS
    assert table["images"].sum() == len(pairs)
    assert (table["accuracy"].notna() == (table["images"] > 0)).all()
    filled = table.dropna()
    assert (filled["confidence"].between(filled["from"] - 1e-3, filled["to"] + 1e-3)).all()
    assert 0 <= calibration_error(table) <= 1


@given(PREDICTIONS)
def test_the_error_is_at_least_that_of_all_predictions_together(pairs: list[tuple[float, bool]]) -> None:
    """By the triangle inequality: ranges can hide nothing that the means of all show."""
    mean = abs(sum(c for c, _ in pairs) - sum(right for _, right in pairs)) / len(pairs)
    assert calibration_error(reliability(predictions(pairs))) >= mean - 2e-4
