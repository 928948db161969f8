"""status against a real Label Studio."""

from __future__ import annotations

import re

import pytest

from annotate.commands import status
from data.common.errors import UserError
from tests.annotate.clone import Clone

pytestmark = pytest.mark.server


def test_a_project_that_is_missing_or_empty(project: Clone) -> None:
    project.images("test-00001")
    with pytest.raises(UserError, match="no project is called") as error:
        status.status()
    assert "python -m annotate push" in error.value.hint
    project.ask("POST", "/api/projects/", json={"title": project.project})
    with pytest.raises(UserError, match="is empty") as error:
        status.status()
    assert "python -m annotate push" in error.value.hint


def test_work_by_annotator_and_class_and_what_is_left(project: Clone) -> None:
    project.images(*(f"test-{number:05}" for number in range(15)))
    project.push()
    project.images(*(f"test-{number:05}" for number in range(16)))
    first, second, third, fourth, *_ = (task["id"] for task in project.there)
    project.label(first, "frog", lead_time=3.0)
    project.label(second, "frog", lead_time=5.5)
    project.ask("POST", f"/api/tasks/{third}/annotations/", json={"result": [], "was_cancelled": True})
    project.ask("POST", f"/api/tasks/{fourth}/drafts", json={"result": []})
    code, printed = project.run("status")
    assert code == 0
    assert f"{project.project}: 3 of 16 images done or skipped, 13 left" in printed
    assert re.search(rf"{project.account.username} +2 +1 +1 +13 +4.2", printed)
    assert re.search(r"frog +2", printed)
    page = f"{project.account.url}/projects/{project.number}/data"
    assert f"test-00003  draft  {page}?task={fourth}" in printed
    assert "and 3 more; --all names them" in printed
    assert "test-00015  not pushed  python -m annotate push" in project.run("status", "--all")[1]
