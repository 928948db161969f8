"""The project on the server: found by its number or title, made if need be, and what is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from annotate.label_studio.client import Api
from annotate.label_studio.config import MOST_PROJECTS, only
from annotate.label_studio.errors import foreign
from annotate.label_studio.project_cache import Listing, Pushed, State, recall, remember
from annotate.labelling.tasks import PROJECT
from data.common.errors import UserError
from data.common.files import check_merged, readable

INSTRUCTIONS = PROJECT / "instructions.html"
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
    """Return what annotators are told; nothing without the file. Raises `UserError` if it is not in UTF-8."""
    hint = "save it as text in UTF-8."
    try:
        with readable(path, hint):
            text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    except UnicodeDecodeError:
        raise UserError(f"{path}: not text in UTF-8", hint) from None
    check_merged(path, text, "keep what is meant of both sides, without the marks.")
    return text


def pushed(api: Api, project: Project) -> Listing:
    """Return what is in the project: asked for whole only if it is not in the state of the last look.

    Raises `UserError` if the pages do not add up to the server's own count.
    """
    state = _state(api, project)
    if state is None:
        return Listing({}, 0)
    found = recall(state)
    if found is None:
        found, seen, last = _listed(api, project)
        if (seen, last) == (state.total, state.last):  # nobody came in between
            remember(state, found)
    return found


def _state(api: Api, project: Project) -> State | None:
    """Return how many tasks there are, and the newest; None if there is none."""
    newest = json.dumps({"ordering": ["-tasks:id"]})
    tasks, total = _tasks(api, project, page=1, page_size=1, include="id,created_at,data", query=newest)
    if not tasks:
        return None
    server = api.server.shown
    return State(server, project.number, total, tasks[0]["id"], str(tasks[0].get("created_at")))


def _listed(api: Api, project: Project) -> tuple[Listing, int, int]:
    """Return what is in the project, how many tasks that are, and the highest number among them."""
    found: dict[str, Pushed] = {}
    seen = last = 0
    for page in count(1):
        tasks, total = _tasks(api, project, page=page, page_size=PAGE, include="id,data")
        seen += len(tasks)
        for task in tasks:
            data = task["data"]
            one = Pushed(task["id"], str(data.get("sha256") or ""))
            found.setdefault(str(data.get("image_id") or f"task {task['id']}"), one)
            last = max(last, one.number)
        if seen == total:
            return Listing(found, seen - len(found)), seen, last
        if not tasks:
            raise foreign(api.server.url)
    raise AssertionError  # count() does not end


def _tasks(api: Api, project: Project, **query: Any) -> tuple[list[Any], int]:
    """Return a page of tasks, and how many there are on all pages."""
    # Without resolve_uri the addresses come as they were sent, and sooner.
    fixed = {"project": project.number, "fields": "task_only", "resolve_uri": "false"}
    reply = api.get("/api/tasks/", **fixed, **query)
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
