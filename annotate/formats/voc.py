"""Pascal VOC's folder of boxes: annotate/out/labels/voc/<image>.xml.

Format: http://host.robots.ox.ac.uk/pascal/VOC. Pixels count from 0 at the image's left and upper edge, with
two decimals, as CVAT writes them: on an image of 32 x 32 VOC's whole pixels would lose too much. Dataset
that nobody labelled are left out, those labelled without a box are in.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from annotate.labelling.boxes import Size
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Box

DEPTH = 3  # red, green, blue: annotate.sample makes every image so


def write_voc(folder: Path, images: Sequence[LabelledImage]) -> None:
    """Write one file a labelled image."""
    folder.mkdir()
    for image in images:
        if image.chosen is not None and image.size is not None:
            page = to_voc(image.task.image, image.size, image.chosen.boxes)
            (folder / f"{image.task.image_id}.xml").write_bytes(page)


def to_voc(image: str, size: Size, boxes: Sequence[Box]) -> bytes:
    """Return the boxes of one image as XML."""
    root = ET.Element("annotation")
    _add(root, "folder", image.rpartition("/")[0])
    _add(root, "filename", image.rpartition("/")[2])
    shape = ET.SubElement(root, "size")
    for name, value in (("width", size[0]), ("height", size[1]), ("depth", DEPTH)):
        _add(shape, name, str(value))
    for box in boxes:
        thing = ET.SubElement(root, "object")
        _add(thing, "name", box.label)
        frame = ET.SubElement(thing, "bndbox")
        edges = box.bounds
        corners = {"xmin": edges.left, "ymin": edges.top, "xmax": edges.right, "ymax": edges.bottom}
        for name, edge in corners.items():
            _add(frame, name, f"{edge:.2f}")
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8")
    return page + b"\n"


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
