"""annotate/project/tasks.json: the images to be labelled; and the paths of this room.

annotate/project/next.json lists the images that a model chose, beside those drawn at random.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from data.common.errors import UserError
from data.common.files import check_merged, readable, write_json

FOLDER = Path("annotate")
PROJECT = FOLDER / "project"  # people's work, in git
TASKS = PROJECT / "tasks.json"
CHOSEN = PROJECT / "next.json"
EXPORT = PROJECT / "export.json"
SCHEME = PROJECT / "label_config.xml"
OUT = FOLDER / "out"  # what stages make, out of git
IMAGES = OUT / "images"
LABELS = OUT / "labels"
METRICS = FOLDER / "metrics.json"

# What to do with an output of the pipeline that git could not merge.
ONE_SIDE = (
    'take one side with "git checkout --ours {path}" (or --theirs), delete dvc.lock if it has such marks '
    'too, then "dvc commit -f export" and "dvc repro".'
)


@dataclass(frozen=True, order=True)
class Task:
    """An image to label: its neutral name, its file, and that file's checksum when it was chosen."""

    image_id: str
    image: str
    sha256: str


def write_tasks(path: Path, tasks: list[Task]) -> None:
    """Write the tasks in order of their `image_id`."""
    write_json(path, [asdict(task) for task in sorted(tasks)])


def read_tasks(path: Path = TASKS) -> tuple[Task, ...]:
    """Read the tasks in order of their `image_id`.

    Raises `UserError` if the file is missing, not a list of tasks, or has an image twice.
    """
    hint = 'write it again with "dvc repro -f sample", or restore it from git.'
    entries = read_json(path, "a list of tasks", hint, ONE_SIDE.format(path=path))
    try:
        tasks = sorted(_task(entry) for entry in entries)
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not a list of tasks ({error!r})", hint) from None
    for task, following in pairwise(tasks):
        if task.image_id == following.image_id:
            raise UserError(f"{path}: {task.image_id} is there twice", hint)
    return tuple(tasks)


def _task(entry: Any) -> Task:
    task = Task(*(entry[name] for name in ("image_id", "image", "sha256")))
    if not all(isinstance(value, str) for value in asdict(task).values()):
        raise ValueError(f"{entry!r}: expected strings")
    if not re.fullmatch(r"[\w-]+", task.image_id):
        raise ValueError(f"image_id {task.image_id!r}: expected letters, digits, _ and -")
    return task


def read_json(path: Path, expected: str, hint: str, merge_hint: str) -> Any:
    """Read a JSON file that is in git.

    Raises `UserError` if it is missing, not JSON, or with the marks of a failed merge.
    """
    try:
        with readable(path, hint):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, merge_hint)
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not {expected} ({error})", hint) from None


def read_chosen(path: Path = CHOSEN) -> list[str]:
    """Read the names of the images that a model chose so far, ascending; none if there is no file.

    Raises `UserError` if the file is not a list of names.
    """
    if not path.exists():
        return []
    hint = "write [] into it, or restore it from git."
    names = read_json(path, "a list of names", hint, "keep the names of both sides, without the marks.")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: not a list of names", hint)
    return sorted(set(names))
