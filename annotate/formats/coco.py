"""COCO's JSON of boxes: annotate/out/labels/coco.json.

Format: https://cocodataset.org/#format-data. Beyond it, an image has the `class` that the annotators
agreed on, and a box its `attributes`. Dataset that nobody labelled are left out, those labelled without a
box are in.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Box


def to_coco(judged: Sequence[LabelledImage], labels: Sequence[str]) -> dict[str, Any]:
    """Return the labelled labelled as COCO; ids count from 1, categories in the order of the scheme.

    A box is x, y, width, height in pixels; of a rotated one, the upright box around it.
    """
    numbers = {label: number for number, label in enumerate(labels, 1)}
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for labelled in judged:
        if labelled.chosen is None or labelled.size is None:
            continue
        images.append(_image(len(images) + 1, labelled, labelled.size))
        for box in labelled.chosen.boxes:
            annotations.append(_annotation(len(annotations) + 1, len(images), numbers[box.label], box))
    return {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }


def _image(number: int, image: LabelledImage, size: tuple[int, int]) -> dict[str, Any]:
    file_name = image.task.image.rpartition("/")[2]
    return {
        "id": number,
        "file_name": file_name,
        "width": size[0],
        "height": size[1],
        "class": image.agreed,
    }


def _annotation(number: int, image: int, category: int, box: Box) -> dict[str, Any]:
    edges = box.bounds
    outline = (
        edges.left,
        edges.top,
        edges.right,
        edges.top,
        edges.right,
        edges.bottom,
        edges.left,
        edges.bottom,
    )
    return {
        "id": number,
        "image_id": image,
        "category_id": category,
        "bbox": [edges.left, edges.top, edges.width, edges.height],
        "area": round(edges.area, 2),
        "segmentation": [list(outline)],
        "iscrowd": 0,
        "attributes": dict(box.attributes),
    }
