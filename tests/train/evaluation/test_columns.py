from __future__ import annotations

import numpy as np

from train.evaluation.columns import margin, ranked

SHARES = np.array([[0.2, 0.70004, 0.09996], [0.4, 0.2, 0.4]])


def test_ranks_are_columns_and_of_equal_classes_the_first_comes_first() -> None:
    table = ranked(SHARES, ("cat", "dog", "ship"), top=2)
    assert table.to_dict("list") == {
        "predicted": ["dog", "cat"],
        "confidence": [0.7, 0.4],
        "predicted_2": ["cat", "ship"],
        "confidence_2": [0.2, 0.4],
    }
    assert list(ranked(SHARES[:0], ("cat", "dog", "ship"))) == ["predicted", "confidence"]


def test_the_margin_is_the_likeliest_less_the_second() -> None:
    assert np.allclose(margin(SHARES), [0.50004, 0.0])
