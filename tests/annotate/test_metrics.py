from __future__ import annotations

import math
from typing import Any

import pytest

from annotate.judge import judge
from annotate.metrics import kappa, measure
from tests.annotate.builders import DEFAULT, annotation, choice, entry, picture, rectangle

pytestmark = pytest.mark.usefixtures("room")

CIFAR10 = {"a": "cat", "b": "dog", "c": "cat", "d": "dog"}


def metrics(**labels: list[str]) -> dict[str, Any]:
    """Return the metrics of four pictures, a to d, each with the classes that its annotators gave."""
    entries = [
        entry(name, *(annotation(choice(one), annotator=f"annotator-{n}") for n, one in enumerate(given, 1)))
        for name, given in labels.items()
    ]
    tasks = tuple(picture(name) for name in CIFAR10)
    return measure(*judge(tasks, entries, DEFAULT, CIFAR10))


def test_without_any_label_there_is_nothing_to_compare() -> None:
    assert metrics() == {
        "pictures": 4,
        "labelled": 0,
        "skipped": 0,
        "annotators": 0,
        "boxes": 0,
        "problems": {"unlabelled": 4},
    }


def test_against_cifar10() -> None:
    found = metrics(a=["cat"], b=["dog"], c=["dog"])
    assert (found["labelled"], found["compared"], found["accuracy"]) == (3, 3, 0.6667)
    # Observed 2/3; by chance 2/3 * 1/3 + 1/3 * 2/3 = 4/9; (2/3 - 4/9) / (1 - 4/9) = 0.4
    assert found["kappa"] == 0.4
    assert found["median_seconds"] == 4.0
    assert "agreement" not in found


def test_where_chance_explains_everything_there_is_no_kappa() -> None:
    found = metrics(a=["cat"], c=["cat"])
    assert found["accuracy"] == 1.0
    assert "kappa" not in found


def test_a_tie_is_labelled_and_not_compared() -> None:
    found = metrics(a=["cat", "dog"], b=["dog"])
    assert (found["labelled"], found["compared"]) == (2, 1)


def test_agreement_is_the_mean_over_pairs_of_annotators() -> None:
    found = metrics(a=["cat", "cat", "dog"], b=["dog", "dog", "cat"], c=["cat"])
    # Annotators 1 and 2 agree on a and b (kappa 1), 3 contradicts both (kappa -1, twice).
    assert (found["annotators"], found["agreement"]) == (3, -0.3333)


def test_an_annotator_who_gave_two_classes_agrees_with_nobody() -> None:
    twice = entry(
        "a", annotation(choice("cat")), annotation(choice("dog")), annotation(choice("cat"), annotator="b")
    )
    found = measure(*judge((picture("a"),), [twice], DEFAULT, {}))
    assert "agreement" not in found


def test_skipped_and_then_labelled_counts_as_labelled() -> None:
    skipped, said = annotation(was_cancelled=True), annotation(choice("cat"), rectangle("cat", 0, 0, 9, 9))
    entries = [entry("a", skipped), entry("b", skipped, said)]
    found = measure(*judge((picture("a"), picture("b")), entries, DEFAULT, {}))
    assert (found["labelled"], found["skipped"], found["boxes"]) == (1, 1, 1)
    assert found["problems"] == {"skipped": 2}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([], [], None),
        (["cat"], ["cat"], None),
        (["cat", "dog"], ["cat", "dog"], 1.0),
        (["cat", "dog"], ["dog", "cat"], -1.0),
        (["cat"], ["dog"], 0.0),
    ],
)
def test_kappa(first: list[str], second: list[str], expected: float | None) -> None:
    found = kappa(first, second)
    assert (
        found is None
        if expected is None
        else found is not None and math.isclose(found, expected, abs_tol=1e-9)
    )
