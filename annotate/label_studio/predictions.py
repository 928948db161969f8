"""Predictions on the server: what a model, or a file of labels, suggests to the annotators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.label_studio.client import Client
from annotate.label_studio.project import Project, ServerTask, change
from data.common.errors import UserError
from data.common.progress import progress

FROM_FILE = "file "  # how versions of predictions from a file begin: no model's replace them
BATCH = 500  # predictions a request: half a second each


@dataclass(frozen=True)
class Suggestion:
    """A prediction for one image: a result as Label Studio writes it, and its confidence (0 to 1)."""

    result: list[dict[str, Any]]
    score: float | None


def put(
    client: Client,
    project: Project,
    tasks: Mapping[str, ServerTask],
    version: str,
    suggestions: Mapping[str, Suggestion],
) -> tuple[int, int]:
    """Make the predictions of a version those that are given, by image, and have the page show them.

    Predictions of the version shown before are deleted. Returns how many were added and how many deleted. A
    call that was interrupted is completed by the next one.
    """
    wanted = {tasks[name].number: suggestion for name, suggestion in suggestions.items() if name in tasks}
    with client.expected():
        present = client.sdk.predictions.list(task_project=project.number)
        of_version = [prediction for prediction in present if prediction.model_version == version]
        right = {
            prediction.task
            for prediction in of_version
            if wanted.get(prediction.task) == Suggestion(prediction.result, prediction.score)
        }
        wrong = [prediction.id for prediction in of_version if prediction.task not in right]
    for number in wrong:
        client.sdk.predictions.delete(number)
    missing = [(number, suggestion) for number, suggestion in wanted.items() if number not in right]
    _add(client, project, version, missing)
    deleted = len(wrong)
    if not (version.startswith(FROM_FILE) or project.model_version.startswith(FROM_FILE)):
        deleted += _delete_older(client, project, version, present)
    if project.model_version != version and wanted:
        change(client, project, model_version=version)
    return len(missing), deleted


def _add(client: Client, project: Project, version: str, missing: list[tuple[int, Suggestion]]) -> None:
    with progress("sending predictions", len(missing), "images") as task:
        for start in range(0, len(missing), BATCH):
            batch = [
                {
                    "task": number,
                    "result": suggestion.result,
                    "score": suggestion.score,
                    "model_version": version,
                }
                for number, suggestion in missing[start : start + BATCH]
            ]
            with client.expected():
                reply = client.post(f"/api/projects/{project.number}/import/predictions", json=batch)
                created = reply.json()["created"]
            # The server answers 201 and drops the whole batch if it dislikes one of them.
            if created != len(batch):
                raise UserError(
                    f"{client.server.shown} accepted {created} of {len(batch)} predictions",
                    "look at the server's log; does the project's label config differ from ours?",
                )
            task.advance(len(batch))


def _delete_older(client: Client, project: Project, version: str, present: list[Any]) -> int:
    """Delete the predictions of the version that is shown now, if it is another; return how many."""
    old = project.model_version
    count = [prediction.model_version for prediction in present].count(old)
    if old in {"", version} or not count:
        return 0
    path = f"/api/projects/{project.number}/model-versions/"
    client.request("DELETE", path, json={"model_version": old})
    return count
