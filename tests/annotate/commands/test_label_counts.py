"""Counts out of a server's tasks, as the server gives them; `status` on a real one is in test_push.py."""

from __future__ import annotations

from typing import Any

import pytest

from annotate.commands.label_counts import count
from annotate.labelling.tasks import Task
from tests.annotate.builders import DEFAULT, choice

OURS = [Task("a", "a.png", "1"), Task("b", "b.png", "2")]
BY = {7: "ada@example.org"}


def task(number: int, name: str | None, *labels: str, drafts: int = 0) -> dict[str, Any]:
    """Return a task of the server: its number, its image, what one annotator called it."""
    annotations = [{"completed_by": 7, "lead_time": 2.0, "result": [choice(label)]} for label in labels]
    data = {"image": "x.png"} if name is None else {"image_id": name}
    return {"id": number, "data": data, "annotations": annotations, "drafts": [{"user": 7}] * drafts}


@pytest.mark.parametrize(
    ("there", "left", "foreign", "done"),
    [
        ([], [("a", None, "not pushed"), ("b", None, "not pushed")], 0, 0),
        ([task(1, "a", "cat"), task(2, "b")], [("b", 2, "to do")], 0, 1),
        ([task(1, "a", "cat"), task(2, "b", drafts=1)], [("b", 2, "draft")], 0, 1),
        # One image in two tasks, in either order: labelled once is labelled.
        ([task(1, "a", "cat"), task(2, "a"), task(3, "b", "dog")], [], 0, 2),
        ([task(2, "a"), task(1, "a", "cat"), task(3, "b", "dog")], [], 0, 2),
        # Tasks of others, two of them without a name that we would give.
        ([task(1, "a", "cat"), task(2, "b", "dog"), task(3, None), task(4, None), task(5, "c")], [], 3, 2),
    ],
)
def test_what_is_left_and_what_is_not_ours(
    there: list[dict[str, Any]], left: list[tuple[str, int | None, str]], foreign: int, done: int
) -> None:
    found = count(there, OURS, DEFAULT, BY)
    assert [(one.image, one.number, one.state) for one in found.left] == left
    assert (found.foreign, found.done) == (foreign, done)
    assert sum(person.done for person in found.people.values()) == done
