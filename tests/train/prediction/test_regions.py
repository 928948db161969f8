from __future__ import annotations

import math
from pathlib import Path

import pytest

from data.common.errors import UserError
from train.prediction import regions
from train.prediction.regions import BoxRow

HEAD = "image,annotator,region,label,x,y,width,height,rotation\n"


def box(x: float, y: float, width: float, height: float, rotation: float = 0) -> BoxRow:
    return BoxRow(1, "a", {"x": x, "y": y, "width": width, "height": height, "rotation": rotation})


def test_a_table_as_the_labels_have_it(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(HEAD + "test-00026,annotator-1,r2,deer,1.0,4.0,29.0,28.0,45.0\n007,,,,0,0,1,1,\n")
    first, second = regions.read(path)
    assert (first.row, first.image) == (1, "test-00026")
    assert first.values == {
        "annotator": "annotator-1", "region": "r2", "label": "deer",
        "x": 1.0, "y": 4.0, "width": 29.0, "height": 28.0, "rotation": 45.0,
    }  # fmt: skip
    assert (second.row, second.image) == (2, "007")
    assert second.bounds((32, 32)) == (0, 0, 1, 1)


def test_names_that_look_like_numbers_other_columns_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(HEAD + "a,1,01,007,1,4,9,8,0\nb,None,,,0,0,1,1,\n")
    first, second = regions.read(path)
    assert [first.values[name] for name in regions.KEPT] == ["1", "01", "007"]
    assert second.values["annotator"] == "None"
    path.write_bytes(b"\xef\xbb\xbfimage,y,x,height,width,colour\na.png,1,2,3,4,red\n")
    assert regions.read(path) == [BoxRow(1, "a.png", {"x": 2.0, "y": 1.0, "width": 4.0, "height": 3.0})]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "not a table of boxes (No columns"),
        (b"\x89PNG\r\n\x1a\n\0\0\xff\xfe", "not a table of boxes ("),
        (b"image,x\na,1\n", "not a table of boxes (no column y, width, height)"),
        (b'image,x,y,width,height\n"a,1,1', "not a table of boxes ("),
        (b"image,x,y,width,height\na,1,1,1,1\nb,1,1,1,1,1\n", "not a table of boxes ("),
        (HEAD.encode(), "not a table of boxes (no row)"),
        (b"image,x,y,width,height\n,1,1,1,1\n", "not a table of boxes (a row names no image)"),
    ],
)
def test_a_file_that_is_no_table_of_boxes(tmp_path: Path, content: bytes, what: str) -> None:
    path = tmp_path / "boxes.csv"
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        regions.read(path)
    assert error.value.what.startswith(f"{path}: {what}")
    assert "the columns image, x, y, width, height" in error.value.hint


def test_no_table_names_the_next_command(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file") as error:
        regions.read(tmp_path / "boxes.csv")
    assert "dvc repro labels" in error.value.hint


@pytest.mark.parametrize(
    ("row", "bounds"),
    [
        (box(1, 2, 3, 4), (1, 2, 4, 6)),
        (box(-5, 2, 10, 100), (0, 2, 5, 20)),
        (box(10, 5, 4, 2, rotation=90), (8, 5, 10, 9)),
    ],
)
def test_bounds_of_a_box_in_an_image(row: BoxRow, bounds: tuple[float, ...]) -> None:
    assert row.bounds((30, 20)) == pytest.approx(bounds)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (box(0, 0, 0, 5), "a box of 0 x 5 pixels has no area"),
        (box(0, 0, 5, -1), "a box of 5 x -1 pixels has no area"),
        (box(30, 0, 5, 5), "outside the image of 30 x 20 pixels"),
        (box(0, 0, 5, 5, rotation=180), "outside the image"),
        (box(math.nan, 0, 5, 5), "have to be numbers"),
        (box(0, 0, 5, 5, rotation=math.inf), "have to be numbers"),
    ],
)
def test_a_box_that_shows_nothing(row: BoxRow, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        row.bounds((30, 20))


def test_a_word_for_a_number_is_that_boxs_problem(tmp_path: Path) -> None:
    (tmp_path / "boxes.csv").write_text(HEAD + "a,,,,left,0,5,5,0\n")
    with pytest.raises(ValueError, match="have to be numbers"):
        regions.read(tmp_path / "boxes.csv")[0].bounds((30, 20))


def rows(*names: str) -> list[BoxRow]:
    return [BoxRow(row, name, {}) for row, name in enumerate(names, 1)]


def matched(
    boxes: list[BoxRow], files: list[str]
) -> tuple[list[tuple[str, list[int]]], list[str], list[str]]:
    """Return each file with the numbers of its boxes, what is skipped, and the other images."""
    images, skipped, others = regions.match(boxes, files)
    numbers = [(file, [box.row for box in boxes or ()]) for file, boxes in images]
    return numbers, list(map(str, skipped)), [box.image for box in others]


def test_images_are_matched_by_path_name_or_stem_in_the_order_of_the_table() -> None:
    boxes = rows("b.png", "a", "p/b.png", "c", "gone", "q/c.png", "a")
    files = ["p/a.png", "./p/b.png", "p/c.png", "q/c.png", "p/unasked.png"]
    images = [("./p/b.png", [1]), ("p/a.png", [2, 7]), ("./p/b.png", [3]), ("q/c.png", [6])]
    skipped = ["c, box 4: could be of p/c.png or q/c.png"]
    assert matched(boxes, files) == (images, skipped, ["gone"])


@pytest.mark.parametrize(
    ("name", "files", "expected"),
    [
        ("a", ["n/a.png", "n/a.png"], "n/a.png"),
        ("a.png", [str(Path("n/a.png").absolute()), "n/a.png", "./n/../n/a.png"], "./n/../n/a.png"),
        ("deep/b.png", ["n/deep/b.png", "n/b.png"], "n/deep/b.png"),
        ("./deep//b.png", ["n/deep/b.png"], "n/deep/b.png"),
        ("eep/b.png", ["n/deep/b.png"], "eep/b.png"),
        ("b.png", ["n/b.png", "b.png"], "b.png"),  # the path itself, before what a path ends in
        ("../b.png", ["../b.png", "n/b.png"], "../b.png"),
        ("b", ["n/b.png", "m/b.png", "n/b.png"], "b, box 1: could be of n/b.png or m/b.png"),
    ],
)
def test_a_name_in_the_table_is_a_path_or_an_end_of_it(name: str, files: list[str], expected: str) -> None:
    images, skipped, others = matched(rows(name), files)
    assert [*(file for file, _ in images), *skipped, *others] == [expected]


def test_the_columns_of_the_labels_are_understood() -> None:
    from annotate.labelling.tables import BOXES

    assert {*regions.NEEDED, *regions.KEPT, *regions.NUMBERS} == set(BOXES)
