from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.labelling.export_file import normalise, read_export
from data.common.errors import UserError
from tests.annotate.builders import choice, entry, rectangle, reply
from tests.tiny import ROOT


def task(image_id: str, *annotations: dict[str, Any], drafts: tuple[Any, ...] = ()) -> dict[str, Any]:
    data = {"image_id": image_id, "sha256": "ab", "image": f"/data/upload/1/9f-{image_id}.png"}
    return {"id": 7, "data": data, "annotations": [*annotations], "drafts": [*drafts]}


def by(person: Any, *result: Any, **more: Any) -> dict[str, Any]:
    return {"id": 3, "completed_by": person, "result": [*result], "lead_time": 4.04, **more}


def test_a_real_reply_becomes_labels_by_image_and_nothing_else() -> None:
    entries = {kept["image_id"]: kept for kept in normalise(reply())}
    assert list(entries) == sorted(entries)
    assert len(entries) == 8
    assert [set(kept) for kept in entries.values()] == [{"image_id", "sha256", "annotations", "drafts"}] * 8
    both = entries["test-00063"]["annotations"]
    assert [(each["annotator"], each["lead_time"]) for each in both] == [
        ("annotator-1", 5.0),
        ("annotator-2", 4.0),
    ]
    assert both[0]["result"] == [
        {**choice("truck"), "origin": "manual"},
        {
            **rectangle("truck", 10, 10, 50, 50),
            "origin": "manual",
            "original_width": 32,
            "original_height": 32,
            "image_rotation": 0,
        },
    ]
    assert entries["test-00017"]["annotations"][0]["was_cancelled"]
    assert entries["test-00042"]["drafts"] == [{"result": [{**choice("ship"), "origin": "manual"}]}]
    assert entries["test-00900"]["annotations"] == entries["test-00900"]["drafts"] == []


def test_no_person_date_or_number_of_the_server_is_left() -> None:
    text = json.dumps(normalise(reply()))
    for trace in ("@", "somebody", "2026-", "unique_id", "created", "updated", "local-files", "aB3xY_1"):
        assert trace not in text


def renamed(value: Any, seed: int) -> Any:
    """Return a reply as another server would give it: other ids, dates, people, order of tasks."""
    chance = random.Random(seed)
    people: dict[Any, int] = {}
    tasks = copy.deepcopy(value)
    chance.shuffle(tasks)
    for raw in tasks:
        raw |= {"id": chance.random(), "created_at": chance.random(), "inner_id": chance.random()}
        chance.shuffle(raw["annotations"])
        chance.shuffle(raw["drafts"])
        for labels in raw["annotations"]:
            person = people.setdefault(labels["completed_by"], chance.randrange(10**9))
            labels |= {"id": chance.random(), "completed_by": person, "created_at": chance.random()}
            labels["unique_id"] = chance.random()
            for region in labels["result"]:
                region["id"] = f"{seed}{region['id']}"
    return tasks


@given(st.integers(0, 2**32))
def test_the_same_labels_give_the_same_bytes(seed: int) -> None:
    twice = (by(1, choice("cat")), by(1, choice("dog")))  # one annotator's
    drafts = ({"result": [choice("ship")]}, {"result": [choice("bird")]})
    raw = [*reply(), task("test-09999", *twice, drafts=drafts)]
    first = json.dumps(normalise(raw), sort_keys=True)
    assert json.dumps(normalise(renamed(raw, seed)), sort_keys=True) == first


def test_annotators_are_numbered_by_the_first_image_that_each_has_labelled() -> None:
    raw = [
        task("b", by(1, choice("cat"))),
        task("a", by({"id": 2, "email": "x@y.org"}, choice("dog"))),
        task("c", by(1, choice("cat")), by(2, choice("cat"))),
    ]
    names = {kept["image_id"]: [each["annotator"] for each in kept["annotations"]] for kept in normalise(raw)}
    assert names == {"a": ["annotator-1"], "b": ["annotator-2"], "c": ["annotator-1", "annotator-2"]}


def test_regions_keep_their_links_under_new_names() -> None:
    parent = rectangle("cat", 0, 0, 9, 9, region="xK2_")
    child = {**rectangle("dog", 1, 1, 2, 2, region="Pq-7"), "parentID": "xK2_"}
    pose = choice("sitting", name="pose", region="Pq-7")
    relation = {"type": "relation", "from_id": "Pq-7", "to_id": "xK2_", "direction": "right"}
    [only] = normalise([task("a", by(1, child, parent, pose, relation))])
    result = only["annotations"][0]["result"]
    assert [part.get("id") for part in result] == ["r1", "r2", "r1", None]
    assert result[0]["parentID"] == "r2"
    assert (result[3]["from_id"], result[3]["to_id"]) == ("r1", "r2")


def test_what_json_does_not_have_becomes_strings() -> None:
    odd = by(1, rectangle("cat", float("nan"), float("-inf"), 9, 9), "odd", lead_time=float("nan"))
    [only] = normalise([task("a", odd)])
    kept = only["annotations"][0]
    assert kept["lead_time"] is None
    assert (kept["result"][0]["value"]["x"], kept["result"][0]["value"]["y"]) == ("nan", "-inf")
    assert kept["result"][1] == "odd"
    json.dumps(only, allow_nan=False)


def test_a_task_that_was_not_pushed_is_named_by_its_file() -> None:
    [only] = normalise([{"data": {"image": "http://somewhere/cat 1.png"}, "annotations": None}])
    assert only == {"image_id": "cat 1.png", "sha256": "", "annotations": [], "drafts": []}


def test_the_committed_export_has_the_committed_tasks() -> None:
    tasks = json.loads((ROOT / "annotate/project/tasks.json").read_text())
    entries = read_export(ROOT / "annotate/project/export.json")
    assert {each["image_id"] for each in entries} == {task["image_id"] for task in tasks}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[{]", "not an export"),
        ("[\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n]\n", "git could not merge two branches"),
        ("{}", "expected a list"),
        ("[7]", "entry 1 has no image_id"),
        (json.dumps([entry("a"), {"image_id": "b"}]), "entry 2 has no image_id"),
        (json.dumps([{**entry("a"), "annotations": "none"}]), "entry 1 has no image_id"),
        (json.dumps([{**entry("a"), "drafts": [7]}]), "entry 1 has no image_id"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message) as error:
        read_export(path)
    assert "export" in error.value.hint
