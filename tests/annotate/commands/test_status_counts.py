"""Counts of a server's tasks, as the server gives them."""

from __future__ import annotations

from typing import Any

import pytest

from annotate.commands.status import NO_CLASS, count
from annotate.labelling.tasks import Task
from tests.annotate.builders import DEFAULT, choice

OURS = [Task("a", "a.png", "1"), Task("b", "b.png", "2")]
EMAILS = {7: "ada@example.org", 8: "bob@example.org"}


def task(number: int, name: str | None, *labels: str, drafts: int = 0) -> dict[str, Any]:
    """Return a task of the server: its number, its image, and the classes that an annotator gave it."""
    annotations = [{"completed_by": 7, "lead_time": 2.0, "result": [choice(label)]} for label in labels]
    data = {"image": "x.png"} if name is None else {"image_id": name}
    return {"id": number, "data": data, "annotations": annotations, "drafts": [{"user": 7}] * drafts}


@pytest.mark.parametrize(
    ("there", "left", "done"),
    [
        ([], [("a", None, "not pushed"), ("b", None, "not pushed")], 0),
        ([task(1, "a", "cat"), task(2, "b")], [("b", 2, "to do")], 1),
        ([task(1, "a", "cat"), task(2, "b", drafts=1)], [("b", 2, "draft")], 1),
        # Two tasks of an image, in either order: labelled once is labelled.
        ([task(1, "a", "cat"), task(2, "a"), task(3, "b", "dog")], [], 2),
        ([task(2, "a"), task(1, "a", "cat"), task(3, "b", "dog")], [], 2),
        # Tasks of others.
        ([task(1, "a", "cat"), task(2, "b", "dog"), task(3, None), task(5, "c", "cat")], [], 2),
    ],
)
def test_what_is_left(
    there: list[dict[str, Any]], left: list[tuple[str, int | None, str]], done: int
) -> None:
    counts = count(there, OURS, DEFAULT, EMAILS)
    assert [(image.image, image.number, image.state) for image in counts.left] == left
    assert sum(counts.people()["done"]) == done


def test_work_by_annotator_and_class() -> None:
    first = task(1, "a", "cat", "unicorn")
    first["annotations"] += [
        {"completed_by": {"id": 8}, "result": [], "lead_time": None},
        {"completed_by": 9, "was_cancelled": True, "lead_time": 50.0},
    ]
    first["annotations"][1]["lead_time"] = 5.0
    counts = count([first, task(2, "b", drafts=1)], OURS, DEFAULT, EMAILS)
    people = counts.people().reset_index().fillna(-1).to_numpy().tolist()
    assert people == [
        ["9", 0, 1, 0, 1, -1],
        ["ada@example.org", 2, 0, 1, 1, 3.5],
        ["bob@example.org", 1, 0, 0, 1, -1],
    ]
    classes = counts.classes(DEFAULT)
    assert dict(classes.sum()) == {"ada@example.org": 2, "bob@example.org": 1}
    assert list(classes.index[-2:]) == [NO_CLASS, "unicorn"]
    assert classes.loc["cat", "ada@example.org"] == 1
