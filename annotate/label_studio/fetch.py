"""All tasks of the project with their labels, as the server gives them, checked against its own counts."""

from __future__ import annotations

import time
from typing import Any

from annotate.label_studio.client import PAUSES, TIMEOUT, Client
from annotate.label_studio.config import Server
from annotate.label_studio.project import Project, existing
from data.common.errors import UserError


def fetch(server: Server, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
    """Return all tasks of the project, with annotations and drafts.

    The export is one request, so it is one moment's state. Where its counts differ from the project's it is
    made again, up to three times. Raises `UserError`.
    """
    with Client(server, timeout) as client:
        project = existing(client)
        for pause in (*PAUSES, None):
            tasks = project.exported()
            project = existing(client)
            differences = _differences(tasks, project)
            if not differences:
                return tasks
            if pause is not None:
                time.sleep(pause)
    raise UserError(
        f"{server.shown}: the export has {differences}",
        "somebody may be labelling right now: repeat the command when they pause.",
    )


def _differences(tasks: list[dict[str, Any]], project: Project) -> str:
    """Return in what an export differs from the project's own counts; nothing if it is complete."""
    annotations = [annotation for task in tasks for annotation in task.get("annotations") or []]
    # The open-source server leaves skipped annotations out of the total, its documentation counts them in.
    total = project.annotations
    counts = {
        "tasks": (len(tasks), project.tasks),
        "annotations": (len(annotations), total if len(annotations) == total else total + project.skipped),
        "skipped annotations": (
            sum(bool(each.get("was_cancelled")) for each in annotations),
            project.skipped,
        ),
    }
    return ", ".join(f"{got} {name}, not {due}" for name, (got, due) in counts.items() if got != due)
