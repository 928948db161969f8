from __future__ import annotations

import cmath
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.images.boxes import corners

LENGTHS = st.floats(0.1, 100)


def test_a_quarter_turn_is_clockwise_as_a_person_sees_it() -> None:
    # The upper right corner goes to where down is.
    assert corners(10, 20, 4, 2, 90)[1] == pytest.approx((10, 24))


@given(st.floats(-100, 100), st.floats(-100, 100), LENGTHS, LENGTHS, st.floats(-720, 720))
def test_corners_are_those_of_a_turned_plane(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    turn = cmath.exp(1j * math.radians(degrees))
    upright = (0, width, width + 1j * height, 1j * height)
    expected = [complex(x, y) + turn * corner for corner in upright]
    found = [complex(*corner) for corner in corners(x, y, width, height, degrees)]
    assert found == pytest.approx(expected)
