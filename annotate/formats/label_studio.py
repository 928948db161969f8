"""Our values as Label Studio writes them: the way back from `annotate.labelling.parse`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotate.labelling.boxes import Size
from annotate.labelling.parse import type_of
from annotate.labelling.records import Annotation, Box
from annotate.labelling.scheme import JOINED, Boxes, Choices, Note, Scheme

TARGET = "image"


def to_result(said: Annotation, scheme: Scheme, size: Size) -> list[dict[str, Any]]:
    """Return the parts of an annotation's result: answers about the image, then each box with its own.

    Boxes become per cent of the image, whose `size` is in pixels.
    """
    asked = scheme.image_class
    answers = {**said.answers, **({asked.name: said.label} if asked and said.label else {})}
    parts = [
        part(f"p{number}", control, _value(control, answers[control.name]))
        for number, control in enumerate(scheme.image_controls, 1)
        if control.name in answers
    ]
    return [*parts, *(piece for box in said.boxes for piece in _box(box, scheme, size))]


def _box(box: Box, scheme: Scheme, size: Size) -> Iterator[dict[str, Any]]:
    control = next(one for one in scheme.controls if isinstance(one, Boxes) and box.label in one.options)
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
