"""Our values as Label Studio writes them: the way back from `annotate.reading`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from annotate.boxes import Size
from annotate.reading import JOINED
from annotate.records import Annotation, Box
from annotate.scheme import Boxes, Choices, Note, Scheme

TARGET = "image"


def to_result(said: Annotation, scheme: Scheme, size: Size) -> list[dict[str, Any]]:
    """Return the parts of an annotation's result: answers about the picture, then each box with its own.

    Boxes become per cent of the picture, whose `size` is in pixels.
    """
    asked = scheme.picture_class
    answers = {**said.answers, **({asked.name: said.label} if asked and said.label else {})}
    parts = [
        _part(f"p{number}", control, _value(control, answers[control.name]))
        for number, control in enumerate(scheme.about_picture, 1)
        if control.name in answers
    ]
    return [*parts, *(part for box in said.boxes for part in _box(box, scheme, size))]


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
    yield {**_part(box.region, control, {**value, "rectanglelabels": [box.label]}), **shape}
    for question in scheme.about_box:
        if question.name in box.attributes:
            answer = _value(question, box.attributes[question.name])
            yield {**_part(box.region, question, {**value, **answer}), **shape}


def _part(region: str, control: Boxes | Choices | Note, value: dict[str, Any]) -> dict[str, Any]:
    kind = (
        control.kind
        if isinstance(control, Note)
        else "choices"
        if isinstance(control, Choices)
        else "rectanglelabels"
    )
    return {"id": region, "from_name": control.name, "to_name": TARGET, "type": kind, "value": value}


def _value(control: Choices | Note, answer: str) -> dict[str, Any]:
    if isinstance(control, Choices):
        return {"choices": answer.split(JOINED) if control.multiple else [answer]}
    if control.kind == "rating":
        return {"rating": int(float(answer))}
    return {"text": [answer]}
