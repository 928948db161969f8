"""YOLO: written in its format, and read back; lines that are no box are reported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from annotate.formats import yolo
from annotate.formats.imported import FormatError, ImportedImage
from annotate.labelling.consensus import LabelledImage
from data.datasets.dataset import CLASSES
from tests.annotate.builders import with_boxes
from tests.annotate.formats.labelled import ROTATED, UPRIGHT, boxes, fitted, labelled_images, near


@given(images=labelled_images())
def test_what_is_written_is_read_back(
    images: list[LabelledImage], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("yolo") / "yolo"
    # A box below a hundredth of a pixel may round to nothing in the file.
    wide = [image for image in images if boxes(image, 0.05) == boxes(image)]
    yolo.write(folder, wide, CLASSES)
    file = yolo.read(folder)
    assert [image.name for image in file.images] == [image.task.image_id for image in wide]
    for imported, labelled in zip(file.images, wide, strict=True):
        assert labelled.size is not None
        assert isinstance(imported, ImportedImage)
        annotation, _ = fitted(imported, labelled.size)
        assert near([(box.label, box.bounds) for box in annotation.boxes], boxes(labelled), 0.05)


def test_lines_of_an_upright_and_a_rotated_box() -> None:
    labelled = with_boxes("a", (32, 16), [("cat", UPRIGHT), ("truck", ROTATED)])
    assert labelled.chosen is not None
    assert [yolo.line(box, (32, 16), CLASSES) for box in labelled.chosen.boxes] == [
        "3 0.500000 0.500000 0.500000 0.500000\n",
        "9 0.437500 0.500000 0.125000 0.500000\n",
    ]


def test_an_image_without_boxes_has_an_empty_file_and_an_unlabelled_image_none(tmp_path: Path) -> None:
    empty = with_boxes("empty", (32, 32), [])
    nobody = replace(with_boxes("nobody", (32, 32), []), annotations=())
    yolo.write(tmp_path / "yolo", [empty, nobody], CLASSES)
    (path,) = (tmp_path / "yolo/labels").iterdir()
    assert (path.name, path.read_bytes()) == ("empty.txt", b"")


def test_lines_that_cannot_be_used_are_reported(tmp_path: Path) -> None:
    (tmp_path / "labels/folder.txt").mkdir(parents=True)
    (tmp_path / "data.yaml").write_text("names:\n  0: cat\n  1: dog\n")
    lines = "1 .5 .5 .2 .2\n2 .5 .5 .1 .1\n0 .1 .1 .2 .2 .3 .3\nx 0 0 0 0\n\n"
    (tmp_path / "labels/a.txt").write_text(lines)
    file = yolo.read(tmp_path)
    (image,) = file.images
    assert isinstance(image, ImportedImage)
    assert [box.label for box in image.boxes] == ["dog"]
    assert [problem.what.partition(":")[0] for problem in file.problems] == ["line 2", "line 3", "line 4"]


@pytest.mark.parametrize("text", ["names: 7", "[", "nc: 2"])
def test_classes_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(FormatError, match=r"data\.yaml"):
        yolo.read(tmp_path)
