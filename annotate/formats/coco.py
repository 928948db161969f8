"""COCO's JSON of boxes: written to annotate/out/labels/coco.json, read from that file and anybody's.

Format: https://cocodataset.org/#format-data. Beyond it, an image of ours has the `class` that the annotators
agreed on, and a box its `attributes`. Images that nobody labelled are not written, those labelled without a
box are. Annotations without a box, or of a crowd, are not read, and reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from annotate.formats.imported import (
    CLASS,
    FormatError,
    ImportedBox,
    ImportedFile,
    ImportedImage,
    attributes,
    imported_file,
)
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.geometry import Size
from annotate.labelling.records import Box, Problem
from annotate.labelling.scheme import JOINED
from data.common.files import write_json

PARTS = ("images", "annotations", "categories")


def write(path: Path, images: Sequence[LabelledImage], labels: Sequence[str]) -> None:
    """Write the labelled images as COCO."""
    write_json(path, to_coco(images, labels))


def to_coco(images: Sequence[LabelledImage], labels: Sequence[str]) -> dict[str, Any]:
    """Return the labelled images as COCO; ids count from 1, categories in the order of the scheme.

    A box is x, y, width, height in pixels; of a rotated one, the upright box around it.
    """
    category_ids = {label: number for number, label in enumerate(labels, 1)}
    records: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image in images:
        if image.chosen is None or image.size is None:
            continue
        image_id = len(records) + 1
        width, height = image.size
        size = {"file_name": Path(image.task.image).name, "width": width, "height": height}
        records.append({"id": image_id, **size, CLASS: image.agreed})
        for box in image.chosen.boxes:
            ids = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category_ids[box.label]}
            annotations.append({**ids, **_box_record(box)})
    categories = [{"id": number, "name": label} for label, number in category_ids.items()]
    return {"images": records, "annotations": annotations, "categories": categories}


def _box_record(box: Box) -> dict[str, Any]:
    left, top, right, bottom = box.bounds.left, box.bounds.top, box.bounds.right, box.bounds.bottom
    return {
        "bbox": [left, top, box.bounds.width, box.bounds.height],
        "area": round((right - left) * (bottom - top), 2),
        "segmentation": [[left, top, right, top, right, bottom, left, bottom]],
        "iscrowd": 0,
        "attributes": dict(box.attributes),
    }


def is_coco(content: Any) -> bool:
    """Return whether JSON is COCO's."""
    return isinstance(content, dict) and set(PARTS) <= content.keys()


def read(content: dict[str, Any]) -> ImportedFile:
    """Return the labels in COCO. Raises `FormatError` if its parts are not lists of records, or ids clash."""
    for part in PARTS:
        if not isinstance(content[part], list) or not all(isinstance(each, dict) for each in content[part]):
            raise FormatError(f"{part} is not a list of records")
    labels = _by_id(content, "categories", "name")
    file_names = _by_id(content, "images", "file_name")
    boxes: dict[Any, list[ImportedBox]] = defaultdict(list)
    problems: list[Problem] = []
    for annotation in content["annotations"]:
        image_id = annotation.get("image_id")
        reason = _unfit(annotation, labels, file_names)
        if reason:
            name = file_names.get(image_id, f"image {image_id}")
            what = f"annotation {annotation.get('id')}: {reason}; left out"
            problems.append(Problem(name, "malformed", what))
        else:
            boxes[image_id].append(_box(annotation, labels))
    records = {record.get("id"): record for record in content["images"]}
    images = (
        ImportedImage(name, tuple(boxes[image_id]), attributes({CLASS: record.get(CLASS)}), _size(record))
        for (image_id, record), name in zip(records.items(), file_names.values(), strict=True)
    )
    return imported_file("COCO", images, problems)


def _by_id(content: dict[str, Any], part: str, key: str) -> dict[Any, str]:
    """Return names by id. Raises `FormatError` if two have the same id."""
    names: dict[Any, str] = {}
    for record in content[part]:
        number, name = record.get("id"), str(record.get(key))
        if names.setdefault(number, name) != name:
            raise FormatError(f"{part} {names[number]} and {name} have the same id, {number}")
    return names


def _unfit(annotation: dict[str, Any], labels: dict[Any, str], file_names: dict[Any, str]) -> str | None:
    """Return why an annotation cannot be used."""
    box = annotation.get("bbox")
    if annotation.get("image_id") not in file_names:
        return "its image is not listed"
    if annotation.get("category_id") not in labels:
        return f"its category {annotation.get('category_id')} is not listed"
    if annotation.get("iscrowd"):
        return "a crowd, not a single object"
    return None if isinstance(box, list) and len(box) == 4 else "bbox is not four numbers"


def _box(annotation: dict[str, Any], labels: dict[Any, str]) -> ImportedBox:
    answers = {
        name: tuple(word for text in texts for word in text.split(JOINED))
        for name, texts in attributes(annotation.get("attributes")).items()
    }
    return ImportedBox(labels[annotation["category_id"]], tuple(annotation["bbox"]), answers)


def _size(record: dict[str, Any]) -> Size | None:
    width, height = record.get("width"), record.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
