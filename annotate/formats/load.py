"""A file of labels made elsewhere, whatever its format, as annotations of our images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.formats import coco, label_studio_json, via, yolo
from annotate.formats.fit_scheme import fit
from annotate.formats.imported import FormatError, ImportedEntry, ImportedFile, ImportedImage
from annotate.formats.match import find_tasks
from annotate.labelling import parse
from annotate.labelling.consensus import check_image
from annotate.labelling.geometry import Size
from annotate.labelling.records import Annotation, Problem
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.common.files import readable

FORMATS = "Label Studio JSON, COCO JSON, a YOLO folder with classes.txt, VGG Image Annotator CSV or JSON"
SOMEBODY = "somebody"  # the annotator of a file that names none


@dataclass(frozen=True)
class ImportedAnnotations:
    """The labels of a file as annotations of our images of these sizes, and what was left out or changed."""

    file: ImportedFile
    annotations: tuple[Annotation, ...]
    problems: tuple[Problem, ...]
    sizes: dict[str, Size]


def load(
    path: Path,
    tasks: Sequence[Task],
    scheme: Scheme,
    images: Path | None = None,
    use_predictions: bool = False,
) -> ImportedAnnotations:
    """Read a file or folder of labels; its images are found by their names, among ours or in `images`.

    With `use_predictions` the first prediction stands for the annotation of an image that has none. Raises
    `UserError` if the file is missing or of an unknown format.
    """
    try:
        with readable(path, "give --from the file with the labels."):
            file = _read(path, use_predictions)
    except FormatError as error:
        raise UserError(f"{path}: {error}", f"expected {FORMATS}.") from None
    annotations: list[Annotation] = []
    problems = [*file.problems]
    sizes: dict[str, Size] = {}
    matches = find_tasks((image.name for image in file.images), tasks, images)
    for image in file.images:
        task = matches[image.name]
        if isinstance(task, str):
            problems.append(Problem(image.name, "not ours", f"{task}; {image.contents} left out"))
            continue
        size, image_problems = check_image(task)
        problems += image_problems
        if size is not None:
            labels, label_problems = _labels(image, task, scheme, size)
            annotations += labels
            problems += label_problems
            sizes[task.image_id] = size
    return ImportedAnnotations(file, tuple(annotations), tuple(sorted(problems)), sizes)


def _read(path: Path, use_predictions: bool) -> ImportedFile:
    """Read a file, by the first format that it can be."""
    if path.is_dir():
        if yolo.is_yolo(path):
            return yolo.read(path)
        raise FormatError("a folder without classes.txt or data.yaml")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FormatError("not text in UTF-8") from None
    if via.is_csv(text.partition("\n")[0]):
        return via.read_csv(text)
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"neither JSON ({error}) nor VIA's CSV") from None
    if coco.is_coco(content):
        return coco.read(content)
    if via.is_json(content):
        return via.read_json(content)
    if label_studio_json.is_label_studio(content):
        return label_studio_json.read(content, use_predictions)
    raise FormatError("JSON of an unknown format")


def _labels(
    image: ImportedImage | ImportedEntry, task: Task, scheme: Scheme, size: Size
) -> tuple[list[Annotation], list[Problem]]:
    """Return the annotations of an image of ours that are not empty, and the problems with it."""
    if isinstance(image, ImportedImage):
        annotation, problems = fit(image, task, scheme, size, SOMEBODY)
        return [annotation] if annotation else [], problems
    annotations, problems = parse.read({**image.entry, "image_id": task.image_id}, scheme, size)
    return [each for each in annotations if each.label or each.answers or each.boxes], problems
