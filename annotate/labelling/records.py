"""Annotations, boxes and problems as plain values between the parser, the checks and the formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data.images.boxes import Corners, corners

# Every kind of problem in problems.csv, with what it means and what becomes of the label.
KINDS = {
    "unlabelled": "the image has no annotation",
    "draft": "begun and not submitted; not counted",
    "skipped": "the annotator skipped the image",
    "empty": "submitted without any label",
    "no class": "boxes or other answers, but no class for the image",
    "two choices": "several answers where the scheme allows a single one; none is used",
    "unknown class": "a class that is not (or no longer) in the scheme; left out",
    "unknown attribute": "a question or an answer that is not (or no longer) in the scheme; left out",
    "malformed": "not the structure that Label Studio writes; left out",
    "not a number": "a coordinate is missing, not a number or far too large; the box is left out",
    "no size": "a box of zero or negative width or height; left out",
    "outside": "a box reaches over the image's edge: cut off there, or left out if nothing remains",
    "rotated": "a rotated box; COCO, YOLO and VOC get the upright box around it",
    "turned": "labelled while the image was rotated in the browser; the box is left out",
    "near-duplicate": "two boxes of one annotator in nearly the same place; both are kept",
    "box against class": "boxes, but none of them has the image's class",
    "image changed": "the image is not the one that was chosen or labelled (checksum, size)",
    "no image": "the image file is missing or damaged; its boxes are left out",
    "not ours": "a task for an image that is not in tasks.json; left out",
    "task twice": "two tasks show the same image; their annotations are merged",
    "twice by one annotator": "an annotator submitted several annotations of the image",
    "conflict": "annotators disagree; the class is the majority's, the boxes the first one's who agrees",
    "tie": "annotators disagree and no class has a majority; the image gets none",
}


@dataclass(frozen=True, order=True)
class Problem:
    """A problem with an image's labels: which of `KINDS`, and the details."""

    image: str
    kind: str
    what: str

    def __post_init__(self) -> None:
        """Refuse a kind that is not documented in `KINDS`."""
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of problem: {self.kind!r}")


@dataclass(frozen=True)
class Bounds:
    """An upright box within an image; edges in pixels from the image's upper left corner."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Width in pixels, to a hundredth."""
        return round(self.right - self.left, 2)

    @property
    def height(self) -> float:
        """Height in pixels, to a hundredth."""
        return round(self.bottom - self.top, 2)


@dataclass(frozen=True)
class Box:
    """A labelled rectangle: pixels to a hundredth, degrees clockwise about its upper left corner.

    An upright box lies within the image; a rotated one is kept as drawn. `bounds` is the upright box around
    it, within the image. `attributes` holds the answers to the scheme's questions about boxes, by name.
    """

    region: str
    label: str
    x: float
    y: float
    width: float
    height: float
    rotation: float
    bounds: Bounds
    attributes: Mapping[str, str]

    @property
    def corners(self) -> Corners:
        """The four corners in pixels, clockwise from the one that the box is rotated about."""
        return corners(self.x, self.y, self.width, self.height, self.rotation)


@dataclass(frozen=True)
class Annotation:
    """One annotator's labels of one image: its class, other answers about it, and boxes.

    `seconds` is the annotator's lead time; None where it is not recorded, as `label` without a class.
    """

    image: str
    annotator: str
    seconds: float | None
    label: str | None
    answers: Mapping[str, str]
    boxes: tuple[Box, ...]
