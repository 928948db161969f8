"""Labels, boxes and problems as tables: labels.csv, boxes.csv, problems.csv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

import pandas as pd

from annotate.judge import Judged
from annotate.records import Problem
from annotate.scheme import Scheme

LABELS = ("picture", "class", "agreed", "cifar10", "annotator", "seconds", "boxes")
BOXES = ("picture", "annotator", "region", "label", "x", "y", "width", "height", "rotation")
PROBLEMS = ("picture", "kind", "what")


def labels_table(pictures: Iterable[Judged], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each picture and annotator.

    `class` is what this annotator says, `agreed` the majority's, `cifar10` CIFAR-10's own; further columns
    hold the answers to the scheme's other questions about the picture.
    """
    asked = [one.name for one in scheme.about_picture if one != scheme.picture_class]
    rows = [
        (
            *(picture.task.image_id, one.label, picture.agreed, picture.cifar10),
            *(one.annotator, one.seconds, len(one.boxes)),
            *_answers(one.answers, asked),
        )
        for picture in pictures
        for one in picture.annotations
    ]
    return pd.DataFrame(rows, columns=_columns(LABELS, asked))


def boxes_table(pictures: Iterable[Judged], scheme: Scheme) -> pd.DataFrame:
    """Return a row for each box of each annotator: pixels to a hundredth, degrees, and its attributes."""
    asked = [one.name for one in scheme.about_box]
    rows = [
        (
            *(picture.task.image_id, one.annotator, box.region, box.label),
            *(box.x, box.y, box.width, box.height, box.rotation),
            *_answers(box.attributes, asked),
        )
        for picture in pictures
        for one in picture.annotations
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
