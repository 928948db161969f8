"""All that is known about each image: its annotations, its class by majority, its problems."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from annotate.labelling.boxes import Size, near_duplicates
from annotate.labelling.parse import read
from annotate.labelling.records import Annotation, Problem
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.progress import track

NEAR = 0.9  # intersection over union from which two boxes are taken for one: a shift of 5 % either way


@dataclass(frozen=True)
class LabelledImage:
    """One image: its usable annotations in order of annotator, and what they come to.

    `size` is None where the file is missing or damaged, `cifar10` where CIFAR-10 does not know the image,
    `agreed` where nobody gave a class or no class has a majority.
    """

    task: Task
    size: Size | None
    cifar10: str | None
    annotations: tuple[Annotation, ...]
    agreed: str | None
    disputed: bool

    @property
    def chosen(self) -> Annotation | None:
        """The annotation whose boxes go into COCO, YOLO and VOC: the first of the agreed class, or at all."""
        agreeing = (one for one in self.annotations if self.agreed and one.label == self.agreed)
        return next(agreeing, self.annotations[0] if self.annotations else None)


def judge(
    tasks: tuple[Task, ...], entries: list[Any], scheme: Scheme, cifar10: Mapping[str, str]
) -> tuple[list[LabelledImage], list[Problem]]:
    """Return every image of the tasks, in their order, and all problems, sorted."""
    given: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        given[entry["image_id"]].append(entry)
    images, problems = [], []
    for task in track(tasks, "judging labels", len(tasks), "images"):
        image, found = _judge(task, given.pop(task.image_id, []), scheme, cifar10.get(task.image_id))
        images.append(image)
        problems.extend(found)
    for name, strangers in given.items():
        count = sum(len(entry["annotations"]) for entry in strangers)
        problems.append(Problem(name, "not ours", f"{count} annotations left out"))
    return images, sorted(problems)


def _judge(
    task: Task, entries: list[dict[str, Any]], scheme: Scheme, cifar10: str | None
) -> tuple[LabelledImage, list[Problem]]:
    size, problems = check_image(task)
    annotations: list[Annotation] = []
    for entry in entries:
        found, more = read(entry, scheme, size)
        annotations.extend(found)
        problems.extend(more)
        if (entry.get("sha256") or task.sha256) != task.sha256:
            problems.append(Problem(task.image_id, "image changed", "another one was labelled"))
    if len(entries) > 1:
        problems.append(Problem(task.image_id, "task twice", f"{len(entries)} tasks"))
    if not any(entry["annotations"] or entry["drafts"] for entry in entries):
        problems.append(Problem(task.image_id, "unlabelled", "no annotation"))
    annotations.sort(key=lambda one: _order(one.annotator))
    agreed, dispute = majority(annotations)
    problems += [*dispute, *_doubles(task.image_id, annotations), *_boxes_differ(task.image_id, annotations)]
    return LabelledImage(task, size, cifar10, tuple(annotations), agreed, bool(dispute)), problems


def _order(annotator: str) -> tuple[int, str]:
    return len(annotator), annotator  # annotator-10 after annotator-9


def check_image(task: Task) -> tuple[Size | None, list[Problem]]:
    """Return an image's width and height, and whether it still is the one that was chosen."""
    try:
        content = Path(task.image).read_bytes()
        same = hashlib.sha256(content).hexdigest() == task.sha256
        with Image.open(io.BytesIO(content)) as image:
            size = image.size
            if not same:
                image.load()  # the header alone does not tell that the rest is missing
    except FileNotFoundError:
        return None, [Problem(task.image_id, "no image", f"{task.image} is missing")]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None, [Problem(task.image_id, "no image", f"{task.image} is damaged")]
    if same:
        return size, []
    return size, [Problem(task.image_id, "image changed", f"{task.image} is not the one in tasks.json")]


def majority(annotations: Iterable[Annotation]) -> tuple[str | None, list[Problem]]:
    """Return the class that most of the annotations of one image give; None without any or on a tie."""
    votes = [one for one in annotations if one.label is not None]
    ranked = Counter(one.label for one in votes).most_common()
    if len(ranked) < 2:
        return (ranked[0][0] if ranked else None), []
    said = ", ".join(f"{one.annotator}: {one.label}" for one in votes)
    if ranked[0][1] == ranked[1][1]:
        return None, [Problem(votes[0].image, "tie", said)]
    return ranked[0][0], [Problem(votes[0].image, "conflict", f"{said}; taken: {ranked[0][0]}")]


def _doubles(image: str, annotations: list[Annotation]) -> list[Problem]:
    """Return boxes that one annotator drew twice, and annotators who submitted twice."""
    problems = []
    for annotation in annotations:
        for one, other in near_duplicates(annotation.boxes, NEAR):
            what = f"{annotation.annotator}: {one.region} {one.label} and {other.region} {other.label}"
            problems.append(Problem(image, "near-duplicate", what))
    for annotator, count in Counter(one.annotator for one in annotations).items():
        if count > 1:
            what = f"{annotator}: {count} annotations"
            problems.append(Problem(image, "twice by one annotator", what))
    return problems


def _boxes_differ(image: str, annotations: list[Annotation]) -> list[Problem]:
    """Return whether annotators drew different objects; where exactly they drew them is not compared."""
    drawn = {tuple(sorted(box.label for box in one.boxes)) for one in annotations}
    if len(drawn) < 2:
        return []
    said = ", ".join(f"{one.annotator}: {len(one.boxes)}" for one in annotations)
    return [Problem(image, "conflict", f"boxes differ: {said}; all are in boxes.csv")]
