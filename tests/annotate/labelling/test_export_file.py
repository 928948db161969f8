from __future__ import annotations

import copy
import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from annotate.labelling.export_file import normalise, unlabelled
from annotate.labelling.tasks import Task
from tests.annotate.builders import choice, rectangle, reply


def task(image_id: str, *annotations: dict[str, Any], drafts: tuple[Any, ...] = ()) -> dict[str, Any]:
    data = {"image_id": image_id, "sha256": "ab", "image": f"/data/upload/1/9f-{image_id}.png"}
    return {"id": 7, "data": data, "annotations": [*annotations], "drafts": [*drafts]}


def by(person: Any, *result: Any, **more: Any) -> dict[str, Any]:
    return {"id": 3, "completed_by": person, "result": [*result], "lead_time": 4.04, **more}


def raw_again(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a tidy export as a server would give it."""
    return [
        {
            "data": {"image_id": entry["image_id"], "sha256": entry["sha256"]},
            "annotations": [{**one, "completed_by": one["annotator"]} for one in entry["annotations"]],
            "drafts": entry["drafts"],
        }
        for entry in entries
    ]


def test_a_real_reply_becomes_labels_by_image_and_nothing_else() -> None:
    entries = {entry["image_id"]: entry for entry in normalise(reply())}
    assert list(entries) == sorted(entries)
    assert len(entries) == 8
    assert [set(entry) for entry in entries.values()] == [{"image_id", "sha256", "annotations", "drafts"}] * 8
    both = entries["test-00063"]["annotations"]
    assert [(one["annotator"], one["lead_time"]) for one in both] == [
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
    for one in tasks:
        one |= {"id": chance.random(), "created_at": chance.random(), "inner_id": chance.random()}
        chance.shuffle(one["annotations"])
        chance.shuffle(one["drafts"])
        for annotation in one["annotations"]:
            person = people.setdefault(annotation["completed_by"], chance.randrange(10**9))
            annotation |= {"id": chance.random(), "completed_by": person, "created_at": chance.random()}
            annotation["unique_id"] = chance.random()
            for region in annotation["result"]:
                region["id"] = f"{seed}{region['id']}"
    return tasks


@given(st.integers(0, 2**32))
def test_the_same_labels_give_the_same_bytes(seed: int) -> None:
    twice = (by(1, choice("cat")), by(1, choice("dog")))  # one annotator's
    drafts = ({"result": [choice("ship")]}, {"result": [choice("bird")]})
    raw = [*reply(), task("test-09999", *twice, drafts=drafts)]
    first = json.dumps(normalise(raw), sort_keys=True)
    assert json.dumps(normalise(renamed(raw, seed)), sort_keys=True) == first


def test_tidying_twice_changes_nothing() -> None:
    once = normalise(reply())
    assert normalise(raw_again(once)) == once


def test_annotators_are_numbered_by_the_first_image_that_each_has_labelled() -> None:
    raw = [
        task("b", by(1, choice("cat"))),
        task("a", by({"id": 2, "email": "x@y.org"}, choice("dog"))),
        task("c", by(1, choice("cat")), by(2, choice("cat"))),
    ]
    names = {entry["image_id"]: [one["annotator"] for one in entry["annotations"]] for entry in normalise(raw)}
    assert names == {"a": ["annotator-1"], "b": ["annotator-2"], "c": ["annotator-1", "annotator-2"]}


def test_ten_annotators_stand_in_the_order_of_their_numbers() -> None:
    labels = [by(person, rectangle("cat", person, 0, 9, 9)) for person in range(12)]
    [entry] = normalise([task("a", *labels)])
    assert [one["annotator"] for one in entry["annotations"]] == [f"annotator-{n}" for n in range(1, 13)]


def test_regions_keep_their_links_under_new_names() -> None:
    parent = rectangle("cat", 0, 0, 9, 9, region="xK2_")
    child = {**rectangle("dog", 1, 1, 2, 2, region="Pq-7"), "parentID": "xK2_"}
    about = choice("sitting", name="pose", region="Pq-7")
    relation = {"type": "relation", "from_id": "Pq-7", "to_id": "xK2_", "direction": "right"}
    [entry] = normalise([task("a", by(1, child, parent, about, relation))])
    result = entry["annotations"][0]["result"]
    assert [part.get("id") for part in result] == ["r1", "r2", "r1", None]
    assert result[0]["parentID"] == "r2"
    assert (result[3]["from_id"], result[3]["to_id"]) == ("r1", "r2")


def test_what_json_does_not_have_becomes_words() -> None:
    odd = by(1, rectangle("cat", float("nan"), float("-inf"), 9, 9), "odd", lead_time=float("nan"))
    [entry] = normalise([task("a", odd)])
    annotation = entry["annotations"][0]
    assert annotation["lead_time"] is None
    assert (annotation["result"][0]["value"]["x"], annotation["result"][0]["value"]["y"]) == ("nan", "-inf")
    assert annotation["result"][1] == "odd"
    json.dumps(entry, allow_nan=False)


def test_a_task_that_we_did_not_push_is_known_by_its_file() -> None:
    [entry] = normalise([{"data": {"image": "http://somewhere/cat 1.png"}, "annotations": None}])
    assert entry == {"image_id": "cat 1.png", "sha256": "", "annotations": [], "drafts": []}


def test_nobody_has_labelled_anything() -> None:
    assert unlabelled([Task("a", "a.png", "ab")]) == [
        {"image_id": "a", "sha256": "ab", "annotations": [], "drafts": []}
    ]
