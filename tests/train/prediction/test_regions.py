from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.common.errors import UserError
from data.images.boxes import corners
from data.images.walk import Skipped
from train.prediction import regions
from train.prediction.regions import BoxRow, Remark

HEAD = "image,annotator,region,label,x,y,width,height,rotation\n"


def box(x: float, y: float, width: float, height: float, **more: float) -> BoxRow:
    return BoxRow(1, "a", {"x": x, "y": y, "width": width, "height": height, **more})


def test_a_table_as_the_labels_have_it(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(HEAD + "test-00026,annotator-1,r2,deer,1.0,4.0,29.0,28.0,0.0\n007,,,,0,0,1,1,\n")
    first, second = regions.read(path)
    assert (first.row, first.image) == (1, "test-00026")
    assert first.about == {
        "annotator": "annotator-1", "region": "r2", "label": "deer",
        "x": 1.0, "y": 4.0, "width": 29.0, "height": 28.0, "rotation": 0.0,
    }  # fmt: skip
    assert (second.row, second.image) == (2, "007")
    path.write_text(HEAD + "a,1,01,007,1,4,9,8,0\nb,,,,0,0,1,1,\n")  # names that look like numbers
    assert [regions.read(path)[0].about[name] for name in regions.KEPT] == ["1", "01", "007"]
    path.write_text("y,x,height,width,image,colour\n1,2,3,4,a.png,red\n")
    assert regions.read(path)[0].about == {"x": 2.0, "y": 1.0, "width": 4.0, "height": 3.0}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not a table of boxes (No columns"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff\xfe", "not a table of boxes ("),
        (b"image,x\na,1\n", "not a table of boxes (no column y, width, height)"),
        (b'image,x,y,width,height\n"a,1,1', "not a table of boxes ("),
        (b"image,x,y,width,height\na,1,1,1,1,1\n", "not a table of boxes ("),
        (b"image,x,y,width,height\na,1,1,1,1\nb,1,1,1,1,1\n", "not a table of boxes ("),
        (HEAD.encode(), "no box in it"),
        (b"image,x,y,width,height\n,1,1,1,1\n", "a row names no image"),
    ],
)
def test_a_file_that_is_no_table_of_boxes_is_refused(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "boxes.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        regions.read(path)
    assert error.value.what.startswith(f"{path}: {what}")
    assert "the columns image, x, y, width, height" in error.value.hint


def test_a_byte_order_mark_is_no_part_of_the_head(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_bytes(b"\xef\xbb\xbfimage,x,y,width,height\na,1,2,3,4\n")
    assert regions.read(tmp_path / "boxes.csv")[0].image == "a"


def test_a_table_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as error:
        regions.read(tmp_path / "boxes.csv")
    assert "dvc repro labels" in error.value.hint
    with pytest.raises(UserError, match="not a table of boxes"):
        regions.read(tmp_path)


@pytest.mark.parametrize(
    ("region", "edges"),
    [
        (box(1, 2, 3, 4), (1, 2, 4, 6)),
        (box(-5, 2, 10, 100), (0, 2, 5, 20)),
        (box(10, 5, 4, 2, rotation=90), (8, 5, 10, 9)),
        (box(10, 5, 4, 2, rotation=-270), (8, 5, 10, 9)),
    ],
)
def test_edges_of_a_box_within_a_image(region: BoxRow, edges: tuple[float, ...]) -> None:
    assert region.within(30, 20) == pytest.approx(edges)


@pytest.mark.parametrize(
    ("region", "why"),
    [
        (box(0, 0, 0, 5), "a box of 0 x 5 pixels, with no area"),
        (box(0, 0, 5, -1), "a box of 5 x -1 pixels, with no area"),
        (box(30, 0, 5, 5), "outside of the image of 30 x 20 pixels"),
        (box(0, -5, 5, 5), "outside of the image"),
        (box(0, 0, 5, 5, rotation=180), "outside of the image"),
        (box(math.nan, 0, 5, 5), "its place and size are not all numbers"),
        (box(0, 0, math.inf, 5), "not all numbers"),
        (box(0, 0, 5, 5, rotation=math.inf), "not all numbers"),
    ],
)
def test_a_box_that_shows_nothing_is_refused(region: BoxRow, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        region.within(30, 20)


def test_words_for_numbers_are_found_out(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(HEAD + "a,,,,left,0,5,5,0\na,,,,0,0,5,5,\n")
    bad, unturned = regions.read(tmp_path / "boxes.csv")
    with pytest.raises(ValueError, match="not all numbers"):
        bad.within(30, 20)
    assert unturned.within(30, 20) == (0, 0, 5, 5)


@given(st.floats(0, 30), st.floats(0, 20), st.floats(0.1, 40), st.floats(0.1, 40), st.floats(-360, 360))
def test_a_rotated_box_is_the_one_that_the_labels_mean(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    left, top, right, bottom = box(x + 100, y + 100, width, height, rotation=degrees).within(1000, 1000)
    across, down = zip(*corners(x + 100, y + 100, width, height, degrees), strict=True)
    expected = (min(across), min(down), max(across), max(down))
    assert (left, top, right, bottom) == pytest.approx(expected, abs=1e-6)


def test_images_are_found_by_path_name_or_stem() -> None:
    found: list[str | Skipped] = [
        "p/a.png",
        "./p/b.png",
        "p/c.png",
        "q/c.png",
        "p/unasked.png",
        Skipped("r", "why"),
    ]
    names = ["b.png", "a", "p/b.png", "c", "gone", "q/c.png", "a"]
    wanted = [BoxRow(row, name, {}) for row, name in enumerate(names, 1)]
    first, *rest = regions.by_image(wanted, found, some=False)
    assert str(first) == "r: why"
    files = [(one[0], [box.row for box in one[1]]) for one in rest if isinstance(one, tuple)]
    assert files == [("./p/b.png", [1]), ("p/a.png", [2, 7]), ("./p/b.png", [3]), ("q/c.png", [6])]
    assert [str(one) for one in rest if isinstance(one, Skipped)] == [
        "c, box 4: could be of p/c.png or q/c.png",
        "gone, box 5: no such image",
    ]


def test_where_images_were_chosen_the_boxes_of_others_are_counted_and_no_problem() -> None:
    wanted = [BoxRow(row, name, {}) for row, name in enumerate(["a", "b", "c", "a", "b"], 1)]
    remark, chosen = regions.by_image(wanted, ["p/a.png"], some=True)
    assert remark == Remark("left out, of images that are not among those given: 3 of 5 boxes")
    assert isinstance(chosen, tuple)
    assert [box.row for box in chosen[1]] == [1, 4]
    unnamed, remark = regions.by_image(wanted, ["p/d.png"], some=True)
    assert str(unnamed) == "p/d.png: no box in the table is of this image"
    assert remark == Remark("left out, of images that are not among those given: 5 of 5 boxes")


def test_the_committed_labels_columns_are_understood() -> None:
    from annotate.labelling.tables import BOXES

    assert set(regions.NEEDED) | set(regions.KEPT) | set(regions.NUMBERS) == set(BOXES)


def matched(name: str, *found: str) -> list[str]:
    """Return which file is taken for a name in the table, or what is wrong."""
    return [
        one.why if isinstance(one, Skipped) else str(one[0])
        for one in regions.by_image([BoxRow(1, name, {})], found, some=False)
        if not isinstance(one, Remark)
    ]


@pytest.mark.parametrize(
    ("name", "found", "taken"),
    [
        ("a", ["n/a.png", "n/a.png"], "n/a.png"),
        ("a.png", ["n/a.png", "./n/../n/a.png", str(Path("n/a.png").absolute())], "n/a.png"),
        ("deep/b.png", ["n/deep/b.png", "n/b.png"], "n/deep/b.png"),
        ("deep/b", ["n/deep/b.png", "n/b.png"], "n/deep/b.png"),
        ("./deep//b.png", ["n/deep/b.png"], "n/deep/b.png"),
        ("eep/b.png", ["n/deep/b.png"], "no such image"),
        ("b.png", ["n/b.png", "b.png"], "b.png"),  # the path itself, before what a path ends in
        ("b.png", ["b.png", "n/b.png"], "b.png"),
        ("../b.png", ["../b.png", "n/b.png"], "../b.png"),
        ("b", ["n/b.png", "m/b.png", "n/b.png"], "could be of n/b.png or m/b.png"),
    ],
)
def test_a_name_in_the_table_is_a_path_or_its_end(name: str, found: list[str], taken: str) -> None:
    assert matched(name, *found) == [taken]
