"""The folder of a running Label Studio, with images of a test's own, and a project of its own there."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from PIL import Image

from annotate.commands import push
from annotate.label_studio import client
from annotate.labelling.geometry import Size
from annotate.labelling.tasks import Task, write_tasks
from annotate.server.account import Account
from data.common.errors import UserError
from data.common.files import digest
from tests.annotate import studio
from tests.tiny import ROOT

NAMES = ("label_config.xml", "instructions.html")


@dataclass
class Clone:
    """The current folder: a repository that is served, and what its project is called."""

    account: Account
    project: str
    patch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def images(self, *names: str, size: Size = (20, 10)) -> list[Task]:
        """Write an image for each name, and all of them into annotate/project/tasks.json."""
        tasks = []
        for number, name in enumerate(names):
            path = Path("annotate/out/images") / f"{name}.png"
            Image.new("RGB", size, (number % 256, number // 256, 7)).save(path)
            image_id = "".join(letter if letter.isalnum() or letter in "_-" else "_" for letter in name)
            tasks.append(Task(image_id, path.as_posix(), digest(path, "sha256")))
        write_tasks(Path("annotate/project/tasks.json"), tasks)
        return sorted(tasks)

    def scheme(self, text: str) -> None:
        """Write annotate/project/label_config.xml."""
        Path("annotate/project/label_config.xml").write_text(text)

    def push(self, **options: Any) -> str:
        """Push, and return what was printed."""
        self.capsys.readouterr()
        push.push(**options)
        return self.capsys.readouterr().out

    def error(self, **options: Any) -> UserError:
        """Push in vain, and return the error, which does not show the token."""
        with pytest.raises(UserError) as error:
            self.push(**options)
        assert self.account.token not in str(error.value)
        return error.value

    def by(self, url: str) -> None:
        """Reach the server at another address."""
        self.patch.setenv("LABEL_STUDIO_URL", url)

    def ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask the server for JSON."""
        reply = self.raw(method, path, **options)
        reply.raise_for_status()
        return reply.json() if reply.content else None

    def raw(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask the server, with the token, not through a proxy."""
        headers = {"Authorization": f"Token {self.account.token}"}
        return requests.request(method, self.account.url + path, headers=headers, timeout=60, **options)

    @property
    def number(self) -> int:
        """The project's number."""
        page = self.ask("GET", f"/api/projects/?page_size=100&title={self.project}")
        (number,) = [project["id"] for project in page["results"]]
        return int(number)

    @property
    def settings(self) -> dict[str, Any]:
        """The project as the server has it."""
        settings: dict[str, Any] = self.ask("GET", f"/api/projects/{self.number}/")
        return settings

    @property
    def there(self) -> list[dict[str, Any]]:
        """What is in the project: tasks with annotations, drafts and predictions, by image."""
        page = self.ask(
            "GET", f"/api/tasks/?project={self.number}&page_size=1000&fields=all&resolve_uri=false"
        )
        return sorted(page["tasks"], key=lambda task: str(task["data"]["image_id"]))

    def label(self, number: int, label: str, **more: Any) -> None:
        """Annotate a task with a class."""
        part = {"id": "a", "from_name": "class", "to_name": "image", "type": "choices"}
        result = [{**part, "value": {"choices": [label]}}]
        self.ask("POST", f"/api/tasks/{number}/annotations/", json={"result": result, **more})

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `python -m annotate` here, in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "annotate", *arguments],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run `python -m annotate` to its end; return its exit code and what it printed."""
        with self.command(*arguments) as process:
            printed, _ = process.communicate(timeout=120)
        return process.returncode, printed


@contextmanager
def opened(
    folder: studio.Folder, test: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Clone]:
    """Go into the folder of a server, empty it of another test's images, and name a project."""
    patch.setattr(client, "PAUSES", (0.01, 0.01))
    name = re.sub(r"\W+", " ", test.removeprefix("test_"))[:40]
    project = f"{name.strip()} {secrets.token_hex(3)}"
    account = folder.account  # before the environment names another
    patch.chdir(folder.path)
    shutil.rmtree("annotate")
    Path("annotate/out/images").mkdir(parents=True)
    Path("annotate/project").mkdir()
    for name in NAMES:
        shutil.copy(ROOT / "annotate/project" / name, Path("annotate/project") / name)
    patch.setenv("LABEL_STUDIO_URL", account.url)
    patch.setenv("LABEL_STUDIO_API_KEY", account.token)
    patch.setenv("LABEL_STUDIO_PROJECT", project)
    yield Clone(account, project, patch, capsys)


def write_json(path: str, content: Any) -> Path:
    """Write a file of labels."""
    Path(path).write_text(json.dumps(content))
    return Path(path)
