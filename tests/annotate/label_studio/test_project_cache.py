"""What a project held at the last look is used only while it cannot have changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from annotate.label_studio.project_cache import KEPT, Listing, Pushed, State, recall, remember

STATE = State("http://127.0.0.1:8080", 7, 3, 12, "2026-01-01T00:00:00.000001Z")
FOUND = Listing({"a": Pushed(10, "aa"), "b": Pushed(12, "")}, 1)


def test_it_is_kept_where_git_does_not_look(room: Path) -> None:
    assert recall(STATE) is None
    remember(STATE, FOUND)
    assert recall(STATE) == FOUND
    assert KEPT.parent.stat().st_mode & 0o777 == 0o700
    assert KEPT.parent == Path(".label-studio")


@pytest.mark.parametrize(
    "change",
    [
        {"server": "http://127.0.0.1:8081"},
        {"project": 8},
        {"total": 2},  # one was deleted
        {"total": 4, "last": 13},  # one came
        {"last": 13},  # one was deleted, another came
        {"made": "2026-01-02T00:00:00.000001Z"},  # another database, as large
    ],
)
def test_in_another_state_it_is_not_used(room: Path, change: dict[str, Any]) -> None:
    remember(STATE, FOUND)
    assert recall(replace(STATE, **change)) is None


@pytest.mark.parametrize(
    "tasks", [[], [["a", 13, ""]], [["a", "x", ""]], [["a", 1]], None, [[str(n), n, ""] for n in range(4)]]
)
def test_a_file_that_does_not_add_up_is_not_used(room: Path, tasks: Any) -> None:
    remember(STATE, FOUND)
    KEPT.write_text(json.dumps(json.loads(KEPT.read_text()) | {"tasks": tasks}))
    assert recall(STATE) is None


@pytest.mark.parametrize("content", ["", "[]", "{", "null", '{"state": 1}'])
def test_a_damaged_file_is_not_used(room: Path, content: str) -> None:
    KEPT.parent.mkdir()
    KEPT.write_text(content)
    assert recall(STATE) is None


def test_where_nothing_can_be_written_nothing_is_kept(room: Path) -> None:
    KEPT.parent.write_text("a file in the way")
    remember(STATE, FOUND)
    assert recall(STATE) is None
