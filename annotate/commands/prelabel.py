"""The model's answers for the images to label, as the stage `evaluate` wrote them.

train/out/report/task_predictions.csv has the columns image, predicted, confidence (0 to 1) and model, the
version of the model, which is the same in every row.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from annotate.commands.freshness import ANSWERS, check_current
from annotate.formats.label_studio import part
from annotate.label_studio.predictions import FROM_FILE, Suggestion
from annotate.labelling.scheme import Choices, Scheme
from annotate.labelling.tasks import SCHEME, Task
from data.common.errors import UserError, nearest
from data.common.files import readable

COLUMNS = ("image", "predicted", "confidence", "model")
HINT = 'make it anew with "dvc repro -fs evaluate".'


@dataclass(frozen=True)
class Prelabels:
    """What a model says about images: its version, and a suggestion by image."""

    version: str
    suggestions: dict[str, Suggestion]


def read(tasks: Sequence[Task], scheme: Scheme, path: Path = ANSWERS) -> Prelabels:
    """Read the model's answers.

    Raises `UserError`, before anything is sent, for a missing file, an image that is not in tasks.json or
    there twice, a class that the scheme does not have, a confidence outside of 0 to 1, several models, and a
    model that is not the one of now.
    """
    asked = scheme.image_class
    if asked is None:
        raise UserError(
            f"{SCHEME} asks for no class of the image, so there is nothing to prelabel",
            'add <Choices name="class" ...>, or push without --prelabel.',
        )
    names = {task.image_id for task in tasks}
    suggestions: dict[str, Suggestion] = {}
    versions = set()
    for row in _rows(path):
        image = row["image"]
        if image not in names or image in suggestions:
            problem = "twice" if image in suggestions else "not in annotate/project/tasks.json"
            raise UserError(f"{path}: {image} is {problem}", HINT)
        suggestions[image] = _suggestion(path, row, asked)
        versions.add(row["model"])
    if len(versions) != 1 or not versions.isdisjoint({""}) or next(iter(versions)).startswith(FROM_FILE):
        raise UserError(f"{path}: its models are {sorted(versions)}; expected one, with a name", HINT)
    version = versions.pop()
    check_current(version, path)
    return Prelabels(version, suggestions)


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with (
            readable(path, 'make it with "dvc repro evaluate".'),
            path.open(encoding="utf-8", newline="") as file,
        ):
            rows = csv.DictReader(file)
            if not set(COLUMNS) <= set(rows.fieldnames or ()):
                raise UserError(f"{path}: expected the columns {', '.join(COLUMNS)}", HINT)
            return [{name: str(row[name] or "").strip() for name in COLUMNS} for row in rows]
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a table ({error})", HINT) from None


def _suggestion(path: Path, row: dict[str, str], asked: Choices) -> Suggestion:
    label = row["predicted"]
    if label not in asked.options:
        raise UserError(
            f"{path}: {row['image']} is {label!r}, which {SCHEME} does not have",
            nearest(label, asked.options),
        )
    try:
        confidence = float(row["confidence"])
    except ValueError:
        confidence = math.nan
    if not 0 <= confidence <= 1:
        raise UserError(f"{path}: {row['image']}: confidence is {row['confidence']!r}; expected 0 to 1", HINT)
    return Suggestion([part("p1", asked, {"choices": [label]})], confidence)
