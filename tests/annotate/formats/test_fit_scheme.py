"""Imported labels made to fit: which words mean which option, where boxes lie, and what is left out."""

from __future__ import annotations

from typing import Any

import pytest

from annotate.formats.imported import Answers, ImportedBox, ImportedImage
from annotate.labelling.scheme import Boxes, Choices, Scheme
from tests.annotate.builders import DEFAULT, PEOPLE
from tests.annotate.formats.labelled import fitted

SIGNS = Scheme(
    (
        Choices("a b", ("x",), multiple=False, per_region=False),
        Choices("a-b", ("y",), multiple=False, per_region=False),
    )
)
CLASSES = Scheme((Choices("my class", ("cat", "dog"), multiple=False, per_region=False),))


def with_box(label: str | None, attributes: Answers | None = None) -> ImportedImage:
    return ImportedImage("a", (ImportedBox(label, (1, 2, 3, 4), attributes or {}),))


@pytest.mark.parametrize(
    ("label", "attributes", "problem"),
    [
        ("Person", {"POSE": ("Sitting",), "remark": ("tall",)}, None),
        (None, {"Class": ("kid",)}, None),  # an attribute gives the label
        ("dog", {}, ("unknown class", "'dog' is not in the scheme; left out")),
        (None, {}, ("unknown class", "no attribute gives its label (box); left out")),
        ("kid", {"pose": ("sitting", "standing")}, ("two choices", "pose: sitting, standing")),
        ("kid", {"label": ("many",)}, ("malformed", "label: many; expected a whole number")),
        ("kid", {"hat": ("red",)}, ("unknown attribute", "'hat' is not in the scheme: red")),
    ],
)
def test_labels_and_attributes_of_a_box(
    label: str | None, attributes: Answers, problem: tuple[str, str] | None
) -> None:
    _, problems = fitted(with_box(label, attributes), scheme=PEOPLE)
    expected = [(problem[0], f"r1: {problem[1]}")] if problem else []
    assert [(each.kind, each.what) for each in problems] == expected


@pytest.mark.parametrize(
    ("word", "options", "expected"),
    [
        ("< 18", ["<18"], "<18"),
        ("Age Group", ["age_group"], "age_group"),
        ("t-shirt", ["T Shirt"], "T Shirt"),
        ("15 - 25", ["15-25"], "15-25"),
        ("1.5", ["15"], None),
        ("10-20", ["1020"], None),
        ("1 5", ["15"], None),
        ("<55", ["55+"], None),
        ("C#", ["C", "C++"], None),
        ("c++", ["C", "C++"], "C++"),
        ("c", ["C", "C++"], "C"),
        ("A", ["A+", "A-"], None),
        ("a-b", ["a b", "a-b"], "a-b"),
        ("A B", ["a b", "a-b"], None),  # may mean both
    ],
)
def test_which_option_a_word_means(word: str, options: list[str], expected: str | None) -> None:
    scheme = Scheme((Choices("kind", tuple(options), multiple=False, per_region=False),))
    annotation, problems = fitted(ImportedImage("a", (), {"kind": (word,)}), scheme=scheme)
    assert annotation.label == expected
    assert [each.kind for each in problems] == ([] if expected else ["unknown class"])
    labels = Scheme((Boxes("box", tuple(options)),))
    annotation, problems = fitted(with_box(word), scheme=labels)
    assert [box.label for box in annotation.boxes] == ([expected] if expected else [])
    assert all(repr(word) in each.what for each in problems)


def test_questions_that_differ_in_signs_are_kept_apart() -> None:
    annotation, problems = fitted(ImportedImage("a", (), {"a-b": ("y",), "A B": ("x",)}), scheme=SIGNS)
    assert annotation.answers == {"a-b": "y"}
    assert [each.what for each in problems] == ["'A B' may mean a b or a-b: x"]


@pytest.mark.parametrize(
    ("scheme", "answers", "label", "others"),
    [
        (CLASSES, {"class": ("cat",)}, "cat", {}),  # the image's class, whatever the scheme calls it
        (CLASSES, {"class": ("cat",), "My Class": ("cat",)}, "cat", {}),
        (CLASSES, {"class": ("dog",), "My Class": ("cat",)}, None, {}),
        (SIGNS, {"class": ("x",), "a-b": ("y",)}, "x", {"a-b": "y"}),
        (
            Scheme((*CLASSES.controls, Choices("class", ("sun",), multiple=False, per_region=False))),
            {"class": ("sun",)},
            None,
            {"class": "sun"},
        ),
    ],
)
def test_the_class_of_an_image(
    scheme: Scheme, answers: Answers, label: str | None, others: dict[str, str]
) -> None:
    annotation, _ = fitted(ImportedImage("a", (), answers), scheme=scheme)
    assert (annotation.label, annotation.answers) == (label, others)


@pytest.mark.parametrize(
    ("rectangle", "relative", "expected", "kinds"),
    [
        ((1, 2, 3, 4), False, (1, 2, 3, 4), []),
        ((0.1, 0.1, 0.5, 0.5), True, (2, 1, 10, 5), []),
        ((-1, 8, 3, 4), False, (0, 8, 2, 2), ["outside"]),  # cut off
        ((30, 2, 3, 4), False, None, ["outside"]),
        ((1e8, 2, 3, 4), False, None, ["not a number"]),
        ((10**308, 2, 3, 4), True, None, ["not a number"]),
        ((1, 2, 0, 4), False, None, ["no size"]),
        (("1", 2, 3, 4), False, None, ["not a number"]),
        ((1, 2, 3, None), False, None, ["not a number"]),
        ((1, float("nan"), 3, 4), False, None, ["not a number"]),
        ((1, 10**400, 3, 4), False, None, ["not a number"]),
    ],
)
def test_where_a_box_lies(
    rectangle: tuple[Any, Any, Any, Any], relative: bool, expected: tuple[float, ...] | None, kinds: list[str]
) -> None:
    image = ImportedImage("a", (ImportedBox("cat", rectangle, relative=relative),))
    annotation, problems = fitted(image, (20, 10))
    boxes = [(box.x, box.y, box.width, box.height) for box in annotation.boxes]
    assert boxes == ([expected] if expected else [])
    assert [each.kind for each in problems] == kinds


def test_an_image_of_another_size_keeps_its_class_and_loses_its_boxes() -> None:
    image = ImportedImage("a", (ImportedBox("cat", (1, 2, 3, 4)),), {"class": ("cat",)}, (64, 64))
    annotation, problems = fitted(image, (32, 32), DEFAULT)
    assert (annotation.label, annotation.boxes) == ("cat", ())
    assert [each.kind for each in problems] == ["image changed"]
