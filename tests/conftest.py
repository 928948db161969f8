"""Fixtures for all rooms: a clone, a workspace with real images, the full CIFAR-10, a browser."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from data import embed
from data.datasets import dataset, embedded
from tests import clones
from tests.tiny import ROOT, TINY, write_params

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")

settings.register_profile("busy", deadline=None)  # a slow machine is no wrong result
settings.load_profile("busy")


@pytest.hookimpl(tryfirst=True)  # before -m selects and xdist distributes
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a server or a browser; one worker gets all tests of the shared server, or of a file."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "studio_environment" in fixtures:
            item.add_marker(pytest.mark.server)
        if "browser" in fixtures:
            item.add_marker(pytest.mark.browser)
        group = "Label Studio" if "label_studio" in fixtures else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session", autouse=True)
def _signals_of_a_terminal() -> None:
    """Handle SIGINT and SIGHUP as in a terminal: background jobs ignore one, nohup the other."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def full_cifar10() -> Path:
    """Return the folder of the official batches, or skip."""
    folder = os.environ.get("CIFAR10_DIR")
    if not folder:
        pytest.skip("CIFAR10_DIR is not set: no full CIFAR-10 here")
    return Path(folder)


@pytest.fixture(scope="session")
def few() -> dataset.Dataset:
    """Return 80 real images, eight of each class."""
    return embed.choose(embedded.read("train", ROOT / "data/sample"), 8)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the Chromium of this machine, or skip."""
    if not CHROMIUM:
        pytest.skip("there is no Chromium here")
    with sync_playwright() as playwright:
        # No sandbox: it does not run as root; no shared memory: containers have little.
        flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Return a fresh clone of the working tree, with no cache and no output."""
    return clones.make(tmp_path / "clone")


@pytest.fixture
def workspace(tmp_path: Path, few: dataset.Dataset, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, empty but for what a training of seconds needs."""
    write_params(tmp_path, **TINY)
    for split in dataset.SPLITS:
        few.save(tmp_path / f"data/out/dataset/{split}.safetensors", "sample")
    few.table("test").to_csv(tmp_path / "data/out/dataset/index.csv", index=False)
    (tmp_path / "train").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stage(workspace: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `python -m MODULE ARGUMENTS` in the workspace."""

    def run(module: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", module, *arguments]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.run(
            command, cwd=workspace, env=environment, capture_output=True, text=True, check=False, **options
        )

    return run
