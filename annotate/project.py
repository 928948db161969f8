"""The project on the server: found by its number or title, made if need be, and what is in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from annotate.api import Api
from annotate.failures import foreign
from annotate.server import MOST_PROJECTS, only
from annotate.tasks import FOLDER
from data.errors import UserError

INSTRUCTIONS = FOLDER / "instructions.html"
TITLES = range(3, 51)  # characters: what the server takes
PAGE = 5000  # tasks a request: 2 s, longer where many are labelled, since the server reads the labels too
FIELDS = "id,title,label_config,expert_instruction,model_version,task_number"


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
class Pushed:
    """A task on the server: its number, and the checksum of the picture when it was pushed."""

    number: int
    sha256: str


def find(api: Api) -> Project | None:
    """Return the configured project; None if no project has that title.

    Raises `UserError` if no project has that number, or several have that title.
    """
    name = api.server.project
    number = int(name) if name.isdecimal() else only(islice(_titles(api), MOST_PROJECTS), api.server)
    return None if number is None else _project(api, api.get(f"/api/projects/{number}/", include=FIELDS))


def _titles(api: Api) -> Iterator[tuple[str, int]]:
    """Yield title and number of the projects; the pages end where no next one is named."""
    for page in count(1):
        reply = api.get("/api/projects/", include="id,title", page=page, page_size=100)
        if not isinstance(reply, dict) or not isinstance(reply.get("results"), list):
            raise foreign(api.server.url)
        yield from ((one["title"], one["id"]) for one in reply["results"])
        if not reply.get("next"):
            return


def make(api: Api, label_config: str, instructions: str) -> Project:
    """Make the configured project. Raises `UserError` if the title is too short or too long."""
    title = api.server.project
    if len(title) not in TITLES:
        raise UserError(
            f"LABEL_STUDIO_PROJECT is {title!r}; expected {TITLES[0]} to {TITLES[-1]} characters",
            "give the project another title in the environment or in .env.",
        )
    wanted = {"title": title, "label_config": label_config, "expert_instruction": instructions}
    return _project(api, api.post("/api/projects/", wanted))


def change(api: Api, project: Project, **changes: str) -> Project:
    """Change fields of the project, by the server's names for them."""
    return _project(api, api.patch(f"/api/projects/{project.number}/", changes))


def _project(api: Api, found: Any) -> Project:
    try:
        return Project(
            int(found["id"]),
            str(found["title"]),
            str(found["label_config"] or ""),
            str(found["expert_instruction"] or ""),
            str(found["model_version"] or ""),
            int(found.get("task_number") or 0),
        )
    except (KeyError, TypeError, ValueError):
        raise foreign(api.server.url) from None


def instructions(path: Path = INSTRUCTIONS) -> str:
    """Return what annotators are told; nothing without the file."""
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def pushed(api: Api, project: Project) -> tuple[dict[str, Pushed], int]:
    """Return our name of each picture in the project to its task, and how many tasks show one again.

    Raises `UserError` if the pages do not add up to the server's own count.
    """
    found: dict[str, Pushed] = {}
    seen = 0
    for page in count(1):
        # Without resolve_uri the addresses come as they were sent, and sooner.
        reply = api.get(
            "/api/tasks/",
            project=project.number,
            page=page,
            page_size=PAGE,
            fields="task_only",
            include="id,data",
            resolve_uri="false",
        )
        tasks, total = _page(api, reply)
        seen += len(tasks)
        for task in tasks:
            data = task["data"]
            one = Pushed(task["id"], str(data.get("sha256") or ""))
            found.setdefault(str(data.get("image_id") or f"task {task['id']}"), one)
        if seen == total:
            return found, seen - len(found)
        if not tasks:
            raise foreign(api.server.url)
    raise AssertionError  # count() does not end


def _page(api: Api, reply: Any) -> tuple[list[Any], int]:
    tasks = reply.get("tasks") if isinstance(reply, dict) else None
    total = reply.get("total") if isinstance(reply, dict) else None
    sound = isinstance(tasks, list) and all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) and isinstance(task.get("id"), int)
        for task in tasks
    )
    if tasks is None or not sound or not isinstance(total, int):
        raise foreign(api.server.url)
    return tasks, total


def exported(api: Api, project: Project, everything: bool) -> list[dict[str, Any]]:
    """Return the tasks with annotations and drafts; with `everything` those without any, too."""
    tasks = api.get(
        f"/api/projects/{project.number}/export",
        exportType="JSON",
        download_all_tasks="true" if everything else "false",
    )
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise foreign(api.server.url)
    return tasks


def link(api: Api, project: Project, task: int | None = None) -> str:
    """Return the address of the project's page, or of a task in it."""
    page = f"{api.server.shown}/projects/{project.number}/data"
    return page if task is None else f"{page}?task={task}"
