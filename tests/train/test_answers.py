from __future__ import annotations

import numpy as np
import pytest
import torch

from data.pictures import CLASSES
from train.answers import Answers


@pytest.fixture
def answers() -> Answers:
    """Return answers about three pictures: airplane, airplane, truck."""
    logits = torch.zeros(3, 10)
    logits[[0, 1, 2], [0, 0, 9]] = 5.0
    return Answers(("a", "b", "c"), logits)


def test_confusion_has_a_row_an_actual_class_and_a_column_a_predicted_one(answers: Answers) -> None:
    result = answers.beside({"a": "airplane", "b": "automobile", "c": "truck"})
    assert result
    counts = result.confusion()
    assert counts.loc["airplane", "airplane"] == 1
    assert counts.loc["automobile", "airplane"] == 1
    assert counts.loc["truck", "truck"] == 1
    assert counts.to_numpy().sum() == 3
    assert result.details()["by_class"] == {"airplane": 1.0, "automobile": 0.0, "truck": 1.0}
    assert np.allclose(result.table["confidence"], 0.9428)


def test_only_pictures_whose_class_is_known_are_compared(answers: Answers) -> None:
    result = answers.beside({"c": "ship", "unseen": "cat"})
    assert result
    assert result.table.to_dict("records") == [
        {"picture": "c", "actual": "ship", "predicted": "truck", "confidence": 0.9428}
    ]
    assert result.score.accuracy == 0
    assert answers.beside({}) is None


def test_probabilities_are_those_of_all_classes(answers: Answers) -> None:
    table = answers.probabilities()
    assert list(table) == ["picture", *CLASSES]
    assert table[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)
    assert table["airplane"].tolist() == [0.9428, 0.9428, 0.0064]
