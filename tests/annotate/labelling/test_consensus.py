from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from annotate.labelling.consensus import check_image, labelled_images
from annotate.labelling.records import KINDS, Problem
from annotate.labelling.tasks import Task
from tests.annotate.builders import DEFAULT, annotation, choice, entry, image, labelled, rectangle
from tests.tiny import ROOT

pytestmark = pytest.mark.usefixtures("room")


def by(number: int, label: str, *boxes: dict[str, Any]) -> dict[str, Any]:
    return annotation(choice(label), *boxes, annotator=f"annotator-{number}")


@pytest.mark.parametrize(
    ("labels", "agreed", "problems"),
    [
        ([], None, ["unlabelled"]),
        (["cat"], "cat", []),
        (["cat", "cat"], "cat", []),
        (["cat", "dog"], None, ["tie"]),
        (["cat", "dog", "dog"], "dog", ["conflict"]),
        (["cat", "dog", "frog"], None, ["tie"]),
        (["cat", "cat", "dog", "dog", "frog"], None, ["tie"]),
    ],
)
def test_the_majority_decides(labels: list[str], agreed: str | None, problems: list[str]) -> None:
    image, named = labelled(*(by(number, label) for number, label in enumerate(labels, 1)))
    assert image.agreed == agreed
    assert [problem.kind for problem in named] == problems
    assert image.disputed == bool({"tie", "conflict"} & set(problems))


def test_boxes_are_those_of_the_first_annotator_who_agrees_with_the_majority() -> None:
    box = rectangle("dog", 0, 0, 50, 50)
    image, problems = labelled(by(1, "cat"), by(2, "dog", box), by(3, "dog", box))
    assert image.chosen is not None
    assert image.chosen.annotator == "annotator-2"
    assert [problem.kind for problem in problems] == ["conflict", "conflict"]
    assert "boxes differ: annotator-1: 0, annotator-2: 1, annotator-3: 1" in problems[1].what


def test_one_annotator_twice() -> None:
    _, problems = labelled(by(1, "cat"), by(1, "cat"))
    assert problems == [Problem("test-00042", "twice by one annotator", "annotator-1: 2 annotations")]


def test_boxes_at_nearly_the_same_place() -> None:
    boxes = [
        rectangle("cat", x, 10, 50, 50, region=region) for x, region in ((10, "r2"), (11, "r3"), (30, "r4"))
    ]
    image, problems = labelled(by(1, "cat", *boxes))
    assert problems == [Problem("test-00042", "near-duplicate", "annotator-1: r2 cat and r3 cat")]
    assert len(image.annotations[0].boxes) == 3


def problems_of(*entries: dict[str, Any]) -> list[str]:
    _, problems = labelled_images((image("a"),), entries, DEFAULT, {})
    return [f"{problem.image} {problem.kind}" for problem in problems]


def test_tasks_that_are_not_ours_and_tasks_that_are_there_twice() -> None:
    cat = annotation(choice("cat"))
    assert problems_of() == ["a unlabelled"]
    assert problems_of(entry("a", cat), entry("b", cat)) == ["b not ours"]
    assert problems_of(entry("a", cat), entry("a")) == ["a task twice"]
    assert problems_of(entry("a", drafts=[{"result": []}])) == ["a draft"]


def test_an_image_that_is_not_the_one_that_was_labelled() -> None:
    cat = annotation(choice("cat"))
    assert problems_of(entry("a", cat, sha256="another")) == ["a image changed"]
    assert problems_of(entry("a", cat, sha256=image("a").sha256)) == []
    assert problems_of(entry("a", cat, sha256="")) == []  # a task that somebody imported by hand


def test_an_image_that_was_exchanged_is_missing_or_is_damaged() -> None:
    task = image("a")
    assert check_image(task) == ((32, 32), [])
    Image.new("RGB", (10, 20)).save(task.image)
    size, [problem] = check_image(task)
    assert (size, problem.kind) == ((10, 20), "image changed")
    whole = Path(task.image).read_bytes()
    for damaged in (whole[:-30], b"\x89PNG no more", b""):
        Path(task.image).write_bytes(damaged)
        assert check_image(task) == (None, [Problem("a", "no image", "annotate/out/images/a.png is damaged")])
    Path(task.image).unlink()
    size, [problem] = check_image(Task("a", task.image, task.sha256))
    assert (size, problem) == (None, Problem("a", "no image", "annotate/out/images/a.png is missing"))


def test_an_undocumented_kind_of_problem_is_a_bug() -> None:
    with pytest.raises(ValueError, match="unknown kind of problem"):
        Problem("a", "strange", "")


def test_the_rooms_readme_lists_every_kind_of_problem() -> None:
    table = (ROOT / "annotate/README.md").read_text().partition("| kind | meaning |")[2]
    assert set(re.findall(r"^\| ([a-z -]+) \| ", table, re.MULTILINE)) - {"---"} == KINDS
