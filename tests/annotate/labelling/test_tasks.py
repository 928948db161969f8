from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotate.labelling.tasks import Task, read_tasks, write_tasks
from data.common.errors import UserError

ENTRY = {"image_id": "test-00001", "image": "annotate/out/images/test-00001.png", "sha256": "ab"}


def test_tasks_come_back_sorted(tmp_path: Path) -> None:
    tasks = [Task("b", "b.png", "2"), Task("a", "a.png", "1")]
    write_tasks(tmp_path / "tasks.json", tasks)
    assert read_tasks(tmp_path / "tasks.json") == (tasks[1], tasks[0])
    assert [entry["image_id"] for entry in json.loads((tmp_path / "tasks.json").read_text())] == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", "not a list of tasks"),
        ("<<<<<<< HEAD\n[", "git could not merge two branches"),
        ("7", "not a list of tasks"),
        ('[{"image_id": "a"}]', "not a list of tasks"),
        (json.dumps([{**ENTRY, "sha256": 3}]), "expected strings"),
        (json.dumps([{**ENTRY, "image_id": "../outside"}]), "expected letters, digits"),
        (json.dumps([ENTRY, ENTRY]), "test-00001 is there twice"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tasks.json"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        read_tasks(path)


def test_missing_tasks_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as error:
        read_tasks(tmp_path / "tasks.json")
    assert "dvc repro -f sample" in error.value.hint
