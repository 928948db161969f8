"""annotate/project/export.json: the labels as Label Studio gave them, without ids, dates and people.

The same labels give the same bytes: nothing depends on the order of tasks, a database's numbers, the random
ids of regions, or dates. An entry holds image_id, sha256, annotations (annotator, lead_time in seconds,
was_cancelled, result) and drafts (result). Labels are checked by the stage `labels`, not here.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from annotate.labelling.geometry import finite
from annotate.labelling.tasks import EXPORT, ONE_SIDE, Task, read_json
from data.common.errors import UserError

Entry = dict[str, Any]

SIZES = ("original_width", "original_height", "image_rotation")
KEPT = ("from_name", "to_name", "type", "origin", "value", *SIZES)
LINKS = ("id", "parentID", "from_id", "to_id")  # each holds a region's id


def read_export(path: Path = EXPORT) -> list[Entry]:
    """Read an export. Raises `UserError` if it is missing or not a list of entries."""
    hint = 'restore it from git, or fetch it again with "dvc repro -fs export".'
    entries = read_json(path, "an export", hint, ONE_SIDE.format(path=path))
    if not isinstance(entries, list):
        raise UserError(f"{path}: not an export (expected a list of labelled images)", hint)
    for number, entry in enumerate(entries, 1):
        if not _is_entry(entry):
            raise UserError(f"{path}: entry {number} has no image_id, annotations and drafts", hint)
    return entries


def _is_entry(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), str):
        return False
    lists = (entry.get("annotations"), entry.get("drafts"))
    return all(isinstance(part, list) and all(isinstance(item, dict) for item in part) for part in lists)


def unlabelled(tasks: Iterable[Task]) -> list[Entry]:
    """Return the export of a project without any label."""
    return [
        {"image_id": task.image_id, "sha256": task.sha256, "annotations": [], "drafts": []} for task in tasks
    ]


def normalise(raw: Iterable[Entry]) -> list[Entry]:
    """Return a server's tasks as entries sorted by image, with nothing volatile or personal in them.

    Annotators are numbered in the order of the first image that each has labelled; where that is the same,
    their labels decide, so that the numbers depend on labels alone.
    """
    tasks = [(_image(task), task) for task in raw]
    labels: dict[str, list[str]] = defaultdict(list)
    for image, task in tasks:
        for annotation in task.get("annotations") or []:
            labels[_annotator(annotation)].append(_text([image["image_id"], _annotation(annotation)]))
    order = sorted(labels, key=lambda annotator: sorted(labels[annotator]))
    numbers = {annotator: number for number, annotator in enumerate(order, 1)}
    entries = [_entry(image, task, numbers) for image, task in tasks]
    return sorted(entries, key=lambda entry: (entry["image_id"], _text(entry)))


def _image(task: Entry) -> Entry:
    """Return which image a task shows; a task that was not pushed from here gets its file's name."""
    data = task.get("data") or {}
    image_id = str(data.get("image_id") or str(data.get("image") or "").rpartition("/")[2])
    return {"image_id": image_id, "sha256": str(data.get("sha256") or "")}


def _entry(image: Entry, task: Entry, numbers: dict[str, int]) -> Entry:
    numbered = [(numbers[_annotator(raw)], _annotation(raw)) for raw in task.get("annotations") or []]
    numbered.sort(key=lambda pair: (pair[0], _text(pair[1])))
    annotations = [{**annotation, "annotator": f"annotator-{number}"} for number, annotation in numbered]
    drafts = [{"result": _result(draft)} for draft in task.get("drafts") or []]
    return {**image, "annotations": annotations, "drafts": sorted(drafts, key=_text)}


def _annotator(annotation: Entry) -> str:
    """Return the annotator's number on the server, which also gives a record with it."""
    user = annotation.get("completed_by")
    return str(user.get("id") if isinstance(user, dict) else user)


def _annotation(annotation: Entry) -> Entry:
    seconds = annotation.get("lead_time")
    return {
        "lead_time": round(seconds, 1) if finite(seconds) else None,
        "was_cancelled": bool(annotation.get("was_cancelled")),
        "result": _result(annotation),
    }


def _result(annotation: Entry) -> list[Any]:
    """Return the regions in the order in which they were made, with the ids r1, r2, ..."""
    ids: dict[str, str] = {}
    result = annotation.get("result")
    return [_region(region, ids) for region in result] if isinstance(result, list) else []


def _region(region: Any, ids: dict[str, str]) -> Any:
    if not isinstance(region, dict):
        return _as_json(region)
    kept = {name: _as_json(region[name]) for name in KEPT if name in region}
    for link in LINKS:
        if region.get(link):
            kept[link] = ids.setdefault(str(region[link]), f"r{len(ids) + 1}")
    return kept


def _as_json(value: Any) -> Any:
    """Return a value with NaN and infinity, which JSON does not have, as strings: parsing reports them."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {name: _as_json(part) for name, part in value.items()}
    return [_as_json(part) for part in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
