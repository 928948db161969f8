from __future__ import annotations

from typing import Any

import pytest

from annotate.labelling.consensus import labelled_images
from annotate.labelling.metrics import alpha, measure
from tests.annotate.builders import DEFAULT, annotation, choice, entry, image, rectangle

pytestmark = pytest.mark.usefixtures("room")

CIFAR10 = {"a": "cat", "b": "dog", "c": "cat", "d": "dog"}


def metrics(**labels: list[str]) -> dict[str, Any]:
    """Return the metrics of four images, a to d, each with the classes that its annotators gave."""
    entries = [
        entry(
            name, *(annotation(choice(label), annotator=f"annotator-{n}") for n, label in enumerate(given, 1))
        )
        for name, given in labels.items()
    ]
    tasks = tuple(image(name) for name in CIFAR10)
    return measure(*labelled_images(tasks, entries, DEFAULT, CIFAR10))


def test_without_any_label_there_is_nothing_to_compare() -> None:
    counts = {"images": 4, "labelled": 0, "skipped": 0, "annotators": 0, "boxes": 0}
    assert metrics() == {**counts, "problems": {"unlabelled": 4}}


def test_against_cifar10() -> None:
    numbers = metrics(a=["cat"], b=["dog"], c=["dog"])
    assert (numbers["labelled"], numbers["compared"], numbers["accuracy"]) == (3, 3, 0.6667)
    # Observed 2/3; by chance 2/3 * 1/3 + 1/3 * 2/3 = 4/9; (2/3 - 4/9) / (1 - 4/9) = 0.4
    assert numbers["kappa"] == 0.4
    assert numbers["median_seconds"] == 4.0
    assert "agreement" not in numbers


def test_where_chance_explains_everything_there_is_no_kappa() -> None:
    numbers = metrics(a=["cat"], c=["cat"])
    assert numbers["accuracy"] == 1.0
    assert "kappa" not in numbers


def test_agreement_counts_every_pair_of_annotators_and_what_chance_would_give() -> None:
    numbers = metrics(a=["cat", "cat", "dog"], b=["dog", "dog", "cat"], c=["cat"])
    # On a and on b two of three pairs differ: 2/3. By chance, out of the three cats and three dogs there (c
    # has one annotator only), 2 * 3 * 3 / (6 * 5) = 3/5 would. 1 - (2/3) / (3/5) = -1/9
    assert (numbers["annotators"], numbers["agreement"]) == (3, -0.1111)


def test_an_annotator_who_gave_two_classes_agrees_with_nobody() -> None:
    twice = entry(
        "a", annotation(choice("cat")), annotation(choice("dog")), annotation(choice("cat"), annotator="b")
    )
    numbers = measure(*labelled_images((image("a"),), [twice], DEFAULT, {}))
    assert "agreement" not in numbers


@pytest.mark.parametrize(
    "classes", [[], [["cat"], ["dog"]], [["cat", "cat", "cat"], ["cat", "cat"], ["dog"]]]
)
def test_alpha_without_two_annotators_or_two_classes(classes: list[list[str]]) -> None:
    assert alpha(classes) is None


def test_skipped_and_then_labelled_counts_as_labelled() -> None:
    skipped, cat = annotation(was_cancelled=True), annotation(choice("cat"), rectangle("cat", 0, 0, 9, 9))
    entries = [entry("a", skipped), entry("b", skipped, cat)]
    numbers = measure(*labelled_images((image("a"), image("b")), entries, DEFAULT, {}))
    assert (numbers["labelled"], numbers["skipped"], numbers["boxes"]) == (1, 1, 1)
    assert numbers["problems"] == {"skipped": 2}


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", section C: four observers, twelve
    # units, values that are missing; for nominal data 0.743.
    observers = ("123321412   ", "1233224125 3", " 3332342251 ", "12332441251 ")
    units = [[value for value in unit if value != " "] for unit in zip(*observers, strict=True)]
    assert alpha(units) == pytest.approx(0.743, abs=5e-4)
