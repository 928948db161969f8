"""A server's reply as it is kept in git: the labels, without ids, dates and people.

Same labels, same bytes: the order of the tasks, the numbers that a database gave out, the letters in a
region's id and the dates leave no trace. Nothing is judged here; that is the work of `annotate.labels`.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from annotate.labelling.boxes import finite
from annotate.labelling.tasks import EXPORT, Task, one_side
from data.common.errors import UserError
from data.common.files import check_merged, readable

Entry = dict[str, Any]

KEPT = (
    "from_name",
    "to_name",
    "type",
    "origin",
    "original_width",
    "original_height",
    "image_rotation",
    "value",
)
LINKS = ("id", "parentID", "from_id", "to_id")  # each names a region


def unlabelled(tasks: Iterable[Task]) -> list[Entry]:
    """Return the export of a project in which nobody has labelled anything."""
    return [
        {"image_id": task.image_id, "sha256": task.sha256, "annotations": [], "drafts": []} for task in tasks
    ]


def normalise(raw: Iterable[Entry]) -> list[Entry]:
    """Return a server's tasks sorted by image, with nothing volatile or personal in them.

    Annotators are numbered in the order of the first image that each has labelled; where two labelled
    the same images, what they said decides, so that the numbers depend on labels alone.
    """
    tasks = [(_head(task), task) for task in raw]
    said: dict[str, list[str]] = defaultdict(list)
    for head, task in tasks:
        for annotation in task.get("annotations") or []:
            said[_person(annotation)].append(_text([head["image_id"], _annotation(annotation)]))
    order = sorted(said, key=lambda person: sorted(said[person]))
    names = {person: f"annotator-{number}" for number, person in enumerate(order, 1)}
    return sorted((_entry(head, task, names) for head, task in tasks), key=_by_image)


def _by_image(entry: Entry) -> tuple[str, str]:
    return entry["image_id"], _text(entry)


def _head(task: Entry) -> Entry:
    """Return which image a task shows; one that we did not push is known by its file's name."""
    data = task.get("data") or {}
    image_id = str(data.get("image_id") or str(data.get("image") or "").rpartition("/")[2])
    return {"image_id": image_id, "sha256": str(data.get("sha256") or "")}


def _entry(head: Entry, task: Entry, names: dict[str, str]) -> Entry:
    annotations = [
        {**_annotation(annotation), "annotator": names[_person(annotation)]}
        for annotation in task.get("annotations") or []
    ]
    drafts = [{"result": _result(draft)} for draft in task.get("drafts") or []]
    return {
        **head,
        "annotations": sorted(annotations, key=lambda one: (_number(one["annotator"]), _text(one))),
        "drafts": sorted(drafts, key=_text),
    }


def _number(name: str) -> int:
    return int(name.rpartition("-")[2])


def _person(annotation: Entry) -> str:
    """Return what tells annotators apart on the server: a number, or a record with one."""
    person = annotation.get("completed_by")
    return str(person.get("id") if isinstance(person, dict) else person)


def _annotation(annotation: Entry) -> Entry:
    seconds = annotation.get("lead_time")
    return {
        "lead_time": round(seconds, 1) if finite(seconds) else None,
        "was_cancelled": bool(annotation.get("was_cancelled")),
        "result": _result(annotation),
    }


def _result(annotation: Entry) -> list[Any]:
    """Return the regions in the order in which they were made, as r1, r2, ..."""
    regions: dict[str, str] = {}
    result = annotation.get("result")
    return [_region(one, regions) for one in result] if isinstance(result, list) else []


def _region(region: Any, names: dict[str, str]) -> Any:
    if not isinstance(region, dict):
        return _finite(region)
    kept = {name: _finite(region[name]) for name in KEPT if name in region}
    for link in LINKS:
        if region.get(link):
            kept[link] = names.setdefault(str(region[link]), f"r{len(names) + 1}")
    return kept


def _finite(value: Any) -> Any:
    """Return a value without NaN and infinity, which JSON has not: they become words, to be judged later."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def read_export(path: Path = EXPORT) -> list[Any]:
    """Read an export. Raises `UserError` if it is missing or not a list of images with annotations."""
    hint = 'take it back from git, or fetch it anew with "dvc repro -fs export".'
    try:
        with readable(path, hint):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, one_side(path))
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})", hint) from None
    if not isinstance(entries, list):
        raise UserError(f"{path}: expected a list of labelled images", hint)
    for number, entry in enumerate(entries, 1):
        if not _sound(entry):
            raise UserError(
                f"{path}: entry {number} is not an image with its image_id, annotations and drafts", hint
            )
    return entries


def _sound(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), str):
        return False
    lists = [entry.get("annotations"), entry.get("drafts")]
    return all(isinstance(one, list) and all(isinstance(part, dict) for part in one) for one in lists)
