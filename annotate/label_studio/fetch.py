"""All tasks of the project with their labels, as the server gives them, checked against its own counts."""

from __future__ import annotations

import time
from typing import Any

from annotate.label_studio.client import PAUSES, TIMEOUT, Client
from annotate.label_studio.config import Server
from annotate.label_studio.project import existing, exported, number_of
from data.common.errors import UserError


def fetch(server: Server, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
    """Return all tasks of the project, with annotations and drafts.

    The export is one request, so it is one moment's state. Where its counts differ from the project's it is
    made again, up to three times. Raises `UserError`.
    """
    with Client(server, timeout) as client:
        number = number_of(client) or existing(client).number
        for pause in (*PAUSES, None):
            tasks = exported(client, number)
            differences = _differences(client, number, tasks)
            if not differences:
                return tasks
            if pause is not None:
                time.sleep(pause)
    raise UserError(
        f"{server.shown}: the export has {differences}",
        "somebody may be labelling right now: repeat the command when they pause.",
    )


def _differences(client: Client, number: int, tasks: list[dict[str, Any]]) -> str:
    """Return in what an export differs from the project's own counts; nothing if it is complete."""
    with client.expected():
        project = client.sdk.projects.get(number)
        size, total = int(project.task_number), int(project.total_annotations_number or 0)
        skipped = int(project.skipped_annotations_number or 0)
    annotations = [annotation for task in tasks for annotation in task.get("annotations") or []]
    cancelled = sum(bool(annotation.get("was_cancelled")) for annotation in annotations)
    # The open-source server leaves skipped annotations out of the total, its documentation counts them in.
    expected = total if len(annotations) == total else total + skipped
    counts = {
        "tasks": (len(tasks), size),
        "annotations": (len(annotations), expected),
        "skipped annotations": (cancelled, skipped),
    }
    return ", ".join(f"{got} {name}, not {due}" for name, (got, due) in counts.items() if got != due)
