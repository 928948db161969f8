"""Label Studio's own JSON: its tasks and our export are read, annotations are written as its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from annotate.formats.imported import ImportedEntry, ImportedFile
from annotate.labelling.export_file import normalise
from annotate.labelling.geometry import Size
from annotate.labelling.parse import type_of
from annotate.labelling.records import Annotation, Box
from annotate.labelling.scheme import JOINED, Boxes, Choices, Note, Scheme

TARGET = "image"


def is_label_studio(content: Any) -> bool:
    """Return whether JSON is tasks with annotations or predictions: the server's, or our export."""
    return isinstance(content, list) and all(
        isinstance(task, dict)
        and isinstance(task.get("annotations", task.get("predictions")), list)
        and all(isinstance(annotation, dict) for annotation in task.get("annotations", ()))
        and (isinstance(task.get("data"), dict) or isinstance(task.get("image_id"), str))
        for task in content
    )


def read(tasks: Sequence[dict[str, Any]], use_predictions: bool) -> ImportedFile:
    """Return the annotations in a file; if wanted, the first prediction stands for missing ones."""
    raw, ours, unused = [], [], 0
    for task in tasks:
        annotations, predictions = task.get("annotations", []), task.get("predictions") or []
        unused += len(predictions)
        if use_predictions and not annotations and predictions and isinstance(predictions[0], dict):
            annotations = [{"result": predictions[0].get("result")}]  # some exports have their ids alone
            unused -= 1
        if "image_id" in task:  # written by annotate.export
            ours.append({"drafts": [], **task, "annotations": annotations})
        else:
            raw.append(_with_name({**task, "annotations": annotations}))
    images = (ImportedEntry(entry["image_id"], entry) for entry in (*normalise(raw), *ours))
    return ImportedFile("Label Studio", tuple(images), (), unused)


def _with_name(task: dict[str, Any]) -> dict[str, Any]:
    """Return a server's task with the URL of its image as `image_id`, unless it has one of ours.

    A project may call its field otherwise than `image`: of a task with a single text, that is the URL.
    """
    data = task.get("data") or {}
    texts = [text for text in data.values() if isinstance(text, str)]
    url = texts[0] if len(texts) == 1 else f"task {task.get('id')} without data.image"
    return {**task, "data": {**data, "image_id": data.get("image_id") or data.get("image") or url}}


def to_result(annotation: Annotation, scheme: Scheme, size: Size) -> list[dict[str, Any]]:
    """Return an annotation's result: answers about the image, then each box with its own.

    Boxes become per cent of the image, whose `size` is in pixels.
    """
    answers = dict(annotation.answers)
    if scheme.image_class and annotation.label:
        answers[scheme.image_class.name] = annotation.label
    parts = [
        part(f"p{number}", control, _value(control, answers[control.name]))
        for number, control in enumerate(scheme.image_controls, 1)
        if control.name in answers
    ]
    return [*parts, *(piece for box in annotation.boxes for piece in _box(box, scheme, size))]


def _box(box: Box, scheme: Scheme, size: Size) -> Iterator[dict[str, Any]]:
    control = next(
        control for control in scheme.controls if isinstance(control, Boxes) and box.label in control.options
    )
    value = {
        "x": box.x * 100 / size[0],
        "y": box.y * 100 / size[1],
        "width": box.width * 100 / size[0],
        "height": box.height * 100 / size[1],
        "rotation": box.rotation,
    }
    shape = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    yield {**part(box.region, control, {**value, "rectanglelabels": [box.label]}), **shape}
    for question in scheme.box_controls:
        if question.name in box.attributes:
            answer = _value(question, box.attributes[question.name])
            yield {**part(box.region, question, {**value, **answer}), **shape}


def part(region: str, control: Boxes | Choices | Note, value: dict[str, Any]) -> dict[str, Any]:
    """Return a part of a result as Label Studio writes it: an answer, or a box."""
    kind = type_of(control)
    return {"id": region, "from_name": control.name, "to_name": TARGET, "type": kind, "value": value}


def _value(control: Choices | Note, answer: str) -> dict[str, Any]:
    if isinstance(control, Choices):
        return {"choices": answer.split(JOINED) if control.multiple else [answer]}
    if control.kind == "rating":
        return {"rating": int(answer)}
    return {"text": [answer]}
