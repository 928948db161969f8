"""Rectangles that somebody drew in an image: pixels to the right and down, degrees clockwise."""

from __future__ import annotations

import math


def corners(
    x: float, y: float, width: float, height: float, degrees: float
) -> tuple[tuple[float, float], ...]:
    """Return the corners of a rectangle that is turned about its corner (x, y), clockwise from that one."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    sides = ((0.0, 0.0), (width, 0.0), (width, height), (0.0, height))
    return tuple((x + across * cos - down * sin, y + across * sin + down * cos) for across, down in sides)
