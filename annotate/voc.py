"""Pascal VOC's folder of boxes: annotate/labels/voc/<picture>.xml.

Format: http://host.robots.ox.ac.uk/pascal/VOC. Pixels count from 0 at the picture's left and upper edge, with
two decimals, as CVAT writes them: on a picture of 32 x 32 VOC's whole pixels would lose too much. Pictures
that nobody labelled are left out, those labelled without a box are in.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from pathlib import Path

from annotate.boxes import Size
from annotate.judge import Judged
from annotate.records import Box

DEPTH = 3  # red, green, blue: annotate.sample makes every picture so


def write_voc(folder: Path, pictures: Sequence[Judged]) -> None:
    """Write one file a labelled picture."""
    folder.mkdir()
    for picture in pictures:
        if picture.chosen is not None and picture.size is not None:
            page = to_voc(picture.task.image, picture.size, picture.chosen.boxes)
            (folder / f"{picture.task.image_id}.xml").write_bytes(page)


def to_voc(image: str, size: Size, boxes: Sequence[Box]) -> bytes:
    """Return the boxes of one picture as XML."""
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
