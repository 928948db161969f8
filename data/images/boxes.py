"""Boxes drawn in images: pixels to the right and down, degrees clockwise about the first corner."""

from __future__ import annotations

import math

Corners = tuple[tuple[float, float], ...]
Bounds = tuple[float, float, float, float]  # left, top, right, bottom


def corners(x: float, y: float, width: float, height: float, degrees: float) -> Corners:
    """Return the corners of a box that is rotated about its corner (x, y), clockwise from that one."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    sides = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return tuple((x + across * cos - down * sin, y + across * sin + down * cos) for across, down in sides)


def clipped(outline: Corners, size: tuple[int, int]) -> Bounds | None:
    """Return the upright box around some corners, cut off at the edges of an image of that width and height.

    None if it lies wholly outside, or has no area.
    """
    across, down = zip(*outline, strict=True)
    left, right = (min(max(edge, 0.0), float(size[0])) for edge in (min(across), max(across)))
    top, bottom = (min(max(edge, 0.0), float(size[1])) for edge in (min(down), max(down)))
    return (left, top, right, bottom) if left < right and top < bottom else None
