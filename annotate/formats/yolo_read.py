"""YOLO's folder of boxes: classes.txt or data.yaml, and labels/<image>.txt.

Format: https://docs.ultralytics.com/datasets/detect. A line that is no box, as an outline for segmentation,
is counted and left out.
"""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from annotate.formats.imported import FormatError, ImportedBox, ImportedFile, ImportedImage
from annotate.labelling.records import Problem
from data.common.files import readable

NAMES = ("classes.txt", "data.yaml")
UNREADABLE = "make it readable, or leave it out of the folder."


def is_yolo(folder: Path) -> bool:
    """Return whether a folder names its classes as YOLO's do."""
    return any((folder / name).is_file() for name in NAMES)


def read(folder: Path) -> ImportedFile:
    """ImportedFile every file of labels. Raises `FormatError` if the classes cannot be read."""
    classes = _classes(folder)
    home = folder / "labels" if (folder / "labels").is_dir() else folder
    images, problems = [], []
    for path in sorted(home.rglob("*.txt")):
        if path.name in NAMES or path.is_dir():
            continue
        name = path.relative_to(home).with_suffix("").as_posix()
        regions = []
        with readable(path, UNREADABLE):
            text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                found = _region(line.split(), classes)
                if isinstance(found, ImportedBox):
                    regions.append(found)
                else:
                    problems.append(Problem(name, "malformed", f"line {number}: {found}; left out"))
        images.append(ImportedImage(name, tuple(regions)))
    return ImportedFile("YOLO", tuple(images), tuple(problems))


def _classes(folder: Path) -> dict[int, str]:
    path = next(folder / name for name in NAMES if (folder / name).is_file())
    try:
        with readable(path, UNREADABLE):
            text = path.read_text(encoding="utf-8")
        if path.suffix == ".txt":
            return dict(enumerate(text.splitlines()))
        names = YAML(typ="safe").load(text)["names"]
        pairs = names.items() if isinstance(names, dict) else enumerate(names)
        return {int(number): str(name) for number, name in pairs}
    except (UnicodeDecodeError, YAMLError, LookupError, TypeError, ValueError) as error:
        raise FormatError(f"{path.name}: no list of classes ({type(error).__name__})") from None


def _region(parts: list[str], classes: dict[int, str]) -> ImportedBox | str:
    """Return the box on a line, or what is wrong with it."""
    if len(parts) != 5:
        return f"{len(parts)} values, not a class and four numbers"
    try:
        label, (x, y, width, height) = int(parts[0]), (float(part) for part in parts[1:])
    except ValueError:
        return "not numbers"
    if label not in classes:
        return f"class {label}, of {len(classes)}"
    return ImportedBox(classes[label], x - width / 2, y - height / 2, width, height, shares=True)
