"""What a file says made to fit the scheme: which words mean which option, and what is left out."""

from __future__ import annotations

import pytest

from annotate.formats.fit import fit
from annotate.formats.imported import ImportedBox, ImportedImage
from annotate.labelling.records import Annotation
from annotate.labelling.scheme import Boxes, Choices, Scheme
from annotate.labelling.tasks import Task
from tests.annotate.builders import DEFAULT
from tests.annotate.builders import PEOPLE as ATTRIBUTES


def one_box(told_label: str | None, **said: tuple[str, ...]) -> tuple[Annotation | None, list[str]]:
    labelled = ImportedImage("a", (ImportedBox(told_label, 1, 2, 3, 4, said),))
    annotation, problems = fit(labelled, Task("a", "a.png", ""), ATTRIBUTES, (10, 10), "somebody")
    return annotation, [f"{one.kind}: {one.what}" for one in problems]


def test_labels_and_answers_that_the_scheme_does_not_have() -> None:
    assert one_box("Person", POSE=("Sitting",), remark=("tall",))[1] == []
    assert one_box(None, Class=("kid",))[1] == []
    assert one_box("dog")[1] == ["unknown class: r1: 'dog' is not in the scheme; left out"]
    assert one_box(None)[1] == ["unknown class: r1: no attribute tells its label (box); left out"]
    assert one_box("kid", pose=("sitting", "standing"))[1] == ["two choices: r1: pose: sitting, standing"]
    wrong = "unknown attribute: r1: label: many; expected a whole number"
    assert one_box("kid", label=("many",))[1] == [wrong]
    annotation, problems = one_box("kid", label=("4.0",))  # as pandas writes a column with gaps
    assert annotation is not None
    assert (annotation.boxes[0].attributes, problems) == ({"label": "4"}, [])


SIGNS = Scheme(
    (
        Choices("grade", ("A+", "A-", "B", "5+"), multiple=False, per_region=False),
        Choices("a b", ("x",), multiple=False, per_region=False),
        Choices("a-b", ("y",), multiple=False, per_region=False),
        Boxes("box", ("C", "C++")),
    )
)


@pytest.mark.parametrize(
    ("label", "grade", "problems"),
    [
        ("C", "A-", []),
        ("C++", "A+", []),
        ("c", "a+", []),
        ("C#", "b", ["unknown class: r1: 'C#' is not in the scheme; left out"]),
        ("C", "A", ["unknown class: grade: 'A' is not in the scheme"]),
        ("c++", "<5", ["unknown class: grade: '<5' is not in the scheme"]),
    ],
)
def test_names_that_differ_in_signs_alone_are_not_taken_for_each_other(
    label: str, grade: str, problems: list[str]
) -> None:
    said = ImportedImage("a", (ImportedBox(label, 1, 2, 3, 4),), {"grade": (grade,)})
    annotation, found = fit(said, Task("a", "a.png", ""), SIGNS, (10, 10), "somebody")
    assert [f"{one.kind}: {one.what}" for one in found] == problems
    assert annotation is not None
    assert [box.label for box in annotation.boxes] == [label.upper()] * (label != "C#")
    assert annotation.label == (grade.upper() if grade not in {"A", "<5"} else None)


def test_questions_that_differ_in_signs_alone_are_not_taken_for_each_other() -> None:
    said = ImportedImage("a", (), {"a-b": ("y",), "A B": ("x",)})
    annotation, problems = fit(said, Task("a", "a.png", ""), SIGNS, (10, 10), "somebody")
    assert annotation is not None
    assert annotation.answers == {"a-b": "y"}
    assert [one.what for one in problems] == ["A B: x; may mean a b or a-b"]


def test_the_class_of_coco_beside_a_question_of_nearly_the_same_name() -> None:
    scheme = Scheme(SIGNS.controls[1:])
    said = ImportedImage("a", (), {"class": ("x",), "a-b": ("y",)})
    annotation, problems = fit(said, Task("a", "a.png", ""), scheme, (10, 10), "somebody")
    assert annotation is not None
    assert (annotation.label, annotation.answers, problems) == ("x", {"a-b": "y"}, [])


def test_a_question_that_is_called_class_and_is_not_the_images_class() -> None:
    weather, kind = (
        Choices(name, options, multiple=False, per_region=False)
        for name, options in (("weather", ("sun", "rain")), ("class", ("cat", "sun")))
    )
    said = ImportedImage("a", (), {"class": ("sun",)})
    annotation, problems = fit(said, Task("a", "a.png", ""), Scheme((weather, kind)), (10, 10), "somebody")
    assert annotation is not None
    assert (annotation.label, annotation.answers, problems) == (None, {"class": "sun"}, [])


@pytest.mark.parametrize(
    ("word", "option", "same"),
    [
        ("< 18", "<18", True),
        ("Age Group", "age_group", True),
        ("t-shirt", "T Shirt", True),
        ("15 - 25", "15-25", True),
        ("1.5", "15", False),
        ("10-20", "1020", False),
        ("1 5", "15", False),
        ("<55", "55+", False),
        ("C#", "C", False),
    ],
)
def test_which_ways_to_write_an_option_are_one(word: str, option: str, same: bool) -> None:
    scheme = Scheme((Choices("kind", (option,), multiple=False, per_region=False),))
    said = ImportedImage("a", (), {"kind": (word,)})
    annotation, _ = fit(said, Task("a", "a.png", ""), scheme, (10, 10), "somebody")
    assert (annotation is not None and annotation.label == option) == same


def test_a_number_of_hundreds_of_digits_is_outside() -> None:
    said = ImportedImage("a", (ImportedBox("C", 10**308, 2, 3, 4),))
    assert [one.kind for one in fit(said, Task("a", "a.png", ""), SIGNS, (10, 10), "x")[1]] == [
        "not a number"
    ]


def test_a_image_of_another_size_keeps_its_class_and_loses_its_boxes() -> None:
    labelled = ImportedImage("a", (ImportedBox("cat", 1, 2, 3, 4),), {"class": ("cat",)}, (64, 64))
    annotation, problems = fit(labelled, Task("a", "a.png", ""), DEFAULT, (32, 32), "somebody")
    assert annotation is not None
    assert (annotation.label, annotation.boxes) == ("cat", ())
    assert [one.kind for one in problems] == ["image changed"]
