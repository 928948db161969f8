"""push against a real Label Studio that fails, through a proxy, and with wrong settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotate.label_studio import transfer
from tests.annotate.clone import Clone
from tests.annotate.proxy import Fault, Proxy, Reply

pytestmark = pytest.mark.server

EMPTY = Reply(200, b"{}")
HTML = Reply(200, b"<html>log in</html>", "text/html")
FAILS = Reply(500, b'{"detail": "out of order"}')
BUSY = Reply(503, b"wait", "text/html")
STORAGES = "/api/storages/localfiles/?project="


@pytest.mark.parametrize(
    ("fault", "what", "hint"),
    [
        (Fault("GET", "/api/projects", HTML), "is not a Label Studio server", "LABEL_STUDIO_URL"),
        (Fault("GET", "/api/projects", EMPTY), "is not a Label Studio server", "LABEL_STUDIO_URL"),
        (Fault("GET", "/api/tasks", EMPTY), "is not a Label Studio server", "LABEL_STUDIO_URL"),
        (Fault("POST", "/import", EMPTY), "is not a Label Studio server", "LABEL_STUDIO_URL"),
        (Fault("POST", "/import", FAILS), "HTTP 500: out of order", "nothing is sent twice"),
        (Fault("POST", "/import", FAILS, done=True), "HTTP 500: out of order", "nothing is sent twice"),
        (Fault("POST", "/import", done=True), "cannot reach Label Studio", "annotate serve"),
        (Fault("GET", "/api/tasks", times=9), "cannot reach Label Studio", "annotate serve"),
        (
            Fault("POST", "/import", Reply(413, b"<html>", "text/html")),
            "HTTP 413",
            "server's log",
        ),
    ],
)
def test_a_fault_ends_in_an_error_and_the_next_push_finishes_the_work(
    project: Clone, proxy: Proxy, fault: Fault, what: str, hint: str
) -> None:
    project.patch.setattr(transfer, "MAX_TASKS", 1)
    project.images("test-00001", "test-00002")
    proxy.faults.append(fault)
    error = project.error()
    assert what in error.what
    assert hint in error.hint
    proxy.faults.clear()
    project.push()
    assert len(project.there) == 2


def test_a_server_that_is_busy_for_a_moment(project: Clone, proxy: Proxy) -> None:
    project.images("test-00001")
    proxy.faults += [
        Fault("GET", "/data/local-files", BUSY),
        Fault("GET", "/api/tasks", BUSY, times=2),
    ]
    assert "1 added (read from this disk)" in project.push()
    assert len(project.ask("GET", f"{STORAGES}{project.number}")) == 1


def test_a_storage_that_was_of_no_use_does_not_stay(project: Clone, proxy: Proxy) -> None:
    project.images("test-00001")
    proxy.faults += [Fault("GET", "/data/local-files", BUSY, times=99)]
    assert "HTTP 503" in project.error().what
    assert project.ask("GET", f"{STORAGES}{project.number}") == []


@pytest.mark.parametrize(
    ("title", "what"), [("ab", "at least 3 characters"), ("999999", "no project '999999'")]
)
def test_a_project_that_cannot_be(project: Clone, title: str, what: str) -> None:
    project.images("test-00001")
    project.patch.setenv("LABEL_STUDIO_PROJECT", title)
    assert what in project.error().what


def test_images_that_are_missing_or_damaged_stop_a_push_before_any_is_sent(project: Clone) -> None:
    tasks = project.images("test-00001", "test-00002", "test-00003")
    Path(tasks[1].image).write_bytes(b"no image")
    Path(tasks[2].image).unlink()
    error = project.error()
    assert "2 of 3 images are missing, damaged or changed: annotate/out/images/test-00002.png" in error.what
    assert "dvc" in error.hint
    assert project.there == []
