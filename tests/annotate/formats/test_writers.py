"""Boxes through COCO, YOLO and VOC and back: nothing is lost but what lies below the digits that are kept."""

from __future__ import annotations

import json
import warnings
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate.formats.coco import to_coco
from annotate.formats.voc import to_voc, write_voc
from annotate.formats.yolo import line, write_yolo
from annotate.labelling.boxes import Drawn, Size, UnfitError, place
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Bounds
from data.datasets.dataset import CLASSES
from tests.annotate.builders import with_boxes

SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


def _drawn(size: Size) -> st.SearchStrategy[tuple[str, Drawn]]:
    def share(side: int) -> st.SearchStrategy[float]:
        return st.floats(-0.2 * side, 1.2 * side)

    box = st.builds(
        Drawn, share(size[0]), share(size[1]), share(size[0]), share(size[1]), st.sampled_from([0.0, 33.0])
    )
    return st.tuples(st.sampled_from(CLASSES), box).filter(lambda drawn: _fits(drawn[1], size))


def _fits(drawn: Drawn, size: Size) -> bool:
    try:
        place("r1", "cat", drawn, size, {})
    except UnfitError:
        return False
    return drawn.width > 0 and drawn.height > 0


@st.composite
def images(draw: st.DrawFn) -> list[LabelledImage]:
    """Draw up to three labelled images, with up to four boxes each."""
    sizes = draw(st.lists(SIZES, max_size=3))
    return [
        with_boxes(f"test-{number:05}", size, draw(st.lists(_drawn(size), max_size=4)))
        for number, size in enumerate(sizes)
    ]


def boxes(one: LabelledImage) -> list[tuple[str, Bounds]]:
    assert one.chosen is not None
    return [(box.label, box.bounds) for box in one.chosen.boxes]


def near(found: list[tuple[str, Bounds]], expected: list[tuple[str, Bounds]], pixels: float) -> bool:
    return len(found) == len(expected) and all(
        label == known
        and all(
            abs(getattr(mine, edge) - getattr(theirs, edge)) <= pixels
            for edge in ("left", "top", "right", "bottom")
        )
        for (label, mine), (known, theirs) in zip(found, expected, strict=True)
    )


def read_with_pycocotools(
    coco: dict[str, Any], path: Path
) -> dict[str, tuple[Size, list[tuple[str, Bounds]]]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports are not ours to mend
        from pycocotools.coco import COCO  # type: ignore[import-untyped]

    path.write_text(json.dumps(coco))
    read = COCO(str(path))
    names = {one["id"]: one["name"] for one in read.loadCats(read.getCatIds())}
    found = {}
    for image in read.loadImgs(read.getImgIds()):
        marks = read.loadAnns(sorted(read.getAnnIds(imgIds=image["id"])))
        edges = [(one["category_id"], *one["bbox"]) for one in marks]
        bounds = [(names[label], Bounds(x, y, x + width, y + height)) for label, x, y, width, height in edges]
        found[image["file_name"]] = ((image["width"], image["height"]), bounds)
    return found


@given(some=images())
def test_coco_as_pycocotools_reads_it(
    some: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("coco") / "coco.json"
    found = read_with_pycocotools(to_coco(some, CLASSES), path)
    assert len(found) == len(some)
    for one in some:
        size, read = found[f"{one.task.image_id}.png"]
        assert size == one.size
        assert near(read, boxes(one), 1e-6)


@given(some=images())
def test_yolo_and_back(some: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("yolo") / "yolo"
    write_yolo(folder, some, CLASSES)
    names = (folder / "classes.txt").read_text().splitlines()
    assert names == list(CLASSES)
    for one in some:
        assert one.size is not None
        read = []
        for row in (folder / "labels" / f"{one.task.image_id}.txt").read_text().splitlines():
            label, x, y, width, height = (float(word) for word in row.split())
            assert all(0 <= share <= 1 for share in (x, y, width, height))
            across, down = (one.size[0] * (x - width / 2), one.size[1] * (y - height / 2))
            bounds = Bounds(across, down, across + one.size[0] * width, down + one.size[1] * height)
            read.append((names[int(label)], bounds))
        assert near(read, boxes(one), 0.01)


@given(some=images())
def test_voc_and_back(some: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("voc") / "voc"
    write_voc(folder, some)
    for one in some:
        root = ET.parse(folder / f"{one.task.image_id}.xml").getroot()
        assert (int(root.findtext("size/width", "")), int(root.findtext("size/height", ""))) == one.size
        read = []
        for thing in root.findall("object"):
            edges = [float(thing.findtext(f"bndbox/{edge}", "")) for edge in ("xmin", "ymin", "xmax", "ymax")]
            read.append((thing.findtext("name", ""), Bounds(*edges)))
        assert near(read, boxes(one), 0.005)


UPRIGHT, TURNED = Drawn(8, 4, 16, 8, 0.0), Drawn(16, 4, 8, 4, 90.0)


def test_a_box_in_each_format() -> None:
    one = with_boxes("test-00042", (32, 16), [("cat", UPRIGHT), ("truck", TURNED)])
    assert one.chosen is not None
    coco = to_coco([one], CLASSES)
    assert coco["images"] == [
        {"id": 1, "file_name": "test-00042.png", "width": 32, "height": 16, "class": "cat"}
    ]
    assert [mark["bbox"] for mark in coco["annotations"]] == [[8, 4, 16, 8], [12, 4, 4, 8]]
    assert [mark["category_id"] for mark in coco["annotations"]] == [4, 10]
    assert [mark["area"] for mark in coco["annotations"]] == [128, 32]
    assert coco["annotations"][0]["segmentation"] == [[8, 4, 24, 4, 24, 12, 8, 12]]
    assert [line(box, (32, 16), CLASSES) for box in one.chosen.boxes] == [
        "3 0.500000 0.500000 0.500000 0.500000\n",
        "9 0.437500 0.500000 0.125000 0.500000\n",
    ]
    voc = to_voc(one.task.image, (32, 16), one.chosen.boxes)
    assert b"<xmin>12.00</xmin>" in voc
    assert ET.fromstring(voc).findtext("filename") == "test-00042.png"
    assert ET.fromstring(voc).findtext("folder") == "annotate/out/images"


def test_labelled_without_a_box_is_told_from_not_labelled(tmp_path: Path) -> None:
    empty = with_boxes("test-00001", (32, 32), [])
    nobody = LabelledImage(empty.task, (32, 32), None, (), None, False)
    assert len(to_coco([empty], CLASSES)["images"]) == 1
    assert to_coco([nobody], CLASSES)["images"] == []
    for name, some in (("with", [empty]), ("without", [nobody])):
        (tmp_path / name).mkdir()
        write_yolo(tmp_path / name / "yolo", some, CLASSES)
        write_voc(tmp_path / name / "voc", some)
    assert (tmp_path / "with/yolo/labels/test-00001.txt").read_bytes() == b""
    assert (tmp_path / "with/voc/test-00001.xml").exists()
    assert list((tmp_path / "without/yolo/labels").iterdir()) == []
    assert list((tmp_path / "without/voc").iterdir()) == []


def test_a_label_with_special_characters_survives_xml() -> None:
    one = with_boxes("a", (32, 32), [('<"cat" & dög>', UPRIGHT)])
    assert one.chosen is not None
    assert (
        ET.fromstring(to_voc("a.png", (32, 32), one.chosen.boxes)).findtext("object/name") == '<"cat" & dög>'
    )
