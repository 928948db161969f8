"""YOLO's folder of boxes: annotate/out/labels/yolo/, with classes.txt and labels/<image>.txt.

Format: https://docs.ultralytics.com/datasets/detect. One line a box: the class's position in classes.txt,
then centre and size as shares of the image. An image labelled without a box has an empty file; one that
nobody labelled has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from annotate.labelling.boxes import Size
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Box


def write_yolo(folder: Path, images: Sequence[LabelledImage], labels: Sequence[str]) -> None:
    """Write the labelled images; `labels` in the order of the scheme."""
    (folder / "labels").mkdir(parents=True)
    (folder / "classes.txt").write_bytes("".join(f"{label}\n" for label in labels).encode())
    for image in images:
        if image.chosen is not None and image.size is not None:
            lines = [line(box, image.size, labels) for box in image.chosen.boxes]
            (folder / "labels" / f"{image.task.image_id}.txt").write_bytes("".join(lines).encode())


def line(box: Box, size: Size, labels: Sequence[str]) -> str:
    """Return a box as one line; six digits are a hundredth of a pixel in an image 10,000 pixels wide."""
    edges = box.bounds
    across = (edges.left + edges.right) / 2 / size[0], edges.width / size[0]
    down = (edges.top + edges.bottom) / 2 / size[1], edges.height / size[1]
    numbers = (across[0], down[0], across[1], down[1])
    return f"{labels.index(box.label)} {' '.join(f'{number:.6f}' for number in numbers)}\n"
