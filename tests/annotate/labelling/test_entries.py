from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotate.labelling.export_file import read_export
from data.common.errors import UserError
from tests.annotate.builders import annotation, choice, entry
from tests.tiny import ROOT


def test_an_export_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    entries = [entry("a", annotation(choice("cat"))), entry("b")]
    (tmp_path / "export.json").write_text(json.dumps(entries))
    assert read_export(tmp_path / "export.json") == entries


def test_the_committed_export_speaks_of_the_committed_tasks() -> None:
    tasks = json.loads((ROOT / "annotate/project/tasks.json").read_text())
    entries = read_export(ROOT / "annotate/project/export.json")
    assert {one["image_id"] for one in entries} == {one["image_id"] for one in tasks}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[{]", "not JSON"),
        ("{}", "expected a list"),
        ("[7]", "entry 1 is not an image"),
        (json.dumps([entry("a"), {"image_id": "b"}]), "entry 2 is not an image"),
        (json.dumps([{**entry("a"), "annotations": "none"}]), "entry 1 is not an image"),
        (json.dumps([{**entry("a"), "drafts": [7]}]), "entry 1 is not an image"),
    ],
)
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: str, says: str) -> None:
    path = tmp_path / "export.json"
    path.write_text(content)
    with pytest.raises(UserError, match=says) as error:
        read_export(path)
    assert "dvc repro -fs export" in error.value.hint


def test_a_merge_that_git_could_not_do_is_called_that(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_text("[\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> theirs\n]\n")
    with pytest.raises(UserError, match="git could not merge two branches") as error:
        read_export(path)
    assert f"git checkout --ours {path}" in error.value.hint
