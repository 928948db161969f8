"""Labels, boxes and problems as tables: labels.csv, boxes.csv, problems.csv."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple

import pandas as pd

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Problem
from annotate.labelling.scheme import Scheme

LABELS = ("image", "class", "agreed", "cifar10", "annotator", "seconds", "boxes")
BOXES = ("image", "annotator", "region", "label", "x", "y", "width", "height", "rotation")
PROBLEMS = ("image", "kind", "what")


def labels_table(images: Iterable[LabelledImage], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each image and annotator.

    `class` is the annotator's, `agreed` the majority's, `cifar10` CIFAR-10's own; further columns hold the
    answers to the scheme's other questions about the image.
    """
    questions = [control.name for control in scheme.image_controls if control != scheme.image_class]
    rows = [
        (
            *(image.task.image_id, annotation.label, image.agreed, image.cifar10),
            *(annotation.annotator, annotation.seconds, len(annotation.boxes)),
            *(annotation.answers.get(name) for name in questions),
        )
        for image in images
        for annotation in image.annotations
    ]
    return pd.DataFrame(rows, columns=_columns(LABELS, questions))


def boxes_table(images: Iterable[LabelledImage], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each box of each annotator: pixels to a hundredth, degrees, and its attributes."""
    questions = [control.name for control in scheme.box_controls]
    rows = [
        (
            *(image.task.image_id, annotation.annotator, box.region, box.label),
            *(box.x, box.y, box.width, box.height, box.rotation),
            *(box.attributes.get(name) for name in questions),
        )
        for image in images
        for annotation in image.annotations
        for box in annotation.boxes
    ]
    return pd.DataFrame(rows, columns=_columns(BOXES, questions))


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return a row for each problem."""
    return pd.DataFrame([astuple(problem) for problem in problems], columns=list(PROBLEMS))


def _columns(fixed: Sequence[str], questions: Sequence[str]) -> list[str]:
    """Return the names of the columns; a question named like a fixed column is marked."""
    return [*fixed, *(f"{name} (answer)" if name in fixed else name for name in questions)]
