"""VGG Image Annotator: a file as the tool writes it, its other forms, and the way to Label Studio."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.formats import via
from annotate.formats.imported import ImportedImage, words
from annotate.formats.label_studio_json import to_result
from annotate.formats.load import load
from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read as parse
from annotate.labelling.scheme import read_scheme
from annotate.labelling.tasks import Task
from tests.annotate.builders import FIXTURES, PEOPLE, own_image
from tests.annotate.formats.labelled import SIZES, fitted, near
from tests.tiny import ROOT

SCHEME = read_scheme(ROOT / "annotate/project/label_config_people.xml")
VIA = FIXTURES / "via.csv"
COLUMNS = VIA.read_text().partition("\n")[0].split(",")


@pytest.fixture
def own(room: Path) -> dict[str, Task]:
    """Return the tasks of the user's images that the VIA file names."""
    names = ("street 1 (2)", "IMG (12)", "corner_4 (5)", "empty_0", "Größe 12", "broken")
    return {name: own_image(f"set 1/{name}.jpg") for name in names}


def to_csv(*rows: list[Any]) -> str:
    """Return rows as VIA writes them: name, attributes of the image, shape and attributes of a region."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for number, (name, *cells) in enumerate(rows):
        answers, shape, attributes = map(json.dumps, cells)
        writer.writerow([name, -1, answers, len(rows), number, shape, attributes])
    return text.getvalue()


def test_a_file_of_the_annotator(own: dict[str, Task]) -> None:
    loaded = load(VIA, list(own.values()), SCHEME, Path("own"))
    boxes = {annotation.image: annotation.boxes for annotation in loaded.annotations}
    street = boxes[own["street 1 (2)"].image_id][0]
    assert (street.x, street.y, street.width, street.height, street.label) == (61, 14, 118, 99, "person")
    assert len(street.attributes) == 14
    assert street.attributes["clothing_style_2"] == "Sports"
    accessories = [box.attributes.get("accessories") for box in boxes[own["IMG (12)"].image_id]]
    assert accessories == ["Watch|Sunglasses", None]
    corner = boxes[own["corner_4 (5)"].image_id][0]
    assert (corner.y, corner.height, dict(corner.attributes)) == (0, 42, {"age": "15-25"})
    assert len(boxes[own["Größe 12"].image_id]) == 1
    assert sorted((problem.kind, problem.what.partition(":")[0]) for problem in loaded.problems) == [
        ("empty", "no label of images/set 1/empty_0.jpg"),
        ("malformed", "region 3 is polygon, not a rect; left out"),
        ("malformed", "row 9"),
        ("no size", "r1"),
        ("not ours", "no image of that name; 1 boxes left out"),
        ("outside", "r1"),
        ("unknown attribute", "r1"),
        ("unknown attribute", "r1"),
    ]


def test_the_same_as_json_of_both_releases_and_as_a_saved_project(own: dict[str, Task]) -> None:
    text = "\n".join(line for line in VIA.read_text().splitlines() if "broken" not in line)
    Path("via.csv").write_text(text)
    expected = load(Path("via.csv"), list(own.values()), SCHEME, Path("own"))
    new: dict[str, Any] = {}
    for row in csv.DictReader(io.StringIO(text)):
        empty: dict[str, Any] = {
            "filename": row["filename"],
            "size": -1,
            "regions": [],
            "file_attributes": {},
        }
        record = new.setdefault(row["filename"] + "-1", empty)
        if row["region_count"] != "0":
            shape, attributes = (json.loads(row[name]) for name in COLUMNS[-2:])
            record["regions"].append({"shape_attributes": shape, "region_attributes": attributes})
    old = {name: {**record, "regions": dict(enumerate(record["regions"]))} for name, record in new.items()}
    for content in (new, old, {"_via_img_metadata": new, "_via_settings": {}}):
        Path("via.json").write_text(json.dumps(content))
        loaded = load(Path("via.json"), list(own.values()), SCHEME, Path("own"))
        assert (loaded.annotations, loaded.problems) == (expected.annotations, expected.problems)


def test_images_of_the_same_name_are_left_out(own: dict[str, Task]) -> None:
    tasks = list(own.values())
    head, *rows = VIA.read_text().splitlines()
    row = next(row for row in rows if "IMG (12)" in row).replace(",-1,", ",7,", 1)
    Path("two.csv").write_text("\n".join([head, *rows, row]))
    single, double = (load(path, tasks, SCHEME, Path("own")) for path in (VIA, Path("two.csv")))
    images, fewer = ({each.image for each in loaded.annotations} for loaded in (single, double))
    assert images - fewer == {own["IMG (12)"].image_id}
    problems = {(each.kind, each.what) for each in double.problems}
    assert ("not ours", "2 images of that name; 1 boxes left out") in problems
    # A second image without labels does not count.
    Path("two.csv").write_text("\n".join([head, *rows, row.split(",")[0] + ',7,"{}",0,0,"{}","{}"']))
    assert load(Path("two.csv"), tasks, SCHEME, Path("own")).annotations == single.annotations


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b ", ("a b",)),
        ("", ()),
        (None, ()),
        (3, ("3",)),
        ({"a": True, "b": False, "c": "true"}, ("a", "c")),
        (["a", {"b": True}], ("a", "b")),
        (True, ("yes",)),
    ],
)
def test_words_in_an_attribute(value: Any, expected: tuple[str, ...]) -> None:
    assert words(value) == expected


NUMBERS = st.floats(-5, 3000) | st.integers(-5, 3000)
RECTANGLES = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=5)
ANSWERS = st.fixed_dictionaries(
    {"box": st.sampled_from(["person", "kid"])},
    optional={
        "Pose": st.sampled_from(["sitting", "standing", ""]),
        "accessories": st.dictionaries(st.sampled_from(["bag", "hat", "umbrella"]), st.booleans()),
        "remark": st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    },
)


@given(rectangles=RECTANGLES, answers=ANSWERS, size=SIZES)
def test_boxes_survive_the_way_to_label_studio_and_back(
    rectangles: list[tuple[float, ...]], answers: dict[str, Any], size: tuple[int, int]
) -> None:
    shapes = [dict(zip(("x", "y", "width", "height"), each, strict=True)) for each in rectangles]
    file = via.read_csv(to_csv(*(["a.png", {}, {"name": "rect", **shape}, answers] for shape in shapes)))
    for imported in file.images:
        assert isinstance(imported, ImportedImage)
        annotation, problems = fitted(imported, size, PEOPLE)
        left_out = [each for each in problems if each.what.endswith("left out")]
        assert len(annotation.boxes) + len(left_out) == len(rectangles)
        task = {"data": {"image_id": "a"}, "annotations": [{"result": to_result(annotation, PEOPLE, size)}]}
        (parsed,) = parse(normalise([task])[0], PEOPLE, size)[0] or [annotation]
        assert [box.attributes for box in parsed.boxes] == [box.attributes for box in annotation.boxes]
        bounds, expected = ([(box.label, box.bounds) for box in each.boxes] for each in (parsed, annotation))
        assert near(bounds, expected, 0.011)
        drawn = [(box.x, box.y, box.width, box.height) for box in parsed.boxes]
        for x, y, width, height in rectangles:
            if min(x, y) >= 0 and min(width, height) >= 1 and x + width <= size[0] and y + height <= size[1]:
                assert any(each == pytest.approx((x, y, width, height), abs=0.02) for each in drawn)
