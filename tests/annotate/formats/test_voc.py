"""Pascal VOC: the boxes in the files are those that were labelled."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from annotate.formats import voc
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Bounds
from tests.annotate.builders import with_boxes
from tests.annotate.formats.labelled import ROTATED, UPRIGHT, boxes, labelled_images, near


@given(images=labelled_images())
def test_the_numbers_that_are_written(
    images: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("voc") / "voc"
    voc.write(folder, images)
    for labelled in images:
        root = ET.parse(folder / f"{labelled.task.image_id}.xml").getroot()
        size = (int(root.findtext("size/width", "")), int(root.findtext("size/height", "")))
        assert size == labelled.size
        bounds = []
        for thing in root.findall("object"):
            edges = (float(thing.findtext(f"bndbox/{edge}", "")) for edge in ("xmin", "ymin", "xmax", "ymax"))
            bounds.append((thing.findtext("name", ""), Bounds(*edges)))
        assert near(bounds, boxes(labelled), 0.005)


def test_a_rotated_box_and_a_label_with_special_characters() -> None:
    labelled = with_boxes("a", (32, 16), [("cat", ROTATED), ('<"cat" & dög>', UPRIGHT)])
    assert labelled.chosen is not None
    root = ET.fromstring(voc.to_voc(labelled.task.image, (32, 16), labelled.chosen.boxes))
    assert [root.findtext(tag) for tag in ("folder", "filename")] == ["annotate/out/images", "a.png"]
    assert [thing.findtext("name") for thing in root.findall("object")] == ["cat", '<"cat" & dög>']
    assert root.findtext("object/bndbox/xmin") == "12.00"


def test_an_image_without_boxes_has_a_file_and_an_unlabelled_image_none(tmp_path: Path) -> None:
    empty = with_boxes("empty", (32, 32), [])
    nobody = replace(with_boxes("nobody", (32, 32), []), annotations=())
    voc.write(tmp_path / "voc", [empty, nobody])
    assert [path.name for path in (tmp_path / "voc").iterdir()] == ["empty.xml"]
