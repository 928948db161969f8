"""The model's suggestions for the images to label: its likeliest class, and how confident it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotate.formats.label_studio_json import part
from annotate.label_studio.suggestions import Suggestion
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import SCHEME, Task
from data.common.errors import UserError, nearest, some


@dataclass(frozen=True)
class Prelabels:
    """A model's version, and its suggestion by image."""

    version: str
    suggestions: dict[str, Suggestion]


def read(tasks: Sequence[Task], scheme: Scheme) -> Prelabels:
    """Classify the images to label.

    Raises `UserError`, before anything is sent, if there is no model, an image cannot be read, or the scheme
    lacks a class that is predicted.
    """
    control = scheme.image_class
    if control is None:
        raise UserError(
            f"{SCHEME} asks for no class of the image, so there is nothing to prelabel",
            'add <Choices name="class" ...>, or push without --prelabel.',
        )
    from train import predict  # torch takes seconds to import

    predictions = predict.predict([task.image for task in tasks])
    if predictions.problems:
        raise UserError(
            f"cannot read {some([str(problem) for problem in predictions.problems], 3)}",
            'bring them back with "dvc repro -f sample".',
        )
    suggestions = {}
    rows = zip(tasks, predictions.table["predicted"], predictions.table["confidence"], strict=True)
    for task, label, confidence in rows:
        if label not in control.options:
            raise UserError(
                f"{task.image_id} is predicted as {label!r}, which {SCHEME} does not have",
                nearest(label, control.options),
            )
        suggestions[task.image_id] = Suggestion([part("p1", control, {"choices": [label]})], confidence)
    return Prelabels(predict.version(), suggestions)
