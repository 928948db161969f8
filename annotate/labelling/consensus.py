"""Every image with its annotations, its class by majority, and what is wrong with either."""

from __future__ import annotations

import hashlib
import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from PIL import Image

from annotate.labelling.geometry import Size, iou
from annotate.labelling.parse import read
from annotate.labelling.records import Annotation, Problem
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.progress import track

NEAR = 0.9  # intersection over union from which two boxes are taken for duplicates: a shift of 5 %


@dataclass(frozen=True)
class LabelledImage:
    """An image with its usable annotations, in order of annotator, and their consensus.

    `size` is None where the file is missing or damaged, `cifar10` where CIFAR-10 does not have the image,
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
        agreeing = (each for each in self.annotations if self.agreed and each.label == self.agreed)
        return next(agreeing, self.annotations[0] if self.annotations else None)


def labelled_images(
    tasks: Sequence[Task], entries: Iterable[dict[str, Any]], scheme: Scheme, cifar10: Mapping[str, str]
) -> tuple[list[LabelledImage], list[Problem]]:
    """Return the images of the tasks, in their order, and all problems, sorted.

    `entries` are those of an export, `cifar10` is CIFAR-10's class by `image_id`.
    """
    by_image: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        by_image[entry["image_id"]].append(entry)
    images, problems = [], []
    for task in track(tasks, "checking labels", len(tasks), "images"):
        image_id = task.image_id
        image, more = _labelled_image(task, by_image.pop(image_id, []), scheme, cifar10.get(image_id))
        images.append(image)
        problems += more
    for image_id, rest in by_image.items():
        count = sum(len(entry["annotations"]) for entry in rest)
        problems.append(Problem(image_id, "not ours", f"{count} annotations left out"))
    return images, sorted(problems)


def _labelled_image(
    task: Task, entries: list[dict[str, Any]], scheme: Scheme, cifar10: str | None
) -> tuple[LabelledImage, list[Problem]]:
    size, problems = check_image(task)
    annotations: list[Annotation] = []
    for entry in entries:
        usable, more = read(entry, scheme, size)
        annotations += usable
        problems += more
        if (entry.get("sha256") or task.sha256) != task.sha256:
            problems.append(Problem(task.image_id, "image changed", "another image was labelled"))
    if len(entries) > 1:
        problems.append(Problem(task.image_id, "task twice", f"{len(entries)} tasks"))
    if not any(entry["annotations"] or entry["drafts"] for entry in entries):
        problems.append(Problem(task.image_id, "unlabelled", "no annotation"))
    annotations.sort(key=lambda each: (len(each.annotator), each.annotator))  # annotator-10 after annotator-9
    agreed, dispute = majority(annotations)
    problems += [*dispute, *_duplicates(task.image_id, annotations)]
    problems += _different_boxes(task.image_id, annotations)
    return LabelledImage(task, size, cifar10, tuple(annotations), agreed, bool(dispute)), problems


def check_image(task: Task) -> tuple[Size | None, list[Problem]]:
    """Return an image's width and height, and a problem if it is missing, damaged or not the chosen one."""
    try:
        content = Path(task.image).read_bytes()
        same = hashlib.sha256(content).hexdigest() == task.sha256
        with Image.open(io.BytesIO(content)) as image:
            size = image.size
            if not same:
                image.load()  # the header alone does not show that the rest is missing
    except FileNotFoundError:
        return None, [Problem(task.image_id, "no image", f"{task.image} is missing")]
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None, [Problem(task.image_id, "no image", f"{task.image} is damaged")]
    changed = Problem(task.image_id, "image changed", f"{task.image} is not the one in tasks.json")
    return size, [] if same else [changed]


def majority(annotations: Iterable[Annotation]) -> tuple[str | None, list[Problem]]:
    """Return the class that most annotations of an image give, and a problem if not all give it.

    None without any class, or on a tie.
    """
    votes = [each for each in annotations if each.label is not None]
    ranked = Counter(each.label for each in votes).most_common()
    if len(ranked) < 2:
        return (ranked[0][0] if ranked else None), []
    classes = ", ".join(f"{each.annotator}: {each.label}" for each in votes)
    if ranked[0][1] == ranked[1][1]:
        return None, [Problem(votes[0].image, "tie", classes)]
    return ranked[0][0], [Problem(votes[0].image, "conflict", f"{classes}; taken: {ranked[0][0]}")]


def _duplicates(image: str, annotations: list[Annotation]) -> list[Problem]:
    """Return boxes that an annotator drew twice, and annotators who submitted twice."""
    problems = []
    for annotation in annotations:
        for box, other in combinations(annotation.boxes, 2):
            if iou(box.bounds, other.bounds) >= NEAR:
                what = f"{annotation.annotator}: {box.region} {box.label} and {other.region} {other.label}"
                problems.append(Problem(image, "near-duplicate", what))
    for annotator, count in Counter(each.annotator for each in annotations).items():
        if count > 1:
            what = f"{annotator}: {count} annotations"
            problems.append(Problem(image, "twice by one annotator", what))
    return problems


def _different_boxes(image: str, annotations: list[Annotation]) -> list[Problem]:
    """Return whether annotators drew different objects; where they drew them is not compared."""
    if len({tuple(sorted(box.label for box in each.boxes)) for each in annotations}) < 2:
        return []
    counts = ", ".join(f"{each.annotator}: {len(each.boxes)}" for each in annotations)
    return [Problem(image, "conflict", f"boxes differ: {counts}; all are in boxes.csv")]
