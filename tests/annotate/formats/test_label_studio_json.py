"""Label Studio's own JSON: a server's export, our export, predictions, and tasks of other projects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotate.formats.load import ImportedAnnotations, load
from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read as parse
from tests.annotate.builders import DEFAULT, REPLY, choice, image, reply


def load_tasks(*tasks: dict[str, Any], use_predictions: bool = False) -> ImportedAnnotations:
    """Load tasks as a file, for our images a, b and c."""
    Path("tasks.json").write_text(json.dumps(tasks))
    return load(Path("tasks.json"), [image(name) for name in "abc"], DEFAULT, None, use_predictions)


def test_an_export_of_a_server_and_ours_are_the_same(room: Path) -> None:
    names = sorted({str(task["data"].get("image_id")) for task in reply()})
    tasks = [image(name) for name in names]
    loaded = load(REPLY, tasks, DEFAULT)
    assert loaded.file.format == "Label Studio"
    entries = [entry for entry in normalise(reply()) if entry["image_id"] in names]
    annotations = [each for entry in entries for each in parse(entry, DEFAULT, (32, 32))[0]]
    assert list(loaded.annotations) == annotations
    Path("export.json").write_text(json.dumps(normalise(reply())))
    ours = load(Path("export.json"), tasks, DEFAULT)
    assert (ours.annotations, ours.problems) == (loaded.annotations, loaded.problems)


@pytest.mark.parametrize(
    ("use_predictions", "labels", "unused"), [(False, ["ship"], 4), (True, ["cat", "ship"], 3)]
)
def test_predictions_are_counted_or_taken(
    room: Path, use_predictions: bool, labels: list[str], unused: int
) -> None:
    cat, dog = ({"result": [choice(label)], "score": 0.5, "model_version": "m"} for label in ("cat", "dog"))
    ship = {"result": [choice("ship")]}
    loaded = load_tasks(
        {"data": {"image_id": "a"}, "predictions": [cat, dog]},
        {"data": {"image_id": "b"}, "predictions": [cat], "annotations": [ship]},
        {"data": {"image_id": "c"}, "predictions": [7], "annotations": []},
        use_predictions=use_predictions,
    )
    assert [each.label for each in loaded.annotations] == labels
    assert loaded.file.unused_predictions == unused


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/1/x.png"}, "/data/upload/1/x.png"),
        ({"img": "/data/upload/1/x.png", "width": 7}, "/data/upload/1/x.png"),
        ({"img": "/data/upload/1/x.png", "note": "left"}, "task 17 without data.image"),
        ({}, "task 17 without data.image"),
    ],
)
def test_the_image_of_a_task_in_another_project(room: Path, data: dict[str, Any], name: str) -> None:
    loaded = load_tasks({"id": 17, "data": data, "annotations": [{"result": [choice("cat")]}]})
    assert [(each.image, each.kind) for each in loaded.problems] == [(name, "not ours")]
    assert "1 annotations left out" in loaded.problems[0].what
