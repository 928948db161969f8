from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from data.datasets.dataset import CLASSES
from train.evaluation import predictions


def logits(*classes: str, scale: float = 5.0) -> Tensor:
    """Return logits of images that are predicted as these classes."""
    rows = torch.zeros(len(classes), len(CLASSES))
    for row, name in enumerate(classes):
        rows[row, CLASSES.index(name)] = scale
    return rows


def compared(outputs: Tensor, actual: dict[str, str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the predictions for images a, b, c, ... beside their classes, and the metrics."""
    table = predictions.as_table("abcdefgh"[: len(outputs)], outputs)
    return predictions.with_actual(table, outputs, pd.Series(actual, dtype=str))


def test_confusion_has_a_row_an_actual_class_and_a_column_a_predicted_one() -> None:
    outputs = logits("airplane", "airplane", "truck")
    table, _ = compared(outputs, {"a": "airplane", "b": "automobile", "c": "truck"})
    counts = predictions.confusion(table)
    assert counts.loc["airplane", "airplane"] == 1
    assert counts.loc["automobile", "airplane"] == 1
    assert counts.loc["truck", "truck"] == 1
    assert counts.to_numpy().sum() == 3
    assert predictions.details(table)["by_class"] == {"airplane": 1.0, "automobile": 0.0, "truck": 1.0}
    assert np.allclose(table["confidence"], 0.9428)


def test_only_images_whose_class_is_known_are_compared() -> None:
    outputs = logits("airplane", "airplane", "truck")
    table, metrics = compared(outputs, {"c": "ship", "unseen": "cat"})
    assert table[["image", "actual", "predicted", "confidence"]].to_dict("records") == [
        {"image": "c", "actual": "ship", "predicted": "truck", "confidence": 0.9428}
    ]
    assert metrics == {"images": 1, "accuracy": 0.0, "loss": pytest.approx(5.0589)}
    assert compared(outputs, {})[1] == {"images": 0}


def test_metrics_of_each_class_by_hand() -> None:
    """Of cat: one of two predicted, and one of three predictions of cat is right."""
    outputs = logits("cat", "dog", "cat", "cat") * torch.tensor([[1.0], [2], [3], [4]]) / 5
    table, _ = compared(outputs, {"a": "cat", "b": "cat", "c": "dog", "d": "ship"})
    classes: Any = predictions.by_class(table).set_index("class")
    columns = ["images", "recall", "precision", "f1", "times"]
    assert classes.loc["cat", columns].tolist() == [2, 0.5, 0.3333, 0.4, 1]
    assert classes.loc["cat", "confused"] == "dog"
    assert classes.loc["dog", ["confused", "times", "precision"]].tolist() == ["cat", 1, 0]
    assert np.isnan(classes.loc["airplane", "precision"])
    assert classes["confused"].notna().sum() == 3  # cat, dog and ship
    assert predictions.mistakes(table).index.tolist() == [3, 2, 1]  # the most confident first


def test_of_equally_likely_classes_the_first_is_predicted() -> None:
    table = predictions.as_table("ab", logits("bird", "bird") + logits("horse", "horse"), top=2)
    assert table[["predicted", "predicted_2"]].to_numpy().tolist() == [["bird", "horse"]] * 2
    assert table["margin"].tolist() == [0, 0]
