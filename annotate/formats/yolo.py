"""YOLO's folder of boxes: written to annotate/out/labels/yolo/, read from that folder and anybody's.

Format: https://docs.ultralytics.com/datasets/detect. classes.txt (or, to read,
data.yaml) lists the classes; labels/<image>.txt has a line a box: its class's position in that list, then
centre and size as shares of the image. An image labelled without a box has an empty file; an image that
nobody labelled has none. Lines that are no box, as outlines for segmentation, are not read, and reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from annotate.formats.imported import FormatError, ImportedBox, ImportedFile, ImportedImage, imported_file
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.geometry import Size
from annotate.labelling.records import Box, Problem
from data.common.files import readable

CLASSES = ("classes.txt", "data.yaml")
UNREADABLE = "make it readable, or move it out of the folder."


def write(folder: Path, images: Sequence[LabelledImage], labels: Sequence[str]) -> None:
    """Write the labelled images into a new folder; `labels` in the order of the scheme."""
    (folder / "labels").mkdir(parents=True)
    (folder / "classes.txt").write_bytes("".join(f"{label}\n" for label in labels).encode())
    for image in images:
        if image.chosen is not None and image.size is not None:
            lines = [line(box, image.size, labels) for box in image.chosen.boxes]
            (folder / "labels" / f"{image.task.image_id}.txt").write_bytes("".join(lines).encode())


def line(box: Box, size: Size, labels: Sequence[str]) -> str:
    """Return the line of a box; six digits are a hundredth of a pixel in an image 10,000 pixels wide."""
    edges = box.bounds
    x, width = (edges.left + edges.right) / 2 / size[0], edges.width / size[0]
    y, height = (edges.top + edges.bottom) / 2 / size[1], edges.height / size[1]
    return f"{labels.index(box.label)} {x:.6f} {y:.6f} {width:.6f} {height:.6f}\n"


def is_yolo(folder: Path) -> bool:
    """Return whether a folder names its classes as YOLO's do."""
    return any((folder / name).is_file() for name in CLASSES)


def read(folder: Path) -> ImportedFile:
    """Return the labels in a folder. Raises `FormatError` if the classes cannot be read."""
    classes = _classes(folder)
    home = folder / "labels" if (folder / "labels").is_dir() else folder
    images, problems = [], []
    for path in sorted(home.rglob("*.txt")):
        if path.name in CLASSES or path.is_dir():
            continue
        name = path.relative_to(home).with_suffix("").as_posix()
        with readable(path, UNREADABLE):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        boxes = []
        for number, text in enumerate(lines, 1):
            try:
                boxes += [_box(text.split(), classes)] if text.strip() else []
            except FormatError as error:
                problems.append(Problem(name, "malformed", f"line {number}: {error}; left out"))
        images.append(ImportedImage(name, tuple(boxes)))
    return imported_file("YOLO", images, problems)


def _classes(folder: Path) -> dict[int, str]:
    path = next(folder / name for name in CLASSES if (folder / name).is_file())
    try:
        with readable(path, UNREADABLE):
            text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            return dict(enumerate(text.splitlines()))
        names = YAML(typ="safe").load(text)["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (UnicodeDecodeError, YAMLError, LookupError, TypeError, ValueError) as error:
        raise FormatError(f"{path.name}: not a list of classes ({type(error).__name__})") from None


def _box(values: list[str], classes: dict[int, str]) -> ImportedBox:
    """Return the box in the values of a line. Raises `FormatError` if they are something else."""
    if len(values) != 5:
        raise FormatError(f"{len(values)} values, expected a class and four numbers")
    try:
        number, (x, y, width, height) = int(values[0]), (float(value) for value in values[1:])
    except ValueError:
        raise FormatError("not numbers") from None
    if number not in classes:
        raise FormatError(f"class {number} of {len(classes)}, which count from 0")
    return ImportedBox(classes[number], (x - width / 2, y - height / 2, width, height), relative=True)
