"""Keep the labels that are committed, or fetch those that are on a Label Studio server now.

    python -m annotate export        with LABEL_STUDIO_URL set, in the environment or .env: fetches

A plain `dvc repro` does not come here: nothing that this depends on changes. `dvc repro -fs export` does.

Reads annotate/project/tasks.json and, if one is configured, the server; writes annotate/project/export.json,
which is in git. Without a server the file stays as it is. Whatever goes wrong, the labels in it are kept.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from annotate.label_studio.config import Server, configured
from annotate.labelling.export_file import normalise, read_export, unlabelled
from annotate.labelling.tasks import EXPORT, TASKS, Task, read_tasks
from data.common.errors import UserError
from data.common.files import write_json

KEEP = f'Or keep {EXPORT} as it is: "dvc commit -f export", then "dvc repro".'


def labelled(entries: list[Any], tasks: tuple[Task, ...]) -> set[str]:
    """Return which of the tasks have an annotation that was submitted, not skipped, and not empty."""
    done = {
        entry["image_id"]
        for entry in entries
        if any(each.get("result") and not each.get("was_cancelled") for each in entry["annotations"])
    }
    return {task.image_id for task in tasks} & done


def fetched(server: Server, tasks: tuple[Task, ...]) -> list[Any]:
    """Return the server's tasks with their labels, as they are kept.

    Raises `UserError` if that fails, or if none is ours: another project's labels must not replace ours.
    """
    from annotate.label_studio.fetch import fetch

    try:
        entries = normalise(fetch(server))
    except UserError as error:
        raise UserError(error.what, f"{error.hint} {KEEP}") from None
    ours = {task.image_id for task in tasks}
    if not any(entry["image_id"] in ours for entry in entries):
        raise UserError(
            f"{server.shown}: none of the {len(entries)} tasks there shows one of our {len(tasks)} images",
            'bring them there with "python -m annotate push", or set LABEL_STUDIO_PROJECT to another.',
        )
    return entries


def main() -> None:
    """Fetch the labels from Label Studio, or keep those in annotate/project/export.json."""
    tasks = read_tasks(TASKS)
    server = configured()
    if server is None:
        if not EXPORT.exists():
            write_json(EXPORT, unlabelled(tasks))
        state = f"{len(labelled(read_export(EXPORT), tasks))} of {len(tasks)} images labelled"
        print(f"keeping {EXPORT}: {state}; no Label Studio is configured (LABEL_STUDIO_URL)")
        return
    entries = fetched(server, tasks)
    before: set[str] = set()
    with suppress(UserError):  # a damaged file is to be replaced
        before = labelled(read_export(EXPORT), tasks)
    now = labelled(entries, tasks)
    write_json(EXPORT, entries)
    print(f"{EXPORT}: {len(now)} of {len(tasks)} images labelled")
    if lost := before - now:
        print(f"{len(lost)} others had labels in the file that this replaced; if it is in git:")
        print(f"  back to it   git checkout HEAD -- {EXPORT}, then dvc commit -f export")
        print(f"  both         that, python -m annotate push --from {EXPORT} --gaps, and fetch again")
