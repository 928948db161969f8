from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from annotate.label_studio import client as session
from annotate.label_studio.client import Client
from annotate.label_studio.config import Server
from annotate.label_studio.messages import ServerError
from annotate.label_studio.transfer import is_served
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.common.files import digest
from tests.annotate.proxy import FakeServer, Reply

TOKEN = "5ecret5ecret5ecret5ecret5ecret5ecret5ecr"
PATH = "/api/projects"
WORKS = Reply(body=b'{"id": 1}')


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PAUSES", (0.0, 0.0))


def at(url: str) -> Client:
    return Client(Server(url, TOKEN, "annotrain"), timeout=5.0)


def error_of(url: str, method: str = "GET") -> ServerError:
    with at(url) as client, pytest.raises(ServerError) as error:
        client.request(method, PATH)
    assert TOKEN not in str(error.value)
    return error.value


@pytest.mark.parametrize(
    "bad",
    [
        Reply(500, b'{"detail": "oh"}'),
        Reply(502, b"<html>bad gateway</html>", "text/html"),
        Reply(body=b'[{"id": 1', cut=True),
    ],
)
def test_a_read_is_repeated_after_a_failure_that_may_pass(fake: FakeServer, bad: Reply) -> None:
    fake.replies[PATH] = [bad, bad, WORKS]
    with at(fake.url) as client:
        assert client.get(PATH).json() == {"id": 1}
    assert fake.tokens == {f"Token {TOKEN}"}


@pytest.mark.parametrize(
    ("bad", "tries", "what", "hint"),
    [
        (Reply(401, b'{"detail": "Invalid token."}'), 1, "does not accept the token (HTTP 401)", "API_KEY"),
        (Reply(403, b"{}"), 1, "does not accept the token (HTTP 403)", "API_KEY"),
        (Reply(404, b"<html>404</html>", "text/html"), 1, "no project 'annotrain'", "LABEL_STUDIO_PROJECT"),
        (Reply(418, b'{"detail": "a teapot"}'), 1, "HTTP 418: a teapot", "server's log"),
        (Reply(400, b'{"validation_errors": {"title": ["too long"]}}'), 1, "too long", "server's log"),
        (Reply(500, b"{}"), 3, "failed with HTTP 500", "server's log"),
        (Reply(body=b"[", cut=True), 3, "cannot reach Label Studio", "python -m annotate serve"),
        (Reply(308, location="https://label.example.org/"), 1, "redirects to https://label.", "_URL"),
        (Reply(304), 1, "is not a Label Studio server", "_URL"),
    ],
)
def test_what_does_not_pass_is_an_error(
    fake: FakeServer, bad: Reply, tries: int, what: str, hint: str
) -> None:
    fake.replies[PATH] = [bad]
    error = error_of(fake.url)
    assert what in error.what
    assert hint in error.hint
    assert fake.asked.count(PATH) == tries


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_a_write_is_never_repeated(fake: FakeServer, method: str) -> None:
    fake.replies[PATH] = [Reply(503, b"wait"), WORKS]
    assert error_of(fake.url, method).status == 503
    assert fake.asked == [PATH]


def test_a_server_that_is_too_slow_or_down(fake: FakeServer) -> None:
    fake.replies[PATH] = [Reply(body=b"[]", wait=0.5)]
    slow = Client(Server(fake.url, TOKEN, "1"), timeout=0.1)
    with slow, pytest.raises(UserError, match="no reply within the time limit"):
        slow.get(PATH)
    assert fake.asked == [PATH]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = error_of(f"http://me:{TOKEN}@127.0.0.1:{port}")
    assert f"http://127.0.0.1:{port} (connection refused)" in error.what


def test_a_token_in_a_servers_message_is_replaced_before_that_is_cut(fake: FakeServer) -> None:
    fake.replies[PATH] = [Reply(418, json.dumps({"detail": f"{'x' * 280} {TOKEN}"}).encode())]
    error = error_of(fake.url)
    assert error.what.endswith("x ...")
    assert "5ecret" not in str(error)


@pytest.mark.parametrize("reply", [Reply(body=b"<html>log in</html>", kind="text/html"), Reply(body=b"[1")])
def test_the_sdk_in_this_session_shows_no_errors_of_its_own(fake: FakeServer, reply: Reply) -> None:
    fake.replies["/api/projects/1"] = [reply]
    with at(fake.url) as client:
        with pytest.raises(UserError, match="is not a Label Studio server"), client.expected():
            client.sdk.projects.get(1)
        fake.replies["/api/projects/1"] = [Reply(500, b'{"detail": "oh"}'), Reply(401, b"{}")]
        with pytest.raises(UserError, match="token"):
            client.sdk.projects.get(1)
    assert fake.tokens == {f"Token {TOKEN}"}


@pytest.mark.parametrize(
    ("replies", "served"),
    [
        ([Reply(200, b"an image")], True),
        ([Reply(200, b"another")], False),
        ([Reply(500)], False),
        ([Reply(302, location="/user/login/")], False),
        ([Reply(503), Reply(200, b"an image")], True),
        ([Reply(502)], None),
    ],
)
def test_a_file_is_served_or_not_or_nobody_knows(
    fake: FakeServer, tmp_path: Path, replies: list[Reply], served: bool | None
) -> None:
    (tmp_path / "a.png").write_bytes(b"an image")
    task = Task("a", "a.png", digest(tmp_path / "a.png", "sha256"))
    fake.replies["/data/a.png"] = replies
    with at(fake.url) as client:
        if served is None:
            with pytest.raises(UserError):
                is_served(client, "/data/a.png", task)
        else:
            assert is_served(client, "/data/a.png", task) == served
