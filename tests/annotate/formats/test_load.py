"""Which format a file has, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotate.formats.load import load
from data.common.errors import UserError
from tests.annotate.builders import DEFAULT, choice, own_image


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.json", b"{", "neither JSON"),
        ("a.json", b"[1]", "unknown format"),
        ("a.json", b'[{"image_id": 42, "annotations": []}]', "unknown format"),
        ("a.json", b'{"a.png": {"regions": null}}', "unknown format"),
        ("a.json", b'{"images": 1, "annotations": [], "categories": []}', "images is not a list"),
        ("a.csv", b"filename,region_shape_attributes\n", "no column file_size, file_attributes"),
        ("a.png", b"\x89PNG\xff\xfe", "not text"),
    ],
)
def test_files_of_no_known_format(room: Path, name: str, content: bytes, reason: str) -> None:
    Path(name).write_bytes(content)
    with pytest.raises(UserError, match=reason) as error:
        load(Path(name), [], DEFAULT)
    assert name in error.value.what
    assert "VGG Image Annotator" in error.value.hint


def test_a_missing_file_and_a_folder_without_classes(room: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv: no such file"):
        load(Path("none.csv"), [], DEFAULT)
    with pytest.raises(UserError, match=r"without classes\.txt"):
        load(room, [], DEFAULT)


@pytest.mark.parametrize("kind", ["COCO", "Label Studio"])
def test_labels_of_another_folder_are_not_given_to_an_image_of_the_same_name(room: Path, kind: str) -> None:
    task = own_image("cam1/a.png")
    labels = {"cam1": "cat", "cam2": "truck"}
    if kind == "COCO":
        ids = range(2)
        content: object = {
            "images": [{"id": each, "file_name": f"{folder}/a.png"} for each, folder in enumerate(labels)],
            "categories": [{"id": each, "name": label} for each, label in enumerate(labels.values())],
            "annotations": [{"image_id": each, "category_id": each, "bbox": [1, 2, 9, 8]} for each in ids],
        }
    else:
        content = [
            {
                "data": {"image": f"/data/local-files/?d=set/{folder}/a.png"},
                "annotations": [{"result": [choice(label)]}],
            }
            for folder, label in labels.items()
        ]
    Path("labels.json").write_text(json.dumps(content))
    loaded = load(Path("labels.json"), [task], DEFAULT, Path("own/cam1"))
    assert loaded.file.format == kind
    assert [each.label or each.boxes[0].label for each in loaded.annotations] == ["cat"]
    assert [problem.kind for problem in loaded.problems] == ["not ours"]
    assert "cam2" in loaded.problems[0].image
    assert "cam1/a.png in the same file" in loaded.problems[0].what
