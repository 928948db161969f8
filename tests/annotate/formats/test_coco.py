"""COCO: written as pycocotools reads it, and read back; what cannot be used is reported."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from annotate.formats import coco
from annotate.formats.imported import FormatError, ImportedImage
from annotate.formats.load import load
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.geometry import Size
from annotate.labelling.records import Bounds, Box
from data.datasets.dataset import CLASSES
from tests.annotate.builders import DEFAULT, PEOPLE, image, with_boxes
from tests.annotate.formats.labelled import (
    ROTATED,
    UPRIGHT,
    LabelledBounds,
    boxes,
    fitted,
    labelled_images,
    near,
)


def a_cat(**changes: Any) -> dict[str, Any]:
    """Return COCO with a box of a cat, with changes to its annotation."""
    annotation = {"id": 9, "image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4], **changes}
    return {
        "images": [{"id": 1, "file_name": "a.png"}],
        "categories": [{"id": 3, "name": "cat"}],
        "annotations": [annotation],
    }


def read(content: dict[str, Any]) -> tuple[list[ImportedImage], list[str]]:
    """Return the images in COCO, and the kinds of problems."""
    file = coco.read(json.loads(json.dumps(content)))
    images = [image for image in file.images if isinstance(image, ImportedImage)]
    return images, [problem.kind for problem in file.problems]


def read_with_pycocotools(path: Path) -> dict[str, tuple[Size, LabelledBounds]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its imports are not ours to mend
        from pycocotools.coco import COCO  # type: ignore[import-untyped]

    file = COCO(str(path))
    labels = {category["id"]: category["name"] for category in file.loadCats(file.getCatIds())}
    images = {}
    for record in file.loadImgs(file.getImgIds()):
        annotations = file.loadAnns(sorted(file.getAnnIds(imgIds=record["id"])))
        edges = [(labels[each["category_id"]], *each["bbox"]) for each in annotations]
        bounds = [(label, Bounds(x, y, x + width, y + height)) for label, x, y, width, height in edges]
        images[record["file_name"]] = ((record["width"], record["height"]), bounds)
    return images


@given(images=labelled_images())
def test_pycocotools_reads_what_is_written(
    images: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("coco") / "coco.json"
    coco.write(path, images, CLASSES)
    files = read_with_pycocotools(path)
    assert len(files) == len(images)
    for labelled in images:
        size, bounds = files[f"{labelled.task.image_id}.png"]
        assert size == labelled.size
        assert near(bounds, boxes(labelled), 1e-6)


@given(images=labelled_images())
def test_what_is_written_is_read_back(images: list[LabelledImage]) -> None:
    imported, problems = read(coco.to_coco(images, CLASSES))
    assert problems == []
    assert [each.answers for each in imported] == [{"class": ("cat",)}] * len(images)
    for each, labelled in zip(imported, images, strict=True):
        assert labelled.size is not None
        annotation, _ = fitted(each, labelled.size)
        assert near([(box.label, box.bounds) for box in annotation.boxes], boxes(labelled), 0.011)


def test_an_upright_and_a_rotated_box() -> None:
    labelled = with_boxes("test-00042", (32, 16), [("cat", UPRIGHT), ("truck", ROTATED)])
    content = coco.to_coco([labelled], CLASSES)
    assert content["images"] == [
        {"id": 1, "file_name": "test-00042.png", "width": 32, "height": 16, "class": "cat"}
    ]
    upright, rotated = content["annotations"]
    assert (upright["bbox"], upright["category_id"], upright["area"]) == ([8, 4, 16, 8], 4, 128)
    assert upright["segmentation"] == [[8, 4, 24, 4, 24, 12, 8, 12]]
    assert (rotated["bbox"], rotated["category_id"], rotated["area"]) == ([12, 4, 4, 8], 10, 32)


def test_an_image_without_boxes_is_written_and_an_unlabelled_image_is_not() -> None:
    empty = with_boxes("test-00001", (32, 32), [])
    assert len(coco.to_coco([empty], CLASSES)["images"]) == 1
    assert coco.to_coco([replace(empty, annotations=(), agreed=None)], CLASSES)["images"] == []


def test_attributes_come_back() -> None:
    attributes = {"pose": "sitting", "accessories": "bag|hat", "label": "4", "remark": "tall"}
    box = Box("r1", "person", 1.0, 2.0, 10.0, 20.0, 0.0, Bounds(1.0, 2.0, 11.0, 22.0), attributes)
    labelled = with_boxes("a", (30, 30), [])
    assert labelled.chosen is not None
    labelled = replace(labelled, agreed=None, annotations=(replace(labelled.chosen, boxes=(box,)),))
    (imported,), _ = read(coco.to_coco([labelled], PEOPLE.box_labels))
    annotation, problems = fitted(imported, (30, 30), PEOPLE)
    assert (annotation.boxes, problems) == ((box,), [])


@pytest.mark.parametrize(
    "changes", [{"image_id": 9}, {"category_id": 9}, {"iscrowd": 1}, {"bbox": [1, 2, 3]}, {"bbox": None}]
)
def test_annotations_that_cannot_be_used_are_reported(changes: dict[str, Any]) -> None:
    file = coco.read(a_cat(**changes))
    assert [problem.kind for problem in file.problems] == ["malformed"]
    assert file.problems[0].what.startswith("annotation 9: ")
    assert [image.boxes for image in read(a_cat(**changes))[0]] == [()]


def test_images_of_the_same_name_are_left_out() -> None:
    content = a_cat()
    content["images"].append({"id": 2, "file_name": "a.png"})
    assert [len(each.boxes) for each in read(content)[0]] == [1]  # the other has no label
    assert len(read({**content, "annotations": []})[0]) == 1
    content["annotations"].append({**content["annotations"][0], "image_id": 2})
    assert read(content) == ([], ["not ours", "not ours"])


def test_several_annotators_as_label_studio_exports_them(room: Path) -> None:
    content = a_cat(image_id=0)
    content["images"] = [{"id": each, "file_name": "a.png", "width": 32, "height": 32} for each in (0, 1)]
    content["annotations"].append({**content["annotations"][0], "image_id": 1})
    Path("result.json").write_text(json.dumps(content))
    loaded = load(Path("result.json"), [image("a")], DEFAULT)
    assert [len(each.boxes) for each in loaded.annotations] == [1, 1]
    assert [problem.kind for problem in loaded.problems] == ["task twice"]
    content["images"][1]["width"] = 64  # another image
    assert read(content)[0] == []


@pytest.mark.parametrize(
    ("part", "record", "culprit"),
    [
        ("images", {"id": 1, "file_name": "b.png"}, "a.png and b.png"),
        ("categories", {"id": 3, "name": "dog"}, "cat and dog"),
        ("annotations", 7, "annotations"),
    ],
)
def test_content_that_is_refused(part: str, record: Any, culprit: str) -> None:
    content = a_cat()
    content[part].append(record)
    with pytest.raises(FormatError, match=culprit):
        coco.read(content)
