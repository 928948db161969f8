from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.labelling.geometry import UnfitError, cut_off, iou, measure, place
from annotate.labelling.records import Bounds, Box

SIZE = (200, 100)


def percent(x: Any, y: Any, width: Any, height: Any, rotation: Any = 0) -> dict[str, Any]:
    return {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}


def box(*numbers: Any) -> tuple[Box, str | None]:
    drawn = measure(percent(*numbers), SIZE, 100)
    return place("r1", "cat", drawn, SIZE, {}), cut_off(drawn, SIZE)


@pytest.mark.parametrize(
    ("numbers", "x", "y", "width", "height", "over"),
    [
        ((10, 10, 50, 50), 20, 10, 100, 50, None),
        ((0, 0, 100, 100), 0, 0, 200, 100, None),
        ((-10, 50, 150, 30), 0, 50, 200, 30, "left by 20.00 px, right by 80.00 px"),
        ((90, -5, 10, 10), 180, 0, 20, 5, "top by 5.00 px"),
        ((33.333333, 0, 66.6666671, 100.00000001), 66.67, 0, 133.33, 100, None),  # noise of the arithmetic
        ((10, 10, 50, 50, 360), 20, 10, 100, 50, None),
    ],
)
def test_an_upright_box_in_pixels(
    numbers: tuple[float, ...], x: float, y: float, width: float, height: float, over: str | None
) -> None:
    made, cut = box(*numbers)
    assert (made.x, made.y, made.width, made.height, made.rotation) == (x, y, width, height, 0)
    assert made.bounds == Bounds(x, y, round(x + width, 2), round(y + height, 2))
    assert cut == over


def test_a_rotated_box_is_rotated_clockwise_about_its_upper_left_corner() -> None:
    made, cut = box(50, 20, 20, 20, 90)  # at (100, 20), 40 wide and 20 high before it is rotated
    assert [(round(x, 6), round(y, 6)) for x, y in made.corners] == [(100, 20), (100, 60), (80, 60), (80, 20)]
    assert made.bounds == Bounds(80, 20, 100, 60)
    assert (made.x, made.y, made.width, made.height, made.rotation) == (100, 20, 40, 20, 90)
    assert cut is None


def test_a_rotated_box_over_the_edge_is_kept_as_drawn_and_its_bounds_are_cut() -> None:
    made, cut = box(0, 0, 50, 50, 45)
    assert (made.x, made.y, made.width, made.height) == (0, 0, 100, 50)
    assert made.bounds == Bounds(0, 0, 70.71, 100)
    assert cut == "left by 35.36 px, bottom by 6.07 px"


@pytest.mark.parametrize(
    ("value", "kind", "what"),
    [
        (percent("nan", 0, 1, 1), "not a number", "x is 'nan'"),
        (percent(0, None, 1, 1), "not a number", "y is None"),
        (percent(0, 0, 1, 1, "30"), "not a number", "rotation is '30'"),
        ({"x": 1}, "not a number", "width is None"),
        (percent(0, 0, 1e300, 1), "not a number", "width is 1e+300"),
        (percent(0, 0, 10, -5), "no size", "20 x -5 px"),
        (percent(0, 0, 0.001, 5), "no size", "0 x 5 px"),
        (percent(-20, 0, 10, 5), "outside", "wholly outside"),
    ],
)
def test_a_box_that_cannot_be_used(value: dict[str, Any], kind: str, what: str) -> None:
    with pytest.raises(UnfitError) as error:
        place("r1", "cat", measure(value, SIZE, 100), SIZE, {})
    assert error.value.kind == kind
    assert what in error.value.what


NEAR = st.floats(-50, 150)  # per cent: some of these are boxes, in part outside
ODD = st.one_of(st.floats(), st.integers(), st.none(), st.text(max_size=3), st.booleans())
SIDES = st.tuples(NEAR, NEAR, NEAR, NEAR, st.floats(-360, 360)) | st.tuples(ODD, ODD, ODD, ODD, ODD)


@given(SIDES)
def test_whatever_the_numbers_a_box_lies_within_the_image_or_is_unfit(
    sides: tuple[Any, ...],
) -> None:
    try:
        made, _ = box(*sides)
    except UnfitError:
        return
    edges = made.bounds
    assert 0 <= edges.left < edges.right <= SIZE[0]
    assert 0 <= edges.top < edges.bottom <= SIZE[1]


@pytest.mark.parametrize(
    ("edges", "overlap"),
    [((0, 0, 10, 10), 1.0), ((5, 0, 15, 10), 1 / 3), ((10, 0, 20, 10), 0.0), ((30, 30, 40, 40), 0.0)],
)
def test_intersection_over_union(edges: tuple[float, ...], overlap: float) -> None:
    assert iou(Bounds(0, 0, 10, 10), Bounds(*edges)) == pytest.approx(overlap)
