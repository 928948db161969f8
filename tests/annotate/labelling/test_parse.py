from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.labelling.parse import read
from annotate.labelling.records import Problem
from tests.annotate.builders import DEFAULT, PEOPLE, annotation, choice, entry, rectangle

SIZE = (32, 32)
PLAIN = rectangle("cat", 25, 25, 50, 50)
LARGER = {**PLAIN, "original_width": 64, "original_height": 64}


def labelled(labels: list[Any]) -> dict[str, Any]:
    return {**PLAIN, "value": {**PLAIN["value"], "rectanglelabels": labels}}


def kinds(problems: list[Problem]) -> list[str]:
    return sorted(problem.kind for problem in problems)


def test_a_class_and_a_box() -> None:
    annotations, problems = read(
        entry("test-00042", annotation(choice("cat"), PLAIN, seconds=4.26)), DEFAULT, SIZE
    )
    assert problems == []
    [labels] = annotations
    assert (labels.image, labels.annotator, labels.seconds) == ("test-00042", "annotator-1", 4.3)
    assert labels.label == "cat"
    [box] = labels.boxes
    assert (box.region, box.label, box.x, box.y, box.width, box.height) == ("r2", "cat", 8, 8, 16, 16)


@pytest.mark.parametrize(
    ("result", "kind", "what", "label", "boxes"),
    [
        ([choice("cat", "dog")], "two choices", "class: cat, dog", None, 0),
        ([choice("unicorn")], "unknown class", "class: 'unicorn' is not in the scheme", None, 0),
        ([choice("unicorn", "cat")], "unknown class", "'unicorn'", "cat", 0),
        ([PLAIN], "no class", "gave no class", None, 1),
        ([choice("dog"), PLAIN], "box against class", "dog, but the boxes are cat", "dog", 1),
        ([choice("cat"), rectangle("unicorn", 1, 1, 9, 9)], "unknown class", "r2: 'unicorn'", "cat", 0),
        ([choice("cat"), rectangle("cat", -10, 0, 50, 50)], "outside", "cut off left by 3.20 px", "cat", 1),
        ([choice("cat"), rectangle("cat", 200, 0, 50, 50)], "outside", "wholly outside", "cat", 0),
        ([choice("cat"), rectangle("cat", 1, 1, 0, 9)], "no size", "0 x 2.88 px", "cat", 0),
        ([choice("cat"), rectangle("cat", "nan", 1, 9, 9)], "not a number", "x is 'nan'", "cat", 0),
        ([choice("cat"), rectangle("cat", 50, 20, 40, 30, 30)], "rotated", "by 30 degrees", "cat", 1),
        ([choice("cat"), {**PLAIN, "image_rotation": 90}], "turned", "by 90 degrees", "cat", 0),
        ([choice("cat"), LARGER], "image changed", "drawn on 64 x 64 pixels", "cat", 1),
        ([choice("cat"), choice("red", name="colour")], "unknown attribute", "'colour' is", "cat", 0),
        ([choice("cat"), "nonsense"], "malformed", "'nonsense' is not a result", "cat", 0),
        ([choice("cat"), {"from_name": "box"}], "malformed", "is not a result", "cat", 0),
        ([choice("cat"), {**PLAIN, "type": "polygonlabels"}], "malformed", "'polygonlabels'", "cat", 0),
        ([choice("cat"), labelled([])], "unknown class", "None", "cat", 0),
        ([choice("cat"), labelled(["cat", "dog"])], "two choices", "r2: cat, dog; left out", "cat", 0),
        ([choice("cat"), labelled(["unicorn", "cat"])], "unknown class", "r2: 'unicorn' is not", "cat", 1),
    ],
)
def test_each_kind_of_problem_is_named_and_the_rest_is_kept(
    result: list[Any], kind: str, what: str, label: str | None, boxes: int
) -> None:
    annotations, problems = read(entry("test-00042", annotation(*result)), DEFAULT, SIZE)
    assert kinds(problems) == [kind]
    assert what in problems[0].what
    assert problems[0].what.startswith("annotator-1: ")
    assert (annotations[0].label, len(annotations[0].boxes)) == (label, boxes)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (annotation(choice("cat"), was_cancelled=True), "skipped"),
        (annotation(), "empty"),
        ({**annotation(), "result": None}, "empty"),
    ],
)
def test_skipped_and_empty_annotations_and_drafts(raw: dict[str, Any], kind: str) -> None:
    annotations, problems = read(entry("test-00042", raw, drafts=[{"result": []}]), DEFAULT, SIZE)
    assert (annotations, kinds(problems)) == ([], sorted(["draft", kind]))


def test_without_the_image_the_class_is_kept_and_boxes_are_named() -> None:
    annotations, problems = read(entry("test-00042", annotation(choice("cat"), PLAIN)), DEFAULT, None)
    assert (annotations[0].label, annotations[0].boxes, kinds(problems)) == ("cat", (), ["no image"])


STARS = {**choice(name="label", region="r2"), "type": "rating", "value": {"rating": 4.0}}


def person(*attributes: dict[str, Any]) -> tuple[dict[str, str], list[Problem]]:
    result = (rectangle("person", 0, 0, 50, 50), *attributes)
    annotations, problems = read(entry("a", annotation(*result)), PEOPLE, SIZE)
    return dict(annotations[0].boxes[0].attributes), problems


def test_attributes_belong_to_their_box() -> None:
    remark = {**choice(name="remark", region="r2"), "type": "textarea", "value": {"text": ["tall", "thin"]}}
    attributes, problems = person(
        choice("sitting", name="pose", region="r2"),
        choice("hat", "bag", name="accessories", region="r2"),
        STARS,
        remark,
    )
    assert attributes == {"pose": "sitting", "accessories": "bag|hat", "label": "4", "remark": "tall|thin"}
    assert problems == []


@pytest.mark.parametrize(
    ("attribute", "kind", "what"),
    [
        (choice("sitting", "standing", name="pose", region="r2"), "two choices", "pose: sitting, standing"),
        (choice("flying", name="pose", region="r2"), "unknown attribute", "r2: pose: 'flying'"),
        ({**STARS, "value": {"rating": "abc"}}, "malformed", "r2: label: abc; expected a whole number"),
        (choice("sitting", name="pose", region="r9"), "malformed", "answered for r9, which is not a box"),
    ],
)
def test_attributes_that_do_not_fit(attribute: dict[str, Any], kind: str, what: str) -> None:
    attributes, problems = person(attribute)
    assert attributes == {}
    assert kinds(problems) == [kind]
    assert what in problems[0].what


def test_questions_about_the_image_beside_its_class() -> None:
    annotations, problems = read(entry("a", annotation(choice("rain", "sun", name="weather"))), PEOPLE, SIZE)
    assert (annotations[0].label, annotations[0].answers, problems) == (None, {"weather": "sun|rain"}, [])


LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["cat", "box", "class", "r1"])
)
NAMES = st.sampled_from(
    ["id", "from_name", "type", "value", "choices", "rectanglelabels", "x", "original_width"]
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=6),
    max_leaves=12,
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "id": LEAVES,
        "from_name": st.sampled_from(["class", "box", "x"]),
        "type": st.sampled_from(["choices", "rectanglelabels"]),
        "value": st.dictionaries(NAMES, JSON, max_size=4),
        "original_width": JSON,
        "image_rotation": LEAVES,
    },
)


@given(st.lists(PARTS | JSON, max_size=5), JSON)
def test_nothing_that_a_server_may_send_raises(result: list[Any], seconds: Any) -> None:
    annotations, problems = read(entry("a", annotation(*result, seconds=seconds)), DEFAULT, SIZE)
    assert annotations or problems
