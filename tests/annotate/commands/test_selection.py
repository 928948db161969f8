from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from annotate.commands import selection


def shares(**rows: list[float]) -> pd.DataFrame:
    """Return probabilities of cat, dog and ship by image."""
    return pd.DataFrame.from_dict(rows, orient="index", columns=["cat", "dog", "ship"])


def test_the_most_uncertain_have_two_classes_nearly_equal() -> None:
    table = shares(sure=[0.9, 0.1, 0.0], torn=[0.45, 0.44, 0.11], half=[0.6, 0.3, 0.1])
    assert selection.uncertain(table, 2) == ["torn", "half"]


def test_diverse_images_come_from_different_corners() -> None:
    corners = {"cat": [1.0, 0.0, 0.0], "dog": [0.0, 1.0, 0.0], "ship": [0.0, 0.0, 1.0]}
    table = shares(**{f"{name}{n}": row for name, row in corners.items() for n in range(5)})
    chosen = selection.diverse(table, 3, seed=1)
    assert {name.rstrip("01234") for name in chosen} == {"cat", "dog", "ship"}


def test_diverse_images_where_few_differ() -> None:
    table = shares(a=[1.0, 0.0, 0.0], b=[1.0, 0.0, 0.0], c=[0.0, 1.0, 0.0], d=[0.0, 1.0, 0.0])
    chosen = selection.diverse(table, 3, seed=1)
    assert len(set(chosen)) == 3
    assert {"a", "b"} & set(chosen)
    assert {"c", "d"} & set(chosen)


@given(count=st.integers(1, 12), seed=st.integers(0, 3))
def test_diverse_images_are_as_many_as_asked_and_different(count: int, seed: int) -> None:
    random = np.random.default_rng(seed).dirichlet(np.ones(3), 12)
    chosen = selection.diverse(shares(**{f"p{n}": list(row) for n, row in enumerate(random)}), count, seed)
    assert len(set(chosen)) == count


def test_doubted_labels_are_ranked_by_their_margin() -> None:
    table = shares(a=[0.05, 0.9, 0.05], b=[0.8, 0.1, 0.1], c=[0.3, 0.4, 0.3])
    doubts = selection.doubted(table, {"a": "cat", "b": "cat", "c": "cat"}, 2)
    assert [(doubt.image, doubt.rival, doubt.margin) for doubt in doubts] == [
        ("a", "dog", 0.075),
        ("c", "dog", 0.45),
    ]
