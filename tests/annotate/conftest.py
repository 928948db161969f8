"""An empty folder to work in, a server with prepared replies, and a real Label Studio."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from annotate.server import environment
from tests.annotate import studio
from tests.annotate.clone import Clone, opened
from tests.annotate.proxy import Proxy, before, running
from tests.tiny import ROOT


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, the current one, with no server configured."""
    monkeypatch.chdir(tmp_path)
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@dataclass(frozen=True)
class Reply:
    """A reply; `cut` promises more bytes than come, `wait` is in seconds, `location` redirects."""

    status: int = 200
    body: bytes = b""
    kind: str = "application/json"
    cut: bool = False
    wait: float = 0.0
    location: str = ""


@dataclass
class FakeServer:
    """Gives the replies of each path in turn, the last one again and again, and records the requests."""

    replies: dict[str, list[Reply]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    url: str = ""

    def next(self, url: str) -> Reply:
        path = urlsplit(url).path.rstrip("/")
        self.asked.append(path)
        waiting = self.replies.get(path, [Reply(404, b'{"detail": "Not found."}')])
        return waiting.pop(0) if len(waiting) > 1 else waiting[0]


def _handler(fake: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.tokens.add(self.headers.get("Authorization", ""))
            reply = fake.next(self.path)
            time.sleep(reply.wait)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.kind)
            if reply.location:
                self.send_header("Location", reply.location)
            self.send_header("Content-Length", str(len(reply.body) + (100 if reply.cut else 0)))
            with suppress(ConnectionError):  # the client may be gone
                self.end_headers()
                self.wfile.write(reply.body)

        do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815, the library's own names

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, the library's own name
            pass

    return Handler


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Run a server with prepared replies."""
    fake = FakeServer()
    with running(_handler(fake)) as fake.url:
        yield fake


@pytest.fixture
def snapshot(tmp_path: Path) -> Callable[[Path], dict[str, bytes]]:
    """Return a function that reads a whole folder: path within it to content."""

    def read(folder: Path) -> dict[str, bytes]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    return read


@pytest.fixture(scope="session")
def studio_environment() -> Path:
    """Return Label Studio's environment, the repository's own one; it is made now if it is missing."""
    return environment.ready(ROOT / ".label-studio").parents[1]


@pytest.fixture(scope="session")
def label_studio(
    studio_environment: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[studio.Folder]:
    """Run a real, new Label Studio for the whole session, as `serve --detach` does.

    What is made on it stays there for all tests: give each project a title of its own.
    """
    folder = studio.make(tmp_path_factory.mktemp("label-studio") / "clone", studio_environment)
    said = folder.run("serve", "--detach", "--port", str(studio.free_port()))
    made = sorted(
        path.name for path in folder.path.iterdir()
    )  # other tests push files of their own from here
    (folder.path / "said").write_text(said)
    (folder.path / "made").write_text("\n".join(made))
    yield folder
    folder.run("stop")


@pytest.fixture
def project(
    label_studio: studio.Folder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clone]:
    """Go into the folder of a running Label Studio, with a project of the test's own."""
    with opened(label_studio, request.node.name, monkeypatch, capsys) as clone:
        yield clone


@pytest.fixture
def proxy(project: Clone) -> Iterator[Proxy]:
    """Reach the server of `project` through a proxy that can fail."""
    with before(project.account.url) as proxy:
        project.by(proxy.url)
        yield proxy
