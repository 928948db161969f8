"""What was said about the images, as plain values between the parser, the checks and the formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data.images.boxes import corners

# Every kind of problem that problems.csv may name, with what it means and what becomes of the label.
KINDS = {
    "unlabelled": "nobody has said anything about the image",
    "draft": "begun and not submitted; not counted",
    "skipped": "the annotator skipped it",
    "empty": "submitted with nothing in it",
    "no class": "boxes or other answers, but no class for the image",
    "two choices": "several answers where the scheme asks for one; none is taken",
    "unknown class": "a class that the scheme does not have (any more); left out",
    "unknown attribute": "a question or an answer that the scheme does not have (any more); left out",
    "malformed": "not built as Label Studio builds it; left out",
    "not a number": "a coordinate that is none; the box is left out",
    "no size": "a box of zero or negative width or height; left out",
    "outside": "a box that reaches over the image's edge; cut off there",
    "rotated": "a rotated box; COCO, YOLO and VOC get the upright box around it",
    "turned": "labelled while the image was turned in the browser; the box is left out",
    "near-duplicate": "two boxes of one annotator at nearly the same place; both are kept",
    "box against class": "boxes, but none has the class of the image",
    "image changed": "the image is not the one that was chosen or labelled (checksum, size)",
    "no image": "the image's file is missing or damaged; its boxes are left out",
    "not ours": "a task for an image that is not in tasks.json; left out",
    "task twice": "two tasks show the same image; their annotations are put together",
    "twice by one annotator": "one annotator submitted several annotations of the image",
    "conflict": "annotators disagree; the class is the majority's, the boxes the first one's",
    "tie": "annotators disagree and no class has a majority; the image has none",
}


@dataclass(frozen=True, order=True)
class Problem:
    """Something to know about an image's labels: which of `KINDS`, and the details."""

    image: str
    kind: str
    what: str

    def __post_init__(self) -> None:
        """Refuse a kind that no table explains."""
        if self.kind not in KINDS:
            raise ValueError(f"{self.kind!r} is no kind of problem")


@dataclass(frozen=True)
class Bounds:
    """An upright box within an image; pixels from the left and upper edge of the image."""

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

    @property
    def area(self) -> float:
        """Area in square pixels."""
        return (self.right - self.left) * (self.bottom - self.top)

    def overlap(self, other: Bounds) -> float:
        """Return the intersection over the union with another box, 0 to 1."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        common = max(width, 0.0) * max(height, 0.0)
        return common / (self.area + other.area - common)


@dataclass(frozen=True)
class Box:
    """A labelled rectangle: pixels to a hundredth, degrees clockwise about its upper left corner.

    An upright box lies within the image; a rotated one is kept as it was drawn. `bounds` is the upright
    box around it, within the image. `attributes` holds what else was said about it, by question.
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
    def corners(self) -> tuple[tuple[float, float], ...]:
        """The four corners in pixels, clockwise from the one that the box is rotated about."""
        return corners(self.x, self.y, self.width, self.height, self.rotation)


@dataclass(frozen=True)
class Annotation:
    """What one annotator submitted about one image: its class, if one was given, and other answers."""

    image: str
    annotator: str
    seconds: float | None
    label: str | None
    answers: Mapping[str, str]
    boxes: tuple[Box, ...]
