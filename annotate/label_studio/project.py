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
class Project:
    """A project as the server has it; `model_version` names the predictions that are shown."""

    number: int
    title: str
    label_config: str
    instructions: str
    model_version: str
    size: int


@dataclass(frozen=True)
class ServerTask:
    """A task on the server: its number, and the checksum of the image when it was pushed."""

    number: int
    sha256: str


@dataclass(frozen=True)
class ServerTasks:
    """The tasks of a project by our name of their image, and how many show an image again."""

    tasks: dict[str, ServerTask]
    duplicates: int


def number_of(client: Client) -> int | None:
    """Return the number of the configured project; None if no project has the title.

    Raises `UserError` if several have it: titles are not unique there.
    """
    name = client.server.project
    if name.isdecimal():
        return int(name)
    with client.expected():
        # The filter takes every title that holds the name. One page: the SDK's pager hides errors.
        page = client.sdk.projects.list(title=name, include="id,title", page_size=100)
        numbers = [int(project.id) for project in page.items if project.title == name]
    if len(numbers) > 1:
        raise UserError(f"{client.server.shown}: {len(numbers)} projects are called {name!r}", NUMBER)
    return numbers[0] if numbers else None


def find(client: Client) -> Project | None:
    """Return the configured project; None if no project has that title.

    Raises `UserError` if no project has that number, or several have that title.
    """
    number = number_of(client)
    if number is None:
        return None
    with client.expected():
        return _project(client.sdk.projects.get(number))


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
        return _project(client.sdk.projects.create(title=client.server.project, **fields))


def change(client: Client, project: Project, **changes: str) -> Project:
    """Change fields of the project, by the server's names for them."""
    with client.expected():
        return _project(client.sdk.projects.update(project.number, **changes))


def _project(reply: Any) -> Project:
    return Project(
        int(reply.id),
        str(reply.title),
        str(reply.label_config or ""),
        str(reply.expert_instruction or ""),
        str(reply.model_version or ""),
        int(getattr(reply, "task_number", None) or 0),
    )


def instructions(path: Path = INSTRUCTIONS) -> str:
    """Return what annotators read; nothing without the file. Raises `UserError` if it is not in UTF-8."""
    try:
        return path.read_text(encoding="utf-8").strip() if path.exists() else ""
    except UnicodeDecodeError:
        raise UserError(f"{path}: not text in UTF-8", "save it as text in UTF-8.") from None


def pushed(client: Client, project: Project) -> ServerTasks:
    """Return the tasks of the project; raises `UserError` if they are not as many as the server counts."""
    # Raw, since the SDK's pager hides errors. Without resolve_uri the URLs come as they were sent.
    query: dict[str, str | int] = {
        "project": project.number,
        "fields": "task_only",
        "include": "id,data",
        "resolve_uri": "false",
    }
    tasks: list[dict[str, Any]] = []
    with client.expected():
        for page in count(1):
            params = query | {"page": page, "page_size": PAGE}
            reply = client.get("/api/tasks/", params=params).json()
            tasks += reply["tasks"]
            if len(tasks) == reply["total"]:
                break
            if not reply["tasks"]:
                raise ValueError("fewer tasks than the server counts")
        by_name = {
            str(task["data"].get("image_id") or f"task {task['id']}"): ServerTask(
                int(task["id"]), str(task["data"].get("sha256") or "")
            )
            for task in reversed(tasks)  # of two that show an image, the first counts
        }
    return ServerTasks(by_name, len(tasks) - len(by_name))


def exported(client: Client, number: int) -> list[dict[str, Any]]:
    """Return all tasks of a project with annotations and drafts, as the server gives them."""
    with client.expected():
        tasks = client.sdk.projects.exports.as_json(number)
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise TypeError("not a list of tasks")
        return tasks


def link(client: Client, project: Project, task: int | None = None) -> str:
    """Return the address of the project's page, or of a task in it."""
    page = f"{client.server.shown}/projects/{project.number}/data"
    return page if task is None else f"{page}?task={task}"
