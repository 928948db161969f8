"""Predictions on the server: what a model, or a file of labels, suggests to the annotators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from annotate.label_studio.project import Project, ServerTask
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
    project: Project, tasks: Mapping[str, ServerTask], version: str, suggestions: Mapping[str, Suggestion]
) -> tuple[int, int]:
    """Make the predictions of a version those that are given, by image, and have the page show them.

    Predictions of the version shown before are deleted. Returns how many were added and how many deleted. A
    call that was interrupted is completed by the next one.
    """
    wanted = {tasks[name].number: suggestion for name, suggestion in suggestions.items() if name in tasks}
    client = project.client.sdk.predictions
    with project.client.expected():
        present = client.list(task_project=project.number)
        of_version = [prediction for prediction in present if prediction.model_version == version]
        right = {
            prediction.task
            for prediction in of_version
            if wanted.get(prediction.task) == Suggestion(prediction.result, prediction.score)
        }
        wrong = [prediction.id for prediction in of_version if prediction.task not in right]
    for number in wrong:
        client.delete(number)
    missing = [(number, suggestion) for number, suggestion in wanted.items() if number not in right]
    _add(project, version, missing)
    deleted = len(wrong)
    if not (version.startswith(FROM_FILE) or project.model_version.startswith(FROM_FILE)):
        deleted += _delete_older(project, version, [prediction.model_version for prediction in present])
    if project.model_version != version and wanted:
        project.changed(model_version=version)
    return len(missing), deleted


def _add(project: Project, version: str, missing: list[tuple[int, Suggestion]]) -> None:
    predictions = [
        {"task": number, "result": suggestion.result, "score": suggestion.score, "model_version": version}
        for number, suggestion in missing
    ]
    with progress("sending predictions", len(missing), "images") as bar:
        for start in range(0, len(missing), BATCH):
            batch = predictions[start : start + BATCH]
            with project.client.expected():
                reply = project.client.post(f"{project.path}/import/predictions", json=batch)
                created = reply.json()["created"]
            # The server answers 201 and drops the whole batch if it dislikes one of them.
            if created != len(batch):
                raise UserError(
                    f"{project.client.server.shown} accepted {created} of {len(batch)} predictions",
                    "look at the server's log; does the project's label config differ from ours?",
                )
            bar.advance(len(batch))


def _delete_older(project: Project, version: str, versions: list[str]) -> int:
    """Delete the predictions of the version that is shown now, if it is another; return how many."""
    old = project.model_version
    if old in {"", version} or old not in versions:
        return 0
    project.client.request("DELETE", f"{project.path}/model-versions/", json={"model_version": old})
    return versions.count(old)
