"""A file of labels made elsewhere, whatever its format, as annotations of our images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from annotate.formats import coco_read, via, yolo_read
from annotate.formats.fit import fit
from annotate.formats.imported import FormatError, ImportedFile
from annotate.formats.match import Finder
from annotate.labelling.boxes import Size
from annotate.labelling.consensus import check_image
from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read
from annotate.labelling.records import Annotation, Problem
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.common.files import check_merged, readable

FORMATS = "Label Studio JSON, COCO JSON, a YOLO folder with classes.txt, VGG Image Annotator CSV or JSON"
SOMEBODY = "somebody"  # the one annotator of a file that names none


@dataclass(frozen=True)
class Loaded:
    """What a file comes to: annotations of our images, and what was left out or changed.

    `guesses` is how many predictions are in the file and not among the annotations, `numbers` how many are
    there as numbers alone.
    """

    kind: str
    annotations: tuple[Annotation, ...]
    problems: tuple[Problem, ...]
    sizes: dict[str, Size]
    guesses: int = 0
    numbers: int = 0


def load(
    path: Path, tasks: Sequence[Task], scheme: Scheme, images: Path | None = None, guesses: bool = False
) -> Loaded:
    """ImportedFile a file or folder of labels; its images are found by their names, among ours or in `images`.

    With `guesses` the first prediction stands for the annotation of an image that has none. Raises
    `UserError` if the file is missing or of no known format.
    """
    try:
        content = _content(path)
        finder = Finder(tasks, images)
        if isinstance(content, ImportedFile):
            return _fitted(content, finder, scheme)
        content, left, numbers = _guessed(content, guesses)
        return replace(_label_studio(content, finder, scheme), guesses=left, numbers=numbers)
    except FormatError as error:
        raise UserError(f"{path}: {error}", error.hint or f"expected {FORMATS}.") from None


def _content(path: Path) -> Any:
    """Return the file in neutral values, or Label Studio's own tasks, which are read as an export is."""
    if path.is_dir():
        if yolo_read.is_yolo(path):
            return yolo_read.read(path)
        raise FormatError("a folder without classes.txt or data.yaml")
    try:
        with readable(path, "give --from the file with the labels."):
            text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError("not text in UTF-8") from None
    check_merged(path, text, f'take one side, as by "git checkout --ours {path}" (or --theirs).')
    if via.is_csv(text.partition("\n")[0]):
        return via.read_csv(text)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"neither JSON ({error}) nor VIA's CSV") from None
    if coco_read.is_coco(content):
        return coco_read.read(content)
    if via.is_json(content):
        return via.read_json(content)
    if _is_label_studio(content):
        return content
    raise FormatError("JSON of no known kind")


def _is_label_studio(content: Any) -> bool:
    """Return whether JSON is tasks with annotations or predictions: the server's, or our export."""
    return isinstance(content, list) and all(
        isinstance(task, dict)
        and isinstance(task.get("annotations", task.get("predictions")), list)
        and all(isinstance(one, dict) for one in task.get("annotations", ()))
        and (isinstance(task.get("data"), dict) or isinstance(task.get("image_id"), str))
        for task in content
    )


def _guessed(tasks: list[dict[str, Any]], wanted: bool) -> tuple[list[dict[str, Any]], int, int]:
    """Return the tasks, if wanted with predictions as annotations, and how many of those are left out.

    Last comes how many predictions are numbers alone: what a server exports does not say what they say.
    """
    found, left, numbers = [], 0, 0
    for task in tasks:
        guesses = task.get("predictions")
        guesses = guesses if isinstance(guesses, list) else []
        whole = [one for one in guesses if isinstance(one, dict) and isinstance(one.get("result"), list)]
        taken = whole[:1] if wanted and not task.get("annotations") else []
        left += len(whole) - len(taken)
        numbers += len(guesses) - len(whole)
        told = [{"result": one["result"]} for one in taken]
        found.append({**task, "annotations": told or task.get("annotations", [])})
    return found, left, numbers


def _fitted(content: ImportedFile, finder: Finder, scheme: Scheme) -> Loaded:
    found: list[Annotation] = []
    problems = list(content.problems)
    sizes: dict[str, Size] = {}
    tasks = finder.find_all(said.image for said in content.images)
    for said in content.images:
        task = tasks[said.image]
        if isinstance(task, str):
            problems.append(Problem(said.image, "not ours", f"{task}; {len(said.regions)} boxes left out"))
            continue
        size, more = check_image(task)
        problems += more
        if size is None:
            continue
        annotation, more = fit(said, task, scheme, size, SOMEBODY)
        problems += more
        if annotation:
            found.append(annotation)
            sizes[task.image_id] = size
    return Loaded(content.kind, tuple(found), tuple(sorted(problems)), sizes)


def _named(task: dict[str, Any]) -> dict[str, Any]:
    """Return a server's task known by the whole address of its image where it has no name of ours.

    A project may call its field otherwise than `image`: of a task with one text, that is the address.
    """
    data = task.get("data") or {}
    texts = [text for text in data.values() if isinstance(text, str)]
    only = texts[0] if len(texts) == 1 else f"task {task.get('id')} without data.image"
    return {**task, "data": {**data, "image_id": data.get("image_id") or data.get("image") or only}}


def _label_studio(tasks: list[dict[str, Any]], finder: Finder, scheme: Scheme) -> Loaded:
    found: list[Annotation] = []
    problems: list[Problem] = []
    sizes: dict[str, Size] = {}
    raw = [_named(task) for task in tasks if "image_id" not in task]
    kept = [{"drafts": [], **task} for task in tasks if "image_id" in task]  # by annotate.export
    entries = [*normalise(raw), *kept]
    ours = finder.find_all(entry["image_id"] for entry in entries)
    for entry in entries:
        task = ours[entry["image_id"]]
        if isinstance(task, str):
            count = len(entry["annotations"])
            problems.append(Problem(entry["image_id"], "not ours", f"{task}; {count} annotations left out"))
            continue
        size, more = check_image(task)
        annotations, others = read({**entry, "image_id": task.image_id}, scheme, size)
        problems += [*more, *others]
        if size is not None:
            # Of some nothing is left, which the problems tell: they would be submitted empty.
            telling = [one for one in annotations if one.label or one.answers or one.boxes]
            found += [replace(one, image=task.image_id) for one in telling]
            sizes[task.image_id] = size
    return Loaded("Label Studio", tuple(found), tuple(sorted(problems)), sizes)
