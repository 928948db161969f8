"""Pascal VOC's folder of boxes, which is only written: annotate/out/labels/voc/<image>.xml.

Format: http://host.robots.ox.ac.uk/pascal/VOC. Pixels count from 0 at the image's left and upper edge, with
two decimals, as CVAT writes them: on an image of 32 x 32 VOC's whole pixels would lose too much. Images that
nobody labelled are not written, those labelled without a box are.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.geometry import Size
from annotate.labelling.records import Box

DEPTH = 3  # red, green, blue: annotate.sample writes every image so


def write(folder: Path, images: Sequence[LabelledImage]) -> None:
    """Write a file for each labelled image into a new folder."""
    folder.mkdir()
    for image in images:
        if image.chosen is not None and image.size is not None:
            xml = to_voc(image.task.image, image.size, image.chosen.boxes)
            (folder / f"{image.task.image_id}.xml").write_bytes(xml)


def to_voc(image: str, size: Size, boxes: Sequence[Box]) -> bytes:
    """Return the boxes of an image, a path, as XML."""
    root = ET.Element("annotation")
    _add(root, "folder", image.rpartition("/")[0])
    _add(root, "filename", image.rpartition("/")[2])
    shape = ET.SubElement(root, "size")
    for name, value in (("width", size[0]), ("height", size[1]), ("depth", DEPTH)):
        _add(shape, name, str(value))
    for box in boxes:
        element = ET.SubElement(root, "object")
        _add(element, "name", box.label)
        bounds = ET.SubElement(element, "bndbox")
        for edge, side in (("xmin", "left"), ("ymin", "top"), ("xmax", "right"), ("ymax", "bottom")):
            _add(bounds, edge, f"{getattr(box.bounds, side):.2f}")
    ET.indent(root)
    xml: bytes = ET.tostring(root, encoding="utf-8")
    return xml + b"\n"


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = text
