from __future__ import annotations

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.images.boxes import Bounds, clipped, corners

LENGTHS = st.floats(0.1, 100)


def test_a_quarter_rotation_is_clockwise_as_seen_on_a_screen() -> None:
    assert corners(10, 20, 4, 2, 90)[1] == pytest.approx((10, 24))  # the upper right corner goes down


@given(st.floats(-100, 100), st.floats(-100, 100), LENGTHS, LENGTHS, st.floats(-720, 720))
def test_corners_are_those_of_a_rotated_plane(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    rotation = cmath.exp(1j * math.radians(degrees))
    upright = (0, width, width + 1j * height, 1j * height)
    expected = [complex(x, y) + rotation * corner for corner in upright]
    assert [complex(*corner) for corner in corners(x, y, width, height, degrees)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("box", "bounds"),
    [
        ((2, 3, 10, 20, 0), (2, 3, 12, 23)),
        ((0, 0, 100, 60, 0), (0, 0, 100, 60)),
        ((-5, 10, 20, 20, 0), (0, 10, 15, 30)),  # over the left edge
        ((90, 50, 20, 20, 0), (90, 50, 100, 60)),  # over two edges
        ((-10, -10, 200, 200, 0), (0, 0, 100, 60)),  # around the image
        ((50, 20, 10, 20, 90), (30, 20, 50, 30)),  # rotated
        ((10, 10, -4, 5, 0), (6, 10, 10, 15)),  # drawn to the left
        ((100, 0, 10, 10, 0), None),  # beside the image
        ((0, -20, 10, 10, 0), None),  # above it
        ((10, 10, 0, 5, 0), None),  # a line
    ],
)
def test_a_box_is_clipped_to_the_image(
    box: tuple[float, float, float, float, float], bounds: Bounds | None
) -> None:
    assert clipped(corners(*box), (100, 60)) == (bounds if bounds is None else pytest.approx(bounds))
