"""Annotations, boxes and problems as plain values between the parser, the checks and the formats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from data.images.boxes import Corners, corners

# Every kind of problem in problems.csv; annotate/README.md has what each means.
KINDS = {
    *("unlabelled", "draft", "skipped", "empty", "no class", "two choices", "unknown class"),
    *("unknown attribute", "malformed", "not a number", "no size", "outside", "rotated", "turned"),
    *("near-duplicate", "box against class", "image changed", "no image", "not ours", "task twice"),
    *("twice by one annotator", "conflict", "tie"),
}


@dataclass(frozen=True, order=True)
class Problem:
    """A problem with an image's labels: which of `KINDS`, and the details."""

    image: str
    kind: str
    what: str

    def __post_init__(self) -> None:
        """Refuse a kind that is not in `KINDS`."""
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
