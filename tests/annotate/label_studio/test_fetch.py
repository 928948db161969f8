from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from annotate.label_studio import config
from annotate.label_studio.client import Api, PassingError
from annotate.label_studio.config import Server, configured, fetch
from data.common.errors import UserError
from tests.annotate.builders import REPLY, reply
from tests.annotate.conftest import FakeServer, Reply

TOKEN = "5ecret5ecret5ecret5ecret5ecret5ecret5ecr"
EXPORT, PROJECT, PROJECTS = "/api/projects/1/export", "/api/projects/1", "/api/projects"

# As the real server answered for the recorded tasks: 7 annotations, one of them skipped.
COUNTS = {"id": 1, "title": "annotrain", "task_number": 8, "total_annotations_number": 6}
COUNTS |= {"skipped_annotations_number": 1}


def as_json(value: Any) -> Reply:
    return Reply(body=json.dumps(value).encode())


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "PAUSE", 0.0)


@pytest.fixture
def well(fake: FakeServer) -> FakeServer:
    """Return a server that answers as a real one did."""
    fake.replies = {
        "/api/version": [as_json({"release": "1.23.2", "edition": "Community"})],
        PROJECTS: [as_json({"count": 1, "next": None, "previous": None, "results": [COUNTS]})],
        PROJECT: [as_json(COUNTS)],
        EXPORT: [Reply(body=REPLY.read_bytes())],
    }
    return fake


def at(fake: FakeServer, project: str = "annotrain") -> Server:
    return Server(fake.url, TOKEN, project)


def error_of(fake: FakeServer, project: str = "1", timeout: float = 5.0) -> UserError:
    with pytest.raises(UserError) as error:
        fetch(at(fake, project), timeout)
    assert TOKEN not in str(error.value)
    assert "5ecret" not in repr(at(fake))
    return error.value


@pytest.mark.parametrize("project", ["annotrain", "1"])
def test_all_tasks_of_a_project_by_title_or_number(well: FakeServer, project: str) -> None:
    assert fetch(at(well, project)) == reply()
    assert well.asked.count(EXPORT) == 1
    assert well.tokens == {f"Token {TOKEN}"}


def test_a_project_whose_total_counts_the_skipped_ones_in(well: FakeServer) -> None:
    well.replies[PROJECT] = [as_json({**COUNTS, "total_annotations_number": 7})]
    assert fetch(at(well, "1")) == reply()


@pytest.mark.parametrize(("status", "found"), [(200, b"an image"), (404, None), (500, None)])
def test_a_file_is_there_or_not(fake: FakeServer, status: int, found: bytes | None) -> None:
    fake.replies["/data/a.png"] = [Reply(status, b"an image")]
    with Api(at(fake)) as api:
        assert api.content("/data/a.png") == found


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_server_that_is_busy_does_not_say_that_a_file_is_not_there(fake: FakeServer, status: int) -> None:
    fake.replies["/data/a.png"] = [Reply(status, b"later")]
    with Api(at(fake)) as api, pytest.raises(PassingError):
        api.content("/data/a.png")


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        (EXPORT, Reply(500, b'{"detail": "oh"}')),
        (EXPORT, Reply(429, b'{"detail": "slowly"}')),
        (EXPORT, Reply(502, b"<html>bad gateway</html>", "text/html")),
        (EXPORT, Reply(body=b'[{"id": 1', cut=True)),
        (PROJECTS, Reply(503, b"")),
        (PROJECT, as_json({**COUNTS, "task_number": 9})),
        (PROJECT, as_json({**COUNTS, "total_annotations_number": 8})),
    ],
)
def test_what_passes_is_tried_again(well: FakeServer, path: str, bad: Reply) -> None:
    well.replies[path].insert(0, bad)
    assert fetch(at(well)) == reply()
    assert well.asked.count(path) == 2


@pytest.mark.parametrize(
    ("path", "bad", "tries", "says", "hint"),
    [
        (EXPORT, Reply(401, b'{"detail": "Invalid token."}'), 1, "not accept the token", "API_KEY"),
        (EXPORT, Reply(403, b"{}"), 1, "does not accept the token (HTTP 403)", "API_KEY"),
        (EXPORT, Reply(404, b"<html>404</html>", "text/html"), 1, "no project '1'", "LABEL_STUDIO_PROJECT"),
        (EXPORT, Reply(500, b"{}"), 3, "failed with HTTP 500", "server's log"),
        (EXPORT, Reply(body=b"<html>log in</html>", kind="text/html"), 1, "not as Label Studio", "_URL"),
        (EXPORT, Reply(body=b'{"detail": "no list"}'), 1, "not as Label Studio", "_URL"),
        (EXPORT, Reply(body=b'[{"id": 1'), 1, "not as Label Studio", "_URL"),
        (EXPORT, Reply(body=b"[", cut=True), 3, "cannot fetch the labels", "start the server"),
        (PROJECT, Reply(404, b'{"detail": "Not found."}'), 1, "no project '1'", "LABEL_STUDIO_PROJECT"),
        (PROJECT, Reply(body=b"<html></html>", kind="text/html"), 1, "not as Label Studio", "_URL"),
        (PROJECT, Reply(body=b"{}"), 1, "not as Label Studio", "_URL"),
        (PROJECT, as_json({**COUNTS, "task_number": 9}), 3, "export has 8 tasks", "labelling right now"),
        (PROJECT, as_json({**COUNTS, "skipped_annotations_number": 0}), 3, "with 7 annotations", "right now"),
    ],
)  # fmt: skip
def test_what_stays_wrong_is_said(
    well: FakeServer, path: str, bad: Reply, tries: int, says: str, hint: str
) -> None:
    well.replies[path] = [bad]
    error = error_of(well)
    assert says in error.what
    assert hint in error.hint
    assert well.asked.count(path) == tries


def test_an_address_that_sends_on_gets_no_second_request(well: FakeServer) -> None:
    """Which would take the token to whatever host it names."""
    well.replies[PROJECTS] = [Reply(308, location="https://label.example.org/api/projects/")]
    error = error_of(well, "annotrain")
    assert f"{well.url} sends on to https://label.example.org/api/projects/" in error.what
    assert "LABEL_STUDIO_URL" in error.hint


def test_an_error_at_the_end_of_the_list_of_projects_is_not_one(well: FakeServer) -> None:
    well.replies[PROJECTS] = [as_json({"results": [{**COUNTS, "id": 9, "title": "other"}, COUNTS]})]
    assert fetch(at(well)) == reply()


def test_a_project_that_is_not_there_or_there_twice(well: FakeServer) -> None:
    assert "no project is called 'other'" in error_of(well, "other").what
    well.replies[PROJECTS] = [as_json({"count": 2, "next": None, "previous": None, "results": [COUNTS] * 2})]
    assert "2 projects are called 'annotrain'" in error_of(well, "annotrain").what


def test_an_address_out_of_the_browser_is_named(fake: FakeServer) -> None:
    with pytest.raises(UserError, match="not as Label Studio") as error:
        fetch(Server(f"{fake.url}/projects/1/data", TOKEN, "1"))
    assert "without /projects or /api" in error.value.hint


def test_an_answer_that_takes_too_long(well: FakeServer) -> None:
    well.replies[EXPORT] = [Reply(body=b"[]", wait=0.5)]
    assert "no answer within the time limit" in error_of(well, timeout=0.1).what
    assert well.asked.count(EXPORT) == 1


def test_a_server_that_is_down() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(UserError, match="connection refused") as error:
        fetch(Server(f"http://me:{TOKEN}@127.0.0.1:{port}", TOKEN, "1"))
    assert f"http://127.0.0.1:{port}" in error.value.what
    assert TOKEN not in str(error.value)
    assert "annotate/project/export.json" in error.value.hint


@pytest.mark.parametrize(
    ("env", "file", "expected"),
    [
        ({}, "", None),
        ({"LABEL_STUDIO_URL": " "}, "", None),
        ({"LABEL_STUDIO_API_KEY": "abc"}, "", None),
        (
            {"LABEL_STUDIO_URL": "http://a:1/", "LABEL_STUDIO_API_KEY": " abc\n"},
            "",
            Server("http://a:1", "abc", "annotrain"),
        ),
        (
            {},
            "LABEL_STUDIO_URL=https://a\nLABEL_STUDIO_API_KEY='abc'\nLABEL_STUDIO_PROJECT=7\n",
            Server("https://a", "abc", "7"),
        ),
        (
            {"LABEL_STUDIO_URL": "http://b"},
            "LABEL_STUDIO_URL=http://a\nLABEL_STUDIO_API_KEY=abc\n",
            Server("http://b", "abc", "annotrain"),
        ),
    ],
)
def test_the_server_comes_from_the_environment_or_a_file(
    room: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], file: str, expected: Server | None
) -> None:
    (room / ".env").write_text(file)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert configured() == expected


@pytest.mark.parametrize(
    "url",
    [
        "http://label_studio:8080",
        "http://[::1]:8080",
        "https://xn--n3h.ws",
        "http://a.",
    ],
)
def test_addresses_of_every_kind(room: Path, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", TOKEN)
    assert configured() == Server(url, TOKEN, "annotrain")


def test_a_token_in_a_servers_words_is_taken_out_before_these_are_cut(fake: FakeServer) -> None:
    words = {"detail": f"{'x' * 280} {TOKEN}"}
    fake.replies[PROJECTS] = [Reply(418, json.dumps(words).encode())]
    with Api(at(fake)) as api, pytest.raises(UserError, match=r"x \.\.\.\n") as error:
        api.get(PROJECTS)
    assert "5ecret" not in str(error.value)


def test_a_file_in_another_encoding_is_read_as_far_as_it_concerns_us(room: Path) -> None:
    (room / ".env").write_bytes(b"# Schl\xfcssel\nLABEL_STUDIO_URL=http://a\nLABEL_STUDIO_API_KEY=abc\n")
    assert configured() == Server("http://a", "abc", "annotrain")


@pytest.mark.parametrize(
    ("url", "token", "says"),
    [
        ("127.0.0.1:8080", "abc", "not a web address"),
        ("ftp://a", "abc", "not a web address"),
        ("http://", "abc", "not a web address"),
        ("http://a:port", "abc", "not a web address"),
        ("http://label..example.org", "abc", "not a web address"),
        (f"http://{'a' * 64}.example.org", "abc", "not a web address"),
        ("http://ex\u00e4..mple", "abc", "not a web address"),
        ("http://a\tb", "abc", "not a web address"),
        ("http://[::1:8080", "abc", "not a web address"),
        ("http://a", "", "holds no token"),
        ("http://a", "5ecr\u00e9t", "holds no token"),
        ("http://a", "5ecret\n5ecret", "holds no token"),
    ],
)
def test_an_address_or_a_token_that_is_none(
    room: Path, monkeypatch: pytest.MonkeyPatch, url: str, token: str, says: str
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    with pytest.raises(UserError, match=says) as error:
        configured()
    assert "5ecr" not in str(error.value)
