"""A real Label Studio in a folder of its own, by the commands of a user with an empty home folder."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from PIL import Image

from annotate.server import account, process
from annotate.server.account import Account
from annotate.server.process import Running
from tests.tiny import ROOT

# Variables of a shell that Label Studio would take for its own settings, and a proxy that does not exist.
STRAY = {"HOST": "http://elsewhere.example", "PORT": "1", "DEBUG": "true", "PASSWORD": "stray"}
STRAY |= {"http_proxy": "http://127.0.0.1:9", "LABEL_STUDIO_PORT": "2"}
PATIENCE = 300  # seconds: a first start took 40 s to 90 s on two cores, by what else ran there
# An annotation of the class.
CHOICE = {"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
SCHEME = """<View><Image name="image" value="$image"/><Choices name="class" toName="image">
<Choice value="cat"/><Choice value="dog"/></Choices></View>"""


@dataclass(frozen=True)
class Folder:
    """A repository as `serve` sees it."""

    path: Path

    @property
    def home(self) -> Path:
        """The home folder of the user, empty at first."""
        return self.path.with_name(f"{self.path.name}-home")

    @property
    def kept(self) -> Path:
        """Where Label Studio's data lie."""
        return self.path / ".label-studio"

    @property
    def account(self) -> Account:
        """The account in .env."""
        return account.load(env=self.path / ".env")

    @property
    def running(self) -> Running | None:
        """The server that runs here."""
        return process.running(self.kept)

    def command(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `python -m annotate` with the arguments."""
        outer = {name: value for name, value in os.environ.items() if not name.startswith("LABEL_STUDIO_")}
        environment = outer | STRAY | {"HOME": str(self.home), "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(
            [sys.executable, "-m", "annotate", *arguments],
            cwd=self.path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    def run(self, *arguments: str, code: int = 0, **options: Any) -> str:
        """Run a command to its end, check its exit code and return its output."""
        with self.command(*arguments, **options) as command:
            try:
                output, _ = command.communicate(timeout=PATIENCE)
            except subprocess.TimeoutExpired:
                command.terminate()  # and with it the server that it waits for
                raise
        assert command.returncode == code, output
        return output

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request with the token."""
        headers = {"Authorization": f"Token {self.account.token}"}
        return requests.request(method, self.account.url + path, headers=headers, timeout=60, **options)


def make(path: Path, environment: Path | None = None) -> Folder:
    """Make a folder with one image, if there is none; link an environment that exists."""
    folder = Folder(path)
    folder.home.mkdir()
    if not path.exists():
        (path / "annotate/out/images").mkdir(parents=True)
        Image.new("RGB", (32, 32), "navy").save(path / "annotate/out/images/test-00001.png")
    if environment:
        folder.kept.mkdir()
        (folder.kept / "env").symlink_to(environment)
    return folder


def copy(folder: Folder, path: Path) -> Folder:
    """Make a second folder with the database and the account of one whose server may be running."""
    second = make(path, folder.kept / "env")
    shutil.copytree(folder.kept / "data", second.kept / "data", ignore=shutil.ignore_patterns("*.sqlite3*"))
    with (
        closing(sqlite3.connect(folder.kept / "data" / process.DATABASE)) as database,
        closing(sqlite3.connect(second.kept / "data" / process.DATABASE)) as target,
    ):
        database.backup(target)
    account.save(account.load(free_port(), folder.path / ".env"), second.path / ".env")
    return second


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def label(folder: Folder, title: str) -> str:
    """Make a project with one labelled task; return the path of its export."""
    project = folder.ask("POST", "/api/projects", json={"title": title, "label_config": SCHEME}).json()["id"]
    folder.ask("POST", f"/api/projects/{project}/import", json=[{"image": "/data/x.png"}]).raise_for_status()
    (task,) = folder.ask("GET", f"/api/tasks?project={project}").json()["tasks"]
    posted = folder.ask("POST", f"/api/tasks/{task['id']}/annotations/", json={"result": [CHOICE]})
    assert posted.status_code == 201, posted.text
    return f"/api/projects/{project}/export?exportType=JSON"


def labels(folder: Folder, export: str) -> list[Any]:
    """Return the results of a project's annotations."""
    tasks = folder.ask("GET", export).json()
    return [annotation["result"][0]["value"] for task in tasks for annotation in task["annotations"]]
