"""An empty folder to work in, a server with prepared replies, and a real Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from annotate.server import environment
from tests.annotate import studio
from tests.annotate.clone import Clone, opened
from tests.annotate.proxy import FakeServer, Proxy, running
from tests.tiny import ROOT


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder, the current one, with no server configured."""
    monkeypatch.chdir(tmp_path)
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "LABEL_STUDIO_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def fake() -> Iterator[FakeServer]:
    """Run a server with prepared replies."""
    fake = FakeServer()
    with running(fake.respond) as fake.url:
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
    printed = folder.run("serve", "--detach", "--port", str(studio.free_port()))
    made = sorted(
        path.name for path in folder.path.iterdir()
    )  # other tests push files of their own from here
    (folder.path / "printed").write_text(printed)
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
    proxy = Proxy(project.account.url)
    with running(proxy.respond) as proxy.url:
        project.by(proxy.url)
        yield proxy
