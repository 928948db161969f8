"""Labels from a file: what is reported before they go to the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotate.label_studio.import_labels import read
from data.common.errors import UserError
from tests.annotate.builders import DEFAULT, annotation, choice, entry, image, own_image

COCO = {
    "images": [{"id": 1, "file_name": "a.png"}],
    "categories": [{"id": 3, "name": "cat"}],
    "annotations": [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}],
}


def write(content: Any) -> Path:
    Path("labels.json").write_text(json.dumps(content))
    return Path("labels.json")


def test_names_in_the_users_own_folder_need_another_option(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, tasks = write(COCO), [own_image("a.png")]
    with pytest.raises(UserError, match="no label") as error:
        read(path, tasks, DEFAULT, None)
    assert "a.png: not ours: no image of that name; 1 boxes left out" in capsys.readouterr().out
    assert "--images" in error.value.hint
    assert read(path, tasks, DEFAULT, Path("own")).annotations
    assert "1 annotations in it have no class" in capsys.readouterr().out


def test_several_annotators_become_one(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = [annotation(choice("cat"), annotator=f"annotator-{number}") for number in (1, 2)]
    path = write([entry("a", *both)])
    read(path, [image("a")], DEFAULT, None, True)  # predictions have no annotator
    assert "annotators" not in capsys.readouterr().out
    read(path, [image("a")], DEFAULT, None)
    assert "2 annotators" in capsys.readouterr().out


def test_predictions_that_are_left_out_are_counted(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cat, dog = ({"result": [choice(label)]} for label in ("cat", "dog"))
    tasks = [
        {"data": {"image_id": "a"}, "predictions": [cat, dog]},
        {"data": {"image_id": "b"}, "predictions": [7], "annotations": [dog]},
    ]
    path, images = write(tasks), [image("a"), image("b")]
    assert list(read(path, images, DEFAULT, None).annotations) == ["b"]
    out = capsys.readouterr().out
    assert "3 predictions in it skipped; --as predictions" in out
    labels = read(path, images, DEFAULT, None, True)
    assert {name: each.result[0]["value"]["choices"] for name, each in labels.suggestions.items()} == {
        "a": ["cat"],
        "b": ["dog"],
    }
    assert "2 predictions in it skipped" in capsys.readouterr().out
