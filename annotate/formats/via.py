"""VGG Image Annotator, releases 1 and 2: its CSV, its JSON, and its saved projects.

Format: https://www.robots.ox.ac.uk/~vgg/software/via, "Export annotations". Only rectangles are read; every
other shape is counted and left out.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from annotate.formats.imported import (
    FormatError,
    ImportedBox,
    ImportedFile,
    ImportedImage,
    attributes,
    of_one_name,
)
from annotate.labelling.records import Problem

COLUMNS = (
    "filename",
    "file_size",
    "file_attributes",
    "region_count",
    "region_id",
    "region_shape_attributes",
    "region_attributes",
)
MOST_CELL = 10_000_000  # characters: a hand-drawn outline may have thousands of corners
METADATA = "_via_img_metadata"  # where a saved project holds what an export is


def is_csv(header: str) -> bool:
    """Return whether a file with that first line is VIA's CSV; release 1 begins it with a #."""
    names = [name.strip().strip('"') for name in header.lstrip("#").split(",")]
    return {"filename", "region_shape_attributes"} <= set(names)


def is_json(content: Any) -> bool:
    """Return whether JSON is VIA's export or saved project."""
    images = _images(content)
    return bool(images) and all(isinstance(one, dict) and "regions" in one for one in images)


def read_json(content: Any) -> ImportedFile:
    """ImportedFile VIA's JSON: images, each with a list of regions or, in release 1, regions by number."""
    problems: list[Problem] = []
    images = []
    for one in _images(content):
        name, found = str(one.get("filename")), one["regions"]
        listed = list(found.values()) if isinstance(found, dict) else found
        if not isinstance(listed, list):
            problems.append(Problem(name, "malformed", "regions are no list; left out"))
            continue
        parts = [
            (part.get("shape_attributes"), part.get("region_attributes"))
            if isinstance(part, dict)
            else (None, None)
            for part in listed
        ]
        regions = tuple(_regions(name, parts, problems))
        images.append(ImportedImage(name, regions, attributes(one.get("file_attributes"))))
    return ImportedFile("VGG Image Annotator, JSON", of_one_name(images, problems), tuple(problems))


def _images(content: Any) -> list[Any]:
    inner = content.get(METADATA, content) if isinstance(content, dict) else {}
    return list(inner.values()) if isinstance(inner, dict) else []


def read_csv(text: str) -> ImportedFile:
    """ImportedFile VIA's CSV: a row for each region, or one for an image without any.

    Raises `FormatError` if a column is missing.
    """
    csv.field_size_limit(MOST_CELL)
    rows = csv.DictReader(io.StringIO(text.lstrip("#"), newline=""))
    lacking = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
    if lacking:
        raise FormatError(f"no column {', '.join(lacking)}")
    problems: list[Problem] = []
    shapes: dict[tuple[str, str], list[tuple[Any, Any]]] = {}
    about: dict[tuple[str, str], Any] = {}
    try:
        for number, row in enumerate(rows, 1):
            _row(number, row, shapes, about, problems)
    except csv.Error as error:
        raise FormatError(str(error)) from None
    images = [
        ImportedImage(key[0], tuple(_regions(key[0], parts, problems)), attributes(about[key]))
        for key, parts in shapes.items()
    ]
    return ImportedFile("VGG Image Annotator, CSV", of_one_name(images, problems), tuple(problems))


def _row(
    number: int,
    row: dict[str, Any],
    shapes: dict[tuple[str, str], list[tuple[Any, Any]]],
    about: dict[tuple[str, str], Any],
    problems: list[Problem],
) -> None:
    """Add one row to its image: VIA tells images apart by name and file size."""
    name = row["filename"] or ""
    try:
        about_image, shape, said = (_cell(row[column]) for column in (COLUMNS[2], *COLUMNS[5:]))
    except ValueError as error:
        problems.append(Problem(name, "malformed", f"row {number}: {error}; left out"))
        return
    key = (name, row["file_size"] or "")
    about.setdefault(key, about_image)
    parts = shapes.setdefault(key, [])
    if shape or (row["region_count"] or "0").strip() not in {"0", ""}:
        parts.append((shape, said))


def _cell(text: str | None) -> Any:
    """Return the JSON in a cell; nothing in an empty one."""
    return json.loads(text) if text and text.strip() else {}


def _regions(name: str, parts: Iterable[tuple[Any, Any]], problems: list[Problem]) -> Iterator[ImportedBox]:
    for number, (shape, said) in enumerate(parts, 1):
        kind = shape.get("name") if isinstance(shape, dict) else None
        if not isinstance(shape, dict) or kind != "rect":
            what = f"region {number} is {kind or 'no shape'}, not a rect; left out"
            problems.append(Problem(name, "malformed", what))
            continue
        x, y, width, height = (shape.get(edge) for edge in ("x", "y", "width", "height"))
        yield ImportedBox(None, x, y, width, height, attributes(said))
