"""Predictions on the server: what a model, or a file of labels, suggests before anybody looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.label_studio.client import Api
from annotate.label_studio.errors import foreign
from annotate.label_studio.project import Project, change
from annotate.label_studio.project_cache import Pushed
from data.common.errors import UserError
from data.common.progress import progress

FROM_FILE = "file "  # so begin the versions of predictions that people brought: no model's replace them
BATCH = 500  # predictions a request: half a second each


@dataclass(frozen=True)
class Suggestion:
    """What is suggested for one image: a result as Label Studio writes it, and how sure it is (0 to 1)."""

    result: list[dict[str, Any]]
    score: float | None


def put(
    api: Api, project: Project, there: Mapping[str, Pushed], version: str, wanted: Mapping[str, Suggestion]
) -> tuple[int, int]:
    """Make the predictions of a version those that are wanted, by image, and have the page show them.

    Predictions that an older version showed go. Returns how many were added and how many went. A call that
    was cut off is finished by the next one.
    """
    numbers = {there[name].number: one for name, one in wanted.items() if name in there}
    found = api.get("/api/predictions/", task__project=project.number)
    if not isinstance(found, list):
        raise foreign(api.server.url)
    same = [one for one in found if one["model_version"] == version]
    right = {
        one["task"] for one in same if numbers.get(one["task"]) == Suggestion(one["result"], one["score"])
    }
    wrong = [one["id"] for one in same if one["task"] not in right]
    for number in wrong:
        api.delete(f"/api/predictions/{number}/")
    added = [(number, one) for number, one in numbers.items() if number not in right]
    _add(api, project, version, added)
    removed = len(wrong) + _replace(api, project, version, found)
    if project.model_version != version and numbers:
        change(api, project, model_version=version)
    return len(added), removed


def _add(api: Api, project: Project, version: str, added: list[tuple[int, Suggestion]]) -> None:
    with progress("sending predictions", len(added), "images") as task:
        for start in range(0, len(added), BATCH):
            part = [
                {"task": number, "result": one.result, "score": one.score, "model_version": version}
                for number, one in added[start : start + BATCH]
            ]
            reply = api.post(f"/api/projects/{project.number}/import/predictions", part)
            # The server answers 201 and drops the whole part if it dislikes one of them.
            if not isinstance(reply, dict) or reply.get("created") != len(part):
                raise UserError(
                    f"{api.server.shown} took {reply.get('created') if isinstance(reply, dict) else None} of "
                    f"{len(part)} predictions",
                    "look at the server's log; does the project's label config differ from ours?",
                )
            task.advance(len(part))


def _replace(api: Api, project: Project, version: str, found: list[dict[str, Any]]) -> int:
    """Delete the predictions of the version that is shown now, if a model's is to take its place."""
    old = project.model_version
    if old in {"", version} or old.startswith(FROM_FILE) or version.startswith(FROM_FILE):
        return 0
    count = len([one for one in found if one["model_version"] == old])
    if count:
        api.delete(f"/api/projects/{project.number}/model-versions/", {"model_version": old})
    return count
