"""Labels, boxes and problems as tables: labels.csv, boxes.csv, problems.csv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import pandas as pd

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Problem
from annotate.labelling.scheme import Scheme

LABELS = ("image", "class", "agreed", "cifar10", "annotator", "seconds", "boxes")
BOXES = ("image", "annotator", "region", "label", "x", "y", "width", "height", "rotation")
PROBLEMS = ("image", "kind", "what")


def labels_table(images: Iterable[LabelledImage], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each image and annotator.

    `class` is what this annotator says, `agreed` the majority's, `cifar10` CIFAR-10's own; further columns
    hold the answers to the scheme's other questions about the image.
    """
    asked = [one.name for one in scheme.image_controls if one != scheme.image_class]
    rows = [
        (
            *(image.task.image_id, one.label, image.agreed, image.cifar10),
            *(one.annotator, one.seconds, len(one.boxes)),
            *_answers(one.answers, asked),
        )
        for image in images
        for one in image.annotations
    ]
    return pd.DataFrame(rows, columns=_columns(LABELS, asked))


def boxes_table(images: Iterable[LabelledImage], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each box of each annotator: pixels to a hundredth, degrees, and its attributes."""
    asked = [one.name for one in scheme.box_controls]
    rows = [
        (
            *(image.task.image_id, one.annotator, box.region, box.label),
            *(box.x, box.y, box.width, box.height, box.rotation),
            *_answers(box.attributes, asked),
        )
        for image in images
        for one in image.annotations
        for box in one.boxes
    ]
    return pd.DataFrame(rows, columns=_columns(BOXES, asked))


def problems_table(problems: Iterable[Problem]) -> pd.DataFrame:
    """Return a row for each problem."""
    return pd.DataFrame([astuple(problem) for problem in problems], columns=list(PROBLEMS))


def _answers(given: Mapping[str, str], asked: Sequence[str]) -> list[Any]:
    return [given.get(name) for name in asked]


def _columns(fixed: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Return the names of the columns; a question called like one of ours gets an addition."""
    return [*fixed, *(f"{name} (answer)" if name in fixed else name for name in asked)]
