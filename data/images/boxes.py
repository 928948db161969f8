"""Boxes in images, in pixels to the right (x) and down (y); rotations are clockwise, in degrees."""

from __future__ import annotations

import math

Corners = tuple[tuple[float, float], ...]
Bounds = tuple[float, float, float, float]  # left, top, right, bottom


def corners(x: float, y: float, width: float, height: float, degrees: float) -> Corners:
    """Return the corners of a box that is rotated about its corner (x, y): that one first, then clockwise."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    upright = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return tuple((x + dx * cos - dy * sin, y + dx * sin + dy * cos) for dx, dy in upright)


def clipped(outline: Corners, size: tuple[int, int]) -> Bounds | None:
    """Return the upright box around some corners, clipped to an image of that width and height.

    None if nothing of it is inside.
    """
    xs, ys = zip(*outline, strict=True)
    left, right = (min(max(x, 0.0), float(size[0])) for x in (min(xs), max(xs)))
    top, bottom = (min(max(y, 0.0), float(size[1])) for y in (min(ys), max(ys)))
    return (left, top, right, bottom) if left < right and top < bottom else None
