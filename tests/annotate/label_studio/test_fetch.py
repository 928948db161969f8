from __future__ import annotations

import json
from typing import Any

import pytest

from annotate.label_studio import client as session
from annotate.label_studio import fetch as fetching
from annotate.label_studio.config import Server
from annotate.label_studio.fetch import fetch
from data.common.errors import UserError
from tests.annotate.builders import REPLY, reply
from tests.annotate.proxy import FakeServer, Reply

TOKEN = "5ecret5ecret5ecret5ecret5ecret5ecret5ecr"
EXPORT, PROJECT, PROJECTS = "/api/projects/1/export", "/api/projects/1", "/api/projects"

# As a real server gave them for the recorded tasks: 7 annotations, one of them skipped.
COUNTS = {"id": 1, "title": "annotrain", "task_number": 8, "total_annotations_number": 6}
COUNTS |= {"skipped_annotations_number": 1}


def as_json(value: Any) -> Reply:
    return Reply(body=json.dumps(value).encode())


def listed(*projects: dict[str, Any]) -> Reply:
    return as_json({"count": len(projects), "next": None, "previous": None, "results": projects})


@pytest.fixture(autouse=True)
def server(fake: FakeServer, monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Return a server with the replies of a real one."""
    monkeypatch.setattr(session, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(fetching, "PAUSES", (0.0, 0.0))
    fake.replies = {
        "/api/version": [as_json({"release": "1.23.2", "edition": "Community"})],
        PROJECTS: [listed({**COUNTS, "id": 9, "title": "annotrain 2"}, COUNTS)],
        PROJECT: [as_json(COUNTS)],
        EXPORT: [Reply(body=REPLY.read_bytes())],
    }
    return fake


def at(fake: FakeServer, project: str = "1") -> Server:
    return Server(fake.url, TOKEN, project)


@pytest.mark.parametrize("project", ["annotrain", "1"])
def test_all_tasks_of_a_project_by_title_or_number(server: FakeServer, project: str) -> None:
    assert fetch(at(server, project)) == reply()
    assert server.asked.count(EXPORT) == 1
    assert server.tokens == {f"Token {TOKEN}"}


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        (EXPORT, Reply(502)),
        (PROJECT, as_json({**COUNTS, "task_number": 9})),
        (PROJECT, as_json({**COUNTS, "total_annotations_number": 8})),
    ],
)
def test_what_may_pass_is_tried_again(server: FakeServer, path: str, bad: Reply) -> None:
    if path == PROJECT:
        server.replies[path].insert(0, server.replies[path][0])  # before the export
    server.replies[path].insert(-1, bad)
    assert fetch(at(server)) == reply()
    assert server.asked.count(EXPORT) == 2


@pytest.mark.parametrize(
    ("path", "bad", "tries", "what", "hint"),
    [
        (EXPORT, Reply(404, b"<html>404</html>", "text/html"), 1, "no project '1'", "LABEL_STUDIO_PROJECT"),
        (EXPORT, Reply(body=b'{"detail": "no list"}'), 1, "not a Label Studio", "_URL"),
        (PROJECT, Reply(body=b"{}"), 1, "not a Label Studio", "_URL"),
        (PROJECT, as_json({**COUNTS, "task_number": 9}), 4, "8 tasks, not 9", "labelling right now"),
        (PROJECT, as_json({**COUNTS, "skipped_annotations_number": 0}), 4, "not 6", "labelling right now"),
    ],
)
def test_what_stays_wrong_is_an_error(
    server: FakeServer, path: str, bad: Reply, tries: int, what: str, hint: str
) -> None:
    server.replies[path] = [bad]
    with pytest.raises(UserError) as error:
        fetch(at(server))
    assert what in error.value.what
    assert hint in error.value.hint
    assert server.asked.count(path) == tries


def test_a_title_that_no_project_or_several_have(server: FakeServer) -> None:
    with pytest.raises(UserError, match="no project is called 'other'"):
        fetch(at(server, "other"))
    server.replies[PROJECTS] = [listed(COUNTS, COUNTS)]
    with pytest.raises(UserError, match="2 projects are called 'annotrain'") as error:
        fetch(at(server, "annotrain"))
    assert "LABEL_STUDIO_PROJECT" in error.value.hint
