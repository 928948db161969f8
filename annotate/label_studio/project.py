"""The project on the server: found by its number or title, made if need be, and its tasks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from annotate.label_studio.client import Client
from annotate.labelling.tasks import PROJECT
from data.common.errors import UserError

INSTRUCTIONS = PROJECT / "instructions.html"
PAGE = 5000  # tasks a request: 2 s, longer where many are labelled, since the server reads the labels too
NUMBER = "set LABEL_STUDIO_PROJECT to the number in the project's address (.../projects/NUMBER/data)."


@dataclass(frozen=True)
class ServerTask:
    """A task on the server: its number, and the checksum of the image when it was pushed."""

    number: int
    sha256: str


@dataclass(frozen=True)
class Project:
    """A project on a server as it was read; `model_version` names the predictions that are shown.

    `tasks`, `annotations` and `skipped` (annotations) are the server's own counts.
    """

    client: Client
    number: int
    title: str
    label_config: str
    instructions: str
    model_version: str
    tasks: int
    annotations: int
    skipped: int

    @property
    def path(self) -> str:
        """Its path for raw requests."""
        return f"/api/projects/{self.number}"

    def link(self, task: int | None = None) -> str:
        """Return the address of its page, or of a task in it."""
        page = f"{self.client.server.shown}/projects/{self.number}/data"
        return page if task is None else f"{page}?task={task}"

    def changed(self, **changes: str) -> Project:
        """Change fields, by the server's names for them, and return the project."""
        with self.client.expected():
            return _project(self.client, self.client.sdk.projects.update(self.number, **changes))

    def pushed(self) -> tuple[dict[str, ServerTask], int]:
        """Return its tasks by our name of their image, and how many show an image again.

        Raises `UserError` if they are not as many as the server counts.
        """
        # Raw, since the SDK's pager hides errors. Without resolve_uri the URLs come as they were sent.
        query = f"project={self.number}&fields=task_only&include=id,data&resolve_uri=false&page_size={PAGE}"
        tasks: list[dict[str, Any]] = []
        with self.client.expected():
            for page in count(1):
                reply = self.client.get(f"/api/tasks/?{query}&page={page}").json()
                tasks += reply["tasks"]
                if len(tasks) == reply["total"]:
                    break
                if not reply["tasks"]:
                    raise ValueError("fewer tasks than the server counts")
            by_name: dict[str, ServerTask] = {}
            for task in tasks:
                name = str(task["data"].get("image_id") or f"task {task['id']}")
                by_name.setdefault(name, ServerTask(task["id"], str(task["data"].get("sha256") or "")))
        return by_name, len(tasks) - len(by_name)

    def exported(self) -> list[dict[str, Any]]:
        """Return all tasks with annotations and drafts, as the server gives them."""
        with self.client.expected():
            tasks = self.client.sdk.projects.exports.as_json(self.number)
            if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
                raise TypeError("not a list of tasks")
            return tasks


def find(client: Client) -> Project | None:
    """Return the configured project; None if no project has that title.

    Raises `UserError` if no project has that number, or several have that title: it is not unique there.
    """
    name, projects = client.server.project, client.sdk.projects
    with client.expected():
        if name.isdecimal():
            return _project(client, projects.get(int(name)))
        # The filter takes every title that holds the name. One page: the SDK's pager hides errors.
        page = projects.list(title=name, include="id,title", page_size=100)
        numbers = [project.id for project in page.items if project.title == name]
        if len(numbers) > 1:
            raise UserError(f"{client.server.shown}: {len(numbers)} projects are called {name!r}", NUMBER)
        return _project(client, projects.get(numbers[0])) if numbers else None


def existing(client: Client) -> Project:
    """Return the configured project; raises `UserError` if there is none."""
    project = find(client)
    if project is None:
        raise UserError(
            f"{client.server.shown}: no project is called {client.server.project!r}",
            f'make it with "python -m annotate push", or {NUMBER}',
        )
    return project


def make(client: Client, label_config: str, instructions: str) -> Project:
    """Make the configured project."""
    fields = {"label_config": label_config, "expert_instruction": instructions}
    with client.expected():
        return _project(client, client.sdk.projects.create(title=client.server.project, **fields))


def _project(client: Client, reply: Any) -> Project:
    counts = ("task_number", "total_annotations_number", "skipped_annotations_number")
    tasks, annotations, skipped = (int(getattr(reply, name, None) or 0) for name in counts)
    return Project(
        client,
        int(reply.id),
        str(reply.title),
        reply.label_config or "",
        reply.expert_instruction or "",
        reply.model_version or "",
        tasks,
        annotations,
        skipped,
    )


def instructions(path: Path = INSTRUCTIONS) -> str:
    """Return what annotators read; nothing without the file."""
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
