"""From Label Studio's rectangles, in per cent of the shown image, to boxes in pixels within it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from annotate.labelling.records import Bounds, Box
from data.images.boxes import corners

Size = tuple[int, int]  # width and height in pixels

DIGITS = 2  # a hundredth of a pixel: finer than any hand draws, coarser than the noise of the arithmetic
FARTHEST = 1e6  # per cent: beyond, a number is an accident, and its square may be infinite


class Drawn(NamedTuple):
    """A rectangle as it was drawn, in pixels; degrees clockwise about its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    rotation: float


class UnfitError(Exception):
    """A box that cannot be used: the kind of problem, and the details."""

    def __init__(self, kind: str, what: str) -> None:
        """Take one of `KINDS` and the details."""
        super().__init__(what)
        self.kind = kind
        self.what = what


def finite(value: Any) -> TypeGuard[float]:
    """Return whether a value is a number that a float can be: JSON also has integers of 400 digits."""
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False


def number(value: Mapping[str, Any], name: str, default: float | None = None) -> float:
    """Return a coordinate; raises `UnfitError` if it is none."""
    found = value.get(name, default)
    if not finite(found):
        raise UnfitError("not a number", f"{name} is {found!r:.40}")
    if abs(found) > FARTHEST:
        raise UnfitError("outside", f"{name} is {found:g} %; left out")
    return float(found)


def measure(value: Mapping[str, Any], size: Size) -> Drawn:
    """Return a rectangle in pixels from x, y, width, height in per cent and rotation in degrees.

    Raises `UnfitError` for numbers that are none, and for no area.
    """
    x, width = (round(number(value, name) * size[0] / 100, DIGITS) for name in ("x", "width"))
    y, height = (round(number(value, name) * size[1] / 100, DIGITS) for name in ("y", "height"))
    if width <= 0 or height <= 0:
        raise UnfitError("no size", f"{width:g} x {height:g} px; left out")
    return Drawn(x, y, width, height, round(number(value, "rotation", 0.0) % 360, DIGITS) % 360)


def place(region: str, label: str, drawn: Drawn, size: Size, attributes: Mapping[str, str]) -> Box:
    """Return a box in an image of that size; an upright one is cut off at the edges.

    Raises `UnfitError` for a box that lies wholly outside.
    """
    bounds = _within(corners(*drawn), size)
    if not drawn.rotation:
        drawn = Drawn(bounds.left, bounds.top, bounds.width, bounds.height, 0.0)
    return Box(region, label, *drawn, bounds=bounds, attributes=attributes)


def _within(outline: tuple[tuple[float, float], ...], size: Size) -> Bounds:
    """Return the upright box around the corners, within the image."""
    across, down = zip(*outline, strict=True)
    left, right = (min(max(round(one, DIGITS), 0.0), float(size[0])) for one in (min(across), max(across)))
    top, bottom = (min(max(round(one, DIGITS), 0.0), float(size[1])) for one in (min(down), max(down)))
    if left >= right or top >= bottom:
        raise UnfitError("outside", "wholly outside the image; left out")
    return Bounds(left, top, right, bottom)


def cut_off(drawn: Drawn, size: Size) -> str | None:
    """Say how far a rectangle reaches over each edge of the image; None if it lies within."""
    across, down = zip(*corners(*drawn), strict=True)
    over = {
        "left": -min(across),
        "right": max(across) - size[0],
        "top": -min(down),
        "bottom": max(down) - size[1],
    }
    # Half of the last digit kept: less than that is the arithmetic's, not the annotator's.
    parts = [f"{edge} by {much:.2f} px" for edge, much in over.items() if much >= 0.5 * 10**-DIGITS]
    return ", ".join(parts) or None


def near_duplicates(boxes: tuple[Box, ...], least: float) -> list[tuple[Box, Box]]:
    """Return the pairs of boxes whose intersection over union is at least `least`.

    Sorted by their left edges, only near neighbours have to be compared: a box that begins further right
    than (1 - least) of the other's width cannot share enough with it.
    """
    found = []
    inorder = sorted(boxes, key=lambda box: box.bounds.left)
    for place, one in enumerate(inorder):
        farthest = one.bounds.left + (1 - least) * (one.bounds.right - one.bounds.left)
        for other in inorder[place + 1 :]:
            if other.bounds.left > farthest:
                break
            if one.bounds.overlap(other.bounds) >= least:
                found.append((one, other))
    return found
