from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from data.datasets.dataset import CLASSES
from train.evaluation.predictions import Answers


@pytest.fixture
def answers() -> Answers:
    """Return answers about three images: airplane, airplane, truck."""
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


def test_only_images_whose_class_is_known_are_compared(answers: Answers) -> None:
    result = answers.beside({"c": "ship", "unseen": "cat"})
    assert result
    assert result.table.to_dict("records") == [
        {"image": "c", "actual": "ship", "predicted": "truck", "confidence": 0.9428}
    ]
    assert result.score.accuracy == 0
    assert answers.beside({}) is None


def test_probabilities_are_those_of_all_classes(answers: Answers) -> None:
    table = answers.probabilities()
    assert list(table) == ["image", *CLASSES]
    assert table[list(CLASSES)].sum(axis=1).to_numpy() == pytest.approx(1, abs=1e-3)
    assert table["airplane"].tolist() == [0.9428, 0.9428, 0.0064]


def test_each_class_by_hand() -> None:
    """Of cat: one of two recognised, and one of three answers "cat" is right."""
    logits = torch.zeros(4, 10)
    for row, name in enumerate(["cat", "dog", "cat", "cat"]):
        logits[row, CLASSES.index(name)] = 1.0 + row
    answers = Answers(("a", "b", "c", "d"), logits)
    result = answers.beside({"a": "cat", "b": "cat", "c": "dog", "d": "ship"})
    assert result
    classes: Any = result.classes().set_index("class")
    numbers = classes.loc["cat", ["images", "recall", "precision", "f1", "times"]].tolist()
    assert numbers == [2, 0.5, 0.3333, 0.4, 1]
    assert classes.loc["cat", "confused"] == "dog"
    assert classes.loc["dog", ["confused", "times", "precision"]].tolist() == ["cat", 1, 0]
    assert np.isnan(classes.loc["airplane", "precision"])
    assert classes["confused"].notna().sum() == 3  # cat, dog and ship
    assert result.mistakes() == [3, 2, 1]  # the most confident first
    assert answers.least_certain() == [0, 1, 2, 3]


def test_of_equally_likely_classes_the_first_counts_everywhere() -> None:
    logits = torch.zeros(2, 10)
    logits[:, [2, 7]] = 1.0
    answers = Answers(("a", "b"), logits)
    assert answers.table()["predicted"].tolist() == ["bird", "bird"]
    assert answers.top(2)[["class_1", "class_2"]].to_numpy().tolist() == [["bird", "horse"]] * 2
