"""Rectangles as they were drawn, and as labelled boxes in pixels within their image."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from annotate.labelling.records import Bounds, Box
from data.images.boxes import clipped, corners

Size = tuple[int, int]  # width and height in pixels

DIGITS = 2  # a hundredth of a pixel: finer than any hand draws, coarser than rounding errors
FARTHEST = 1e7  # pixels or per cent: a number beyond is an accident


class Drawn(NamedTuple):
    """A rectangle as it was drawn, in pixels; degrees clockwise about its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    rotation: float


class UnfitError(Exception):
    """A box that cannot be used: the kind of problem (of `KINDS`), and the details."""

    def __init__(self, kind: str, what: str) -> None:
        """Take the kind and the details."""
        super().__init__(what)
        self.kind, self.what = kind, what


def finite(value: Any) -> TypeGuard[float]:
    """Return whether a value is a finite number; JSON also has integers too large for a float."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def measure(value: Mapping[str, Any], size: Size, parts: int | None) -> Drawn:
    """Return a rectangle in pixels; `value` has x, y, width, height and perhaps rotation.

    They are in so many `parts` of the image's sides: 100 for per cent, 1 for shares, None for pixels. Raises
    `UnfitError` for a coordinate that is not a number, or far too large.
    """
    across, down = size if parts else (1, 1)
    x, width = (_number(value, name) * across / (parts or 1) for name in ("x", "width"))
    y, height = (_number(value, name) * down / (parts or 1) for name in ("y", "height"))
    return Drawn(x, y, width, height, _number(value, "rotation", 0.0))


def _number(value: Mapping[str, Any], name: str, default: float | None = None) -> float:
    number = value.get(name, default)
    if not finite(number) or abs(number) > FARTHEST:
        raise UnfitError("not a number", f"{name} is {number!r:.40}")
    return float(number)


def place(region: str, label: str, drawn: Drawn, size: Size, attributes: Mapping[str, str]) -> Box:
    """Return a box in an image of that size, to a hundredth of a pixel; an upright one is cut off there.

    `drawn` holds finite numbers. Raises `UnfitError` for a box without area or wholly outside the image.
    """
    drawn = _rounded(drawn)
    if drawn.width <= 0 or drawn.height <= 0:
        raise UnfitError("no size", f"{drawn.width:g} x {drawn.height:g} px; left out")
    outline = tuple((round(x, DIGITS), round(y, DIGITS)) for x, y in corners(*drawn))
    visible = clipped(outline, size)
    if visible is None:
        raise UnfitError("outside", "wholly outside the image; left out")
    bounds = Bounds(*visible)
    if not drawn.rotation:
        drawn = Drawn(bounds.left, bounds.top, bounds.width, bounds.height, 0.0)
    return Box(region, label, *drawn, bounds=bounds, attributes=attributes)


def _rounded(drawn: Drawn) -> Drawn:
    x, y, width, height = (round(side, DIGITS) for side in drawn[:4])
    return Drawn(x, y, width, height, round(drawn.rotation % 360, DIGITS) % 360)


def cut_off(drawn: Drawn, size: Size) -> str | None:
    """Return how far a rectangle reaches over each edge of the image, as text; None if it lies within."""
    across, down = zip(*corners(*_rounded(drawn)), strict=True)
    beyond = {
        "left": -min(across),
        "right": max(across) - size[0],
        "top": -min(down),
        "bottom": max(down) - size[1],
    }
    # Less than half of the last digit is a rounding error.
    parts = [f"{edge} by {excess:.2f} px" for edge, excess in beyond.items() if excess >= 0.5 * 10**-DIGITS]
    return ", ".join(parts) or None


def iou(first: Bounds, second: Bounds) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    width = min(first.right, second.right) - max(first.left, second.left)
    height = min(first.bottom, second.bottom) - max(first.top, second.top)
    common = max(width, 0.0) * max(height, 0.0)
    areas = ((box.right - box.left) * (box.bottom - box.top) for box in (first, second))
    return common / (sum(areas) - common)
