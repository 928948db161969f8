"""annotate/project/tasks.json: which images are to be labelled, and where everything in this folder lies.

annotate/project/next.json names those that were chosen by a model's predictions, beside those drawn at random.
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
PROJECT = FOLDER / "project"  # what people make, in git
TASKS = PROJECT / "tasks.json"
CHOSEN = PROJECT / "next.json"
EXPORT = PROJECT / "export.json"
SCHEME = PROJECT / "label_config.xml"
OUT = FOLDER / "out"  # what stages make, out of git
IMAGES = OUT / "images"
LABELS = OUT / "labels"
METRICS = FOLDER / "metrics.json"


@dataclass(frozen=True, order=True)
class Task:
    """One image to label: a neutral name, its file, and the checksum of that file when it was chosen."""

    image_id: str
    image: str
    sha256: str


def write_tasks(path: Path, tasks: list[Task]) -> None:
    """Write the tasks in order of their `image_id`."""
    write_json(path, [asdict(task) for task in sorted(tasks)])


def read_tasks(path: Path = TASKS) -> tuple[Task, ...]:
    """Read the tasks in order of their `image_id`.

    Raises `UserError` if the file is missing, is something else or names an image twice.
    """
    hint = 'make it anew with "dvc repro -f sample", or take it back from git.'
    try:
        with readable(path, hint):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, one_side(path, ', and "dvc repro"'))
        tasks = tuple(sorted(_task(entry) for entry in json.loads(text)))
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: not a list of tasks ({error!r})", hint) from None
    ids = [task.image_id for task in tasks]
    twice = next((one for one, following in pairwise(ids) if one == following), None)
    if twice is not None:
        raise UserError(f"{path}: {twice} is there twice", hint)
    return tasks


def _task(entry: Any) -> Task:
    fields = {name: entry[name] for name in Task.__dataclass_fields__}
    if not all(isinstance(value, str) for value in fields.values()):
        raise ValueError(f"{entry!r}: expected texts")
    if not re.fullmatch(r"[\w-]+", fields["image_id"]):
        raise ValueError(f"image_id {fields['image_id']!r}: expected letters, digits, _ and -")
    return Task(**fields)


def one_side(path: Path, more: str = "") -> str:
    """Return what to do with a file of the pipeline that git could not merge."""
    return (
        f'take one with "git checkout --ours {path}" (or --theirs), delete dvc.lock if it has such marks too,'
        f' then "dvc commit -f export"{more}.'
    )


def read_chosen(path: Path = CHOSEN) -> list[str]:
    """Read the names of the images that were chosen so far, ascending; none if there is no file.

    Raises `UserError` if the file is something else than a list of names.
    """
    if not path.exists():
        return []
    try:
        with readable(path, "repeat the command."):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, "keep the names of both sides, without the marks; each belongs on the list.")
        names = json.loads(text)
    except ValueError as error:
        names = error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: not a list of names", "write [] into it, or take it back from git.")
    return sorted(set(names))
