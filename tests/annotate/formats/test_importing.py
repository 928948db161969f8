"""Labels made elsewhere: each format as its tool writes it, what cannot be used, nothing lost on the way."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.formats import coco_read, via, yolo_read
from annotate.formats.coco import to_coco
from annotate.formats.fit import fit
from annotate.formats.imported import ImportedBox, ImportedImage, words
from annotate.formats.label_studio import to_result
from annotate.formats.load import Loaded, load
from annotate.formats.yolo import write_yolo
from annotate.label_studio.import_labels import read as bring
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read
from annotate.labelling.records import Bounds, Box
from annotate.labelling.scheme import Choices, read_scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.datasets.dataset import CLASSES
from tests.annotate.builders import (
    DEFAULT,
    FIXTURES,
    REPLY,
    annotation,
    choice,
    entry,
    image,
    own_image,
    reply,
    with_boxes,
)
from tests.annotate.builders import PEOPLE as ATTRIBUTES
from tests.annotate.formats.test_writers import boxes, images, near
from tests.tiny import ROOT

PEOPLE = read_scheme(ROOT / "annotate/project/label_config_people.xml")
VIA = FIXTURES / "via.csv"


@pytest.fixture
def own(room: Path) -> dict[str, Task]:
    """Return the user's images that the VIA file speaks of, by name."""
    names = ("street 1 (2)", "IMG (12)", "corner_4 (5)", "empty_0", "Größe 12", "broken")
    return {name: own_image(f"set 1/{name}.jpg") for name in names}


def told(loaded: Loaded) -> list[tuple[str, str]]:
    return [(problem.kind, problem.what) for problem in loaded.problems]


def test_a_file_of_the_image_annotator(own: dict[str, Task]) -> None:
    loaded = load(VIA, list(own.values()), PEOPLE, Path("own"))
    by_image = {one.image: one.boxes for one in loaded.annotations}
    whole = by_image[own["street 1 (2)"].image_id][0]
    assert (whole.x, whole.y, whole.width, whole.height, whole.label) == (61, 14, 118, 99, "person")
    assert len(whole.attributes) == 14
    assert whole.attributes["clothing_style_2"] == "Sports"
    several = by_image[own["IMG (12)"].image_id]
    assert [box.attributes.get("accessories") for box in several] == ["Watch|Sunglasses", None]
    cut = by_image[own["corner_4 (5)"].image_id][0]
    assert (cut.y, cut.height, dict(cut.attributes)) == (0, 42, {"age": "15-25"})
    assert len(by_image[own["Größe 12"].image_id]) == 1
    assert sorted(told(loaded)) == [
        ("empty", "nothing is said about images/set 1/empty_0.jpg"),
        ("malformed", "region 3 is polygon, not a rect; left out"),
        (
            "malformed",
            "row 9: Expecting property name enclosed in double quotes: line 1 column 2 (char 1); left out",
        ),
        ("no size", "r1: -1 x -1 px; left out"),
        ("not ours", "no image of that name; 1 boxes left out"),
        ("outside", "r1: person: cut off top by 1.00 px"),
        ("unknown attribute", "r1: Height: tall; not asked in the scheme"),
        ("unknown attribute", "r1: emotion: 'Bored' is not in the scheme"),
    ]


def test_the_same_as_json_and_as_a_saved_project(own: dict[str, Task]) -> None:
    text = VIA.read_text()
    rows = [row for row in csv.DictReader(io.StringIO(text)) if "broken" not in row["filename"]]
    found: dict[str, Any] = {}
    for row in rows:
        one = found.setdefault(
            row["filename"] + "-1",
            {"filename": row["filename"], "size": -1, "regions": [], "file_attributes": {}},
        )
        if row["region_count"] != "0":
            shape = json.loads(row["region_shape_attributes"])
            said = json.loads(row["region_attributes"])
            one["regions"].append({"shape_attributes": shape, "region_attributes": said})
    old = {name: {**one, "regions": dict(enumerate(one["regions"]))} for name, one in found.items()}
    Path("without.csv").write_text("\n".join(line for line in text.splitlines() if "broken" not in line))
    expected = load(Path("without.csv"), list(own.values()), PEOPLE, Path("own"))
    for content in (found, old, {"_via_img_metadata": found, "_via_settings": {}}):
        Path("via.json").write_text(json.dumps(content))
        loaded = load(Path("via.json"), list(own.values()), PEOPLE, Path("own"))
        assert (loaded.annotations, loaded.problems) == (expected.annotations, expected.problems)


LABELS = st.sampled_from(["person", "kid"])
NUMBERS = st.floats(-5, 3000) | st.integers(-5, 3000)
SAID = st.fixed_dictionaries(
    {"box": LABELS},
    optional={
        "Pose": st.sampled_from(["sitting", "standing", ""]),
        "accessories": st.dictionaries(st.sampled_from(["bag", "hat", "umbrella"]), st.booleans()),
        "remark": st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    },
)
RECTANGLES = st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS, SAID), max_size=5)


@given(drawn=RECTANGLES, size=st.tuples(st.integers(1, 4000), st.integers(1, 4000)))
def test_from_the_image_annotator_to_label_studio_and_back(
    drawn: list[tuple[Any, Any, Any, Any, dict[str, Any]]], size: tuple[int, int]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(via.COLUMNS)
    for number, (x, y, width, height, said) in enumerate(drawn):
        shape = {"name": "rect", "x": x, "y": y, "width": width, "height": height}
        cells = (json.dumps(shape), json.dumps(said))
        writer.writerow(["a (1).png", -1, "{}", len(drawn), number, *cells])
    content = via.read_csv(out.getvalue())
    for labelled in content.images:
        annotation, problems = fit(labelled, Task("a", "a.png", ""), ATTRIBUTES, size, "somebody")
        left_out = [one for one in problems if one.kind in {"no size", "outside"} and "left out" in one.what]
        assert len(drawn) == (len(annotation.boxes) if annotation else 0) + len(left_out)
        if annotation is None:
            continue
        result = to_result(annotation, ATTRIBUTES, size)
        task = {"data": {"image_id": "a"}, "annotations": [{"result": result, "completed_by": 1}]}
        (again,), others = read(normalise([task])[0], ATTRIBUTES, size)
        assert others == []
        assert len(again.boxes) == len(annotation.boxes)
        for mine, theirs in zip(again.boxes, annotation.boxes, strict=True):
            assert (mine.label, mine.attributes) == (theirs.label, theirs.attributes)
            assert near([("", mine.bounds)], [("", theirs.bounds)], 0.5)
        exact = [row for row in drawn if row[0] >= 0 and row[1] >= 0 and _inside(row, size)]
        for row in exact:
            assert any(
                abs(box.x - row[0]) <= 0.5 and abs(box.y - row[1]) <= 0.5 and abs(box.width - row[2]) <= 0.5
                for box in again.boxes
            )


def _inside(row: tuple[Any, ...], size: tuple[int, int]) -> bool:
    x, y, width, height, _ = row
    return bool(width >= 1 and height >= 1 and x + width <= size[0] and y + height <= size[1])


def fitted(said: ImportedImage, one: LabelledImage) -> list[tuple[str, Any]]:
    """Return the boxes of an image that came back, as `boxes` does."""
    assert one.size is not None
    annotation, problems = fit(said, one.task, DEFAULT, one.size, "somebody")
    assert [problem for problem in problems if problem.kind not in {"outside", "empty"}] == []
    return [(box.label, box.bounds) for box in annotation.boxes] if annotation else []


@given(some=images())
def test_coco_of_our_own_and_back(some: list[LabelledImage]) -> None:
    content = coco_read.read(json.loads(json.dumps(to_coco(some, CLASSES))))
    assert content.problems == ()
    assert [said.answers for said in content.images] == [{"class": ("cat",)}] * len(some)
    for said, one in zip(content.images, some, strict=True):
        kept = [box for box in boxes(one) if box[1].width > 0 and box[1].height > 0]
        assert near(fitted(said, one), kept, 0.011)


@given(some=images())
def test_yolo_of_our_own_and_back(
    some: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("yolo") / "yolo"
    write_yolo(folder, some, CLASSES)
    content = yolo_read.read(folder)
    assert content.problems == ()
    for said, one in zip(content.images, some, strict=True):
        assert said.image == one.task.image_id
        assert one.size is not None
        # A box below a hundredth of a pixel may round to nothing in the file.
        wide = [box for box in boxes(one) if box[1].width > 0.05 and box[1].height > 0.05]
        found = [box for box in fitted_yolo(said, one) if box[1].width > 0.04 and box[1].height > 0.04]
        assert near([box for box in found if any(near([box], [other], 0.05) for other in wide)], wide, 0.05)


def fitted_yolo(said: ImportedImage, one: LabelledImage) -> list[tuple[str, Any]]:
    assert one.size is not None
    annotation, _ = fit(said, one.task, DEFAULT, one.size, "somebody")
    return [(box.label, box.bounds) for box in annotation.boxes] if annotation else []


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ({"image_id": 9}, "annotation 7: of an image that is not listed; left out"),
        ({"category_id": 9}, "annotation 7: of category 9, which is not listed; left out"),
        ({"iscrowd": 1}, "annotation 7: a crowd, not one thing; left out"),
        ({"bbox": [1, 2, 3]}, "annotation 7: without a box of four numbers; left out"),
        ({"bbox": None}, "annotation 7: without a box of four numbers; left out"),
    ],
)
def test_annotations_of_coco_that_cannot_be_used(mark: dict[str, Any], says: str) -> None:
    good = {"id": 7, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    content = coco_read.read(
        {
            "images": [{"id": 1, "file_name": "a.png"}],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{**good, **mark}],
        }
    )
    assert [one.what for one in content.problems] == [says]
    assert content.images[0].regions == ()


def test_two_images_of_coco_that_have_one_name_are_left_out() -> None:
    content = json.loads(COCO)
    content["images"].append({"id": 2, "file_name": "a.png"})
    assert len(coco_read.read(content).images) == 1  # of the other one nothing is said
    nothing = {**content, "annotations": []}
    assert (len(coco_read.read(nothing).images), coco_read.read(nothing).problems) == (1, ())
    content["annotations"].append({**content["annotations"][0], "image_id": 2})
    found = coco_read.read(content)
    assert found.images == ()
    what = "2 images of that name; 1 boxes left out"
    assert [(one.kind, one.what) for one in found.problems] == [("not ours", what)] * 2


def test_several_annotators_in_coco_as_label_studio_exports_them(room: Path) -> None:
    content = json.loads(COCO)
    content["images"] = [{"id": one, "file_name": "a.png", "width": 32, "height": 32} for one in (0, 1)]
    content["annotations"] = [{**content["annotations"][0], "image_id": one} for one in (0, 1)]
    Path("result.json").write_text(json.dumps(content))
    loaded = load(Path("result.json"), [image("a")], DEFAULT)
    assert [len(one.boxes) for one in loaded.annotations] == [1, 1]
    assert told(loaded) == [("task twice", "2 images of that name and size; taken for as many annotators")]
    content["images"][1]["width"] = 64  # another image
    assert coco_read.read(content).images == ()


def test_attributes_of_coco_come_back_as_they_went() -> None:
    bounds = Bounds(1.0, 2.0, 11.0, 22.0)
    said = {"pose": "sitting", "accessories": "bag|hat", "label": "4", "remark": "tall"}
    box = Box("r1", "person", 1.0, 2.0, 10.0, 20.0, 0.0, bounds, said)
    one = with_boxes("a", (30, 30), [])
    assert one.chosen is not None
    with_box = replace(one, agreed=None, annotations=(replace(one.chosen, boxes=(box,)),))
    content = to_coco([with_box], ATTRIBUTES.box_labels)
    (labelled,) = coco_read.read(json.loads(json.dumps(content))).images
    annotation, problems = fit(labelled, one.task, ATTRIBUTES, (30, 30), "somebody")
    assert annotation is not None
    assert (annotation.boxes, problems) == ((box,), [])


def test_an_attribute_of_coco_that_says_nothing_is_none() -> None:
    content = json.loads(COCO)
    content["annotations"][0]["attributes"] = {"occluded": False, "note": "", "pose": "sitting"}
    assert coco_read.read(content).images[0].regions[0].attributes == {"pose": ("sitting",)}


def test_records_of_coco_that_are_there_twice_and_ids_that_nothing_uses() -> None:
    content = json.loads(COCO)
    content["images"] += [content["images"][0], {"file_name": "b.png"}, {"file_name": "c.png"}]
    content["categories"] += [content["categories"][0], {"id": 4, "name": "dog"}, {"id": 4, "name": "cow"}]
    found = coco_read.read(content)
    assert [(one.image, len(one.regions)) for one in found.images] == [
        ("a.png", 1),
        ("b.png", 0),
        ("c.png", 0),
    ]
    assert [one.label for one in found.images[0].regions] == ["cat"]


def test_lines_of_yolo_that_cannot_be_used(room: Path) -> None:
    (room / "labels/folder.txt").mkdir(parents=True)
    (room / "data.yaml").write_text("names:\n  0: cat\n  1: dog\n")
    (room / "labels/a.txt").write_text("1 0.5 0.5 0.2 0.2\n2 .5 .5 .1 .1\n0 .1 .1 .2 .2 .3 .3\nx 0 0 0 0\n\n")
    content = yolo_read.read(room)
    assert [one.label for one in content.images[0].regions] == ["dog"]
    assert [one.what for one in content.problems] == [
        "line 2: class 2, of 2; left out",
        "line 3: 7 values, not a class and four numbers; left out",
        "line 4: not numbers; left out",
    ]


def test_an_export_of_label_studio(room: Path) -> None:
    names = sorted({str(task["data"].get("image_id")) for task in reply()})
    tasks = [image(name) for name in names]
    loaded = load(REPLY, tasks, DEFAULT)
    assert loaded.kind == "Label Studio"
    expected = [
        one
        for entry in normalise(reply())
        for one in read(entry, DEFAULT, (32, 32))[0]
        if entry["image_id"] in names
    ]
    assert list(loaded.annotations) == expected
    Path("kept.json").write_text(json.dumps(normalise(reply())))
    assert load(Path("kept.json"), tasks, DEFAULT) == replace(loaded, numbers=0)  # those are not kept


def test_predictions_in_a_file_of_label_studio_are_counted_or_brought(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = [image(name) for name in ("a", "b", "c")]
    guesses = [{"result": [choice(label)], "score": 0.5, "model_version": "m"} for label in ("cat", "dog")]
    Path("told.json").write_text(
        json.dumps(
            [
                {"data": {"image_id": "a"}, "predictions": guesses},
                {
                    "data": {"image_id": "b"},
                    "predictions": guesses[:1],
                    "annotations": [{"result": [choice("ship")]}],
                },
                {"data": {"image_id": "c"}, "predictions": [7], "annotations": []},
            ]
        )
    )
    labels = bring(Path("told.json"), tasks, DEFAULT, None)
    assert list(labels.annotations) == ["b"]
    out = capsys.readouterr().out
    assert "3 predictions in it left out; --as predictions brings those" in out
    assert "1 predictions in it are numbers alone, as a server's export has them; left out" in out
    labels = bring(Path("told.json"), tasks, DEFAULT, None, guesses=True)
    said = {name: one.result[0]["value"]["choices"] for name, one in labels.suggestions.items()}
    assert said == {"a": ["cat"], "b": ["ship"]}
    assert (
        "2 predictions in it left out; one for each image without labels is taken" in capsys.readouterr().out
    )


# A box of a cat, as COCO says it.
COCO = """{"images": [{"id": 1, "file_name": "a.png"}], "categories": [{"id": 3, "name": "cat"}],
"annotations": [{"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}]}"""


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.json", "{", "neither JSON"),
        ("a.json", "[1]", "JSON of no known kind"),
        ("a.json", '[{"image_id": 42, "annotations": []}]', "JSON of no known kind"),
        ("a.json", '[{"data": "x", "annotations": []}]', "JSON of no known kind"),
        ("a.json", COCO.replace('"id": 3', '"id": [3]'), "a record of categories has a list or a record"),
        (
            "a.json",
            COCO.replace('"category_id": 3', '"category_id": {}'),
            "a record of annotations has a list or a record",
        ),
        (
            "a.json",
            COCO.replace('"a.png"}', '"a.png"}, {"id": 1, "file_name": "b.png"}'),
            "images a.png and b.png have one id, 1",
        ),
        (
            "a.json",
            COCO.replace('"cat"}', '"cat"}, {"id": 3, "name": "dog"}'),
            "categories cat and dog have one id, 3",
        ),
        ("a.json", "[" * 100_000, "neither JSON"),
        ("a.json", '{"images": 1, "annotations": [], "categories": []}', "images is no list of records"),
        ("a.csv", "filename,region_shape_attributes\n", "no column file_size, file_attributes"),
        ("a.csv", "what,ever\n1,2\n", "neither JSON"),
    ],
)
def test_files_of_no_known_format(room: Path, name: str, content: str, says: str) -> None:
    (room / name).write_text(content)
    with pytest.raises(UserError, match=says) as error:
        load(room / name, [], DEFAULT)
    assert ("give each its own" if "one id" in says else "VGG Image Annotator") in error.value.hint


def test_a_file_that_is_not_there_and_one_that_is_no_text(room: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        load(room / "none.csv", [], DEFAULT)
    (room / "image.png").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match="not text in UTF-8"):
        load(room / "image.png", [], DEFAULT)
    with pytest.raises(UserError, match=r"without classes\.txt"):
        load(room, [], DEFAULT)


def test_nothing_that_fits_is_an_error(room: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="no label in it fits"):
        bring(VIA, [image("test-00001")], PEOPLE, None)
    assert "images/set 1/nowhere.jpg: not ours: no image of that name; 1 boxes left out" in (
        capsys.readouterr().out
    )


def test_a_box_of_another_folder_is_not_given_to_a_image_of_the_same_name(room: Path) -> None:
    task = own_image("cam1/a.png")
    images = [{"id": number, "file_name": f"cam{number}/a.png"} for number in (1, 2)]
    marks = [{"image_id": one, "category_id": one, "bbox": [1, 2, 9, 8]} for one in (1, 2)]
    categories = [{"id": 1, "name": "cat"}, {"id": 2, "name": "truck"}]
    Path("coco.json").write_text(
        json.dumps({"images": images, "annotations": marks, "categories": categories})
    )
    loaded = load(Path("coco.json"), [task], DEFAULT, Path("own/cam1"))
    assert [box.label for one in loaded.annotations for box in one.boxes] == ["cat"]
    what = "cam1/a.png in the same file may be the image as well; 1 boxes left out"
    assert told(loaded) == [("not ours", what)]
    folder = "/data/local-files/?d=set/cam"
    tasks = [
        {"data": {"image": f"{folder}{one}/a.png"}, "annotations": [{"result": [choice(word)]}]}
        for one, word in ((1, "cat"), (2, "truck"))
    ]
    Path("studio.json").write_text(json.dumps(tasks))
    loaded = load(Path("studio.json"), [task], DEFAULT, Path("own/cam1"))
    assert [one.label for one in loaded.annotations] == ["cat"]
    what = f"{folder}1/a.png in the same file may be the image as well; 1 annotations left out"
    assert told(loaded) == [("not ours", what)]


def test_what_via_says_of_the_whole_image(room: Path) -> None:
    about = {"class": "cat"}
    row = ["a.png", -1, json.dumps(about), 0, 0, "{}", "{}"]
    out = io.StringIO()
    csv.writer(out).writerows([via.COLUMNS, row])
    content = {"a.png-1": {"filename": "a.png", "size": -1, "regions": [], "file_attributes": about}}
    Path("via.csv").write_text(out.getvalue())
    Path("via.json").write_text(json.dumps(content))
    for name in ("via.csv", "via.json"):
        loaded = load(Path(name), [image("a")], DEFAULT)
        assert ([one.label for one in loaded.annotations], loaded.problems) == (["cat"], ())


def test_images_of_one_name_and_two_sizes_are_left_out(own: dict[str, Task]) -> None:
    head, *rows = VIA.read_text().splitlines()
    row = next(row for row in rows if "IMG (12)" in row)
    Path("two.csv").write_text("\n".join([head, *rows, row.replace(",-1,", ",7,", 1)]))
    whole, two = (load(path, list(own.values()), PEOPLE, Path("own")) for path in (VIA, Path("two.csv")))
    lost = {one.image for one in whole.annotations} - {one.image for one in two.annotations}
    assert lost == {own["IMG (12)"].image_id}
    assert ("not ours", "2 images of that name; 1 boxes left out") in told(two)
    # A twin of which nothing is said does not count.
    bare = row.replace(",-1,", ",7,", 1).split(",")[0] + ',7,"{}",0,0,"{}","{}"'
    Path("bare.csv").write_text("\n".join([head, *rows, bare]))
    assert load(Path("bare.csv"), list(own.values()), PEOPLE, Path("own")) == whole


def test_the_class_in_coco_is_that_of_the_image_whatever_the_scheme_calls_it(
    own: dict[str, Task],
) -> None:
    scheme = replace(DEFAULT, controls=tuple(replace(one, name=f"my {one.name}") for one in DEFAULT.controls))
    said = ImportedImage("a", (), {"class": ("cat",)})
    annotation, problems = fit(said, own["broken"], scheme, (200, 150), "somebody")
    assert annotation is not None
    assert (annotation.label, problems) == ("cat", [])
    both = ImportedImage("a", (), {"class": ("mammal",), "My Class": ("cat",)})  # what is asked comes first
    annotation, _ = fit(both, own["broken"], scheme, (200, 150), "somebody")
    assert annotation is not None
    assert annotation.label == "cat"


def test_boxes_have_no_label_in_a_scheme_without_any(own: dict[str, Task]) -> None:
    scheme = replace(DEFAULT, controls=tuple(one for one in DEFAULT.controls if isinstance(one, Choices)))
    said = ImportedImage("a", (ImportedBox(None, 1, 2, 3, 4, {"type": ("cat",)}),), {"class": ("cat",)})
    annotation, problems = fit(said, own["broken"], scheme, (200, 150), "somebody")
    assert annotation is not None
    assert annotation.boxes == ()
    assert [one.what for one in problems] == ["r1: the scheme has no boxes; left out"]


def test_names_in_the_users_own_folder_are_found_by_another_option_and_that_is_said(
    own: dict[str, Task], capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = list(own.values())
    with pytest.raises(UserError, match="no label in it fits"):
        bring(VIA, tasks, PEOPLE, None, own=Path("own"))
    assert "its images may be those of own under their own names: --images own would find them" in (
        capsys.readouterr().out
    )
    assert bring(VIA, tasks, PEOPLE, Path("own"), own=Path("own")).annotations
    assert "--images" not in capsys.readouterr().out


def test_a_file_that_says_nothing(room: Path) -> None:
    Path("empty.json").write_text("[]")
    with pytest.raises(UserError, match="no label in it fits") as error:
        bring(Path("empty.json"), [], DEFAULT, None)
    assert error.value.hint == "it says nothing about any image."


def test_boxes_without_the_class_that_is_asked_are_told(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("coco.json").write_text(COCO)
    bring(Path("coco.json"), [image("a")], DEFAULT, None)
    assert "1 annotations in it give no class, which the scheme asks" in capsys.readouterr().out


def test_several_annotators_of_a_file_become_one_and_that_is_said(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = [annotation(choice("cat"), annotator=f"annotator-{number}") for number in (1, 2)]
    Path("kept.json").write_text(json.dumps([entry("a", *both)]))
    bring(Path("kept.json"), [image("a")], DEFAULT, None, guesses=True)  # as predictions nobody's
    assert "annotators" not in capsys.readouterr().out
    bring(Path("kept.json"), [image("a")], DEFAULT, None)
    assert "2 annotators in it become one there, the token's" in capsys.readouterr().out


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
def test_answers_as_tools_write_them(value: Any, expected: tuple[str, ...]) -> None:
    assert words(value) == expected


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"image": "/data/upload/1/a.png"}, "/data/upload/1/a.png"),
        ({"img": "/data/upload/1/a.png", "width": 7}, "/data/upload/1/a.png"),
        ({"img": "/data/upload/1/a.png", "note": "left"}, "task 17 without data.image"),
        ({}, "task 17 without data.image"),
    ],
)
def test_a_task_whose_image_is_called_otherwise(room: Path, data: dict[str, Any], name: str) -> None:
    content = [{"id": 17, "data": data, "annotations": [{"result": [choice("cat")]}]}]
    Path("theirs.json").write_text(json.dumps(content))
    loaded = load(Path("theirs.json"), [image("b")], DEFAULT)
    assert [(one.image, one.kind) for one in loaded.problems] == [(name, "not ours")]


def test_the_people_scheme_asks_a_dozen_questions_about_each_box() -> None:
    assert PEOPLE.box_labels == ("person",)
    assert len(PEOPLE.box_controls) == 14
    assert PEOPLE.image_controls == ()


def test_the_people_scheme_has_an_answer_for_what_its_lists_do_not_hold() -> None:
    for question in PEOPLE.box_controls:
        assert isinstance(question, Choices)
        # How good an image is can be told of every image.
        assert question.name == "image_quality" or {"CantSee", "Other"} & {*question.options}, question.name
