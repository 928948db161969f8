from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from annotate import export
from annotate.label_studio import fetch
from annotate.label_studio.config import Server
from annotate.labelling.export_file import normalise, read_export
from annotate.labelling.tasks import Task, write_tasks
from data.common.errors import UserError
from tests.annotate.builders import annotation, choice, entry, reply

EXPORT = Path("annotate/project/export.json")
SERVER = Server("http://127.0.0.1:8080", "5ecret", "annotrain")


@pytest.fixture(autouse=True)
def tasks(room: Path) -> tuple[Task, ...]:
    """Return the tasks of the recorded reply, written into the room."""
    data = [task["data"] for task in reply()]
    tasks = [
        Task(each["image_id"], f"annotate/out/images/{each['image_id']}.png", each["sha256"]) for each in data
    ]
    write_tasks(Path("annotate/project/tasks.json"), tasks)
    return tuple(sorted(tasks))


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the tasks that the server gives, to be changed by the test; an error in them is raised."""
    tasks: list[Any] = reply()

    def fake_fetch(server: Server) -> list[Any]:
        if tasks and isinstance(tasks[0], Exception):
            raise tasks[0]
        return tasks

    monkeypatch.setattr(export, "configured", lambda: SERVER)
    monkeypatch.setattr(fetch, "fetch", fake_fetch)
    return tasks


def test_without_a_server_and_a_file_nobody_has_labelled_anything(capsys: pytest.CaptureFixture[str]) -> None:
    export.main()
    assert [(entry["annotations"], entry["drafts"]) for entry in read_export()] == [([], [])] * 8
    printed = capsys.readouterr().out
    assert "keeping annotate/project/export.json: 0 of 8 images labelled" in printed
    assert "LABEL_STUDIO_URL" in printed


def test_without_a_server_the_file_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    labels = json.dumps([entry("test-00003", annotation(choice("cat")))], indent=7)
    EXPORT.write_text(labels)
    export.main()
    assert EXPORT.read_text() == labels
    assert "1 of 8 images labelled" in capsys.readouterr().out


def test_labels_are_fetched_and_the_same_labels_are_the_same_bytes(
    served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    export.main()
    first = EXPORT.read_bytes()
    assert read_export() == normalise(reply())
    assert "4 of 8 images labelled" in capsys.readouterr().out
    served.reverse()
    export.main()
    assert EXPORT.read_bytes() == first
    assert "4 of 8 images labelled" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("reply", "what", "hint"),
    [
        (
            UserError("the server is down", "start it."),
            "the server is down",
            "start it. Or keep annotate/project",
        ),
        ({"data": {"image_id": "other"}}, "none of the 1 tasks there shows one of our 8 images", "push"),
        (None, "none of the 0 tasks", "LABEL_STUDIO_PROJECT"),
    ],
)
def test_a_failure_keeps_the_labels_that_were_there(
    served: list[Any], reply: Any, what: str, hint: str
) -> None:
    export.main()
    before = EXPORT.read_bytes()
    served[:] = [reply] if reply else []
    with pytest.raises(UserError, match=what) as error:
        export.main()
    assert hint in error.value.hint
    assert EXPORT.read_bytes() == before
    assert sorted(path.name for path in EXPORT.parent.iterdir()) == ["export.json", "tasks.json"]


def test_labels_that_a_fetch_would_lose_are_counted_with_the_way_back(
    served: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    names = [task["data"]["image_id"] for task in reply()]
    EXPORT.write_text(json.dumps([entry(name, annotation(choice("cat"))) for name in names]))
    export.main()
    printed = capsys.readouterr().out
    assert "4 others had labels in the file that this replaced" in printed
    assert "git checkout HEAD -- annotate/project/export.json, then dvc commit -f export" in printed
    export.main()
    assert "others" not in capsys.readouterr().out
    EXPORT.write_text("<<<<<<< HEAD\n[]")
    export.main()
    assert read_export() == normalise(reply())
