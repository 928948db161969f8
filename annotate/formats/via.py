"""VGG Image Annotator, releases 1 and 2, which is only read: its CSV, its JSON, and its saved projects.

Format: https://www.robots.ox.ac.uk/~vgg/software/via, "Export annotations". Only rectangles are read; every
other shape is reported.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from annotate.formats.imported import (
    FormatError,
    ImportedBox,
    ImportedFile,
    ImportedImage,
    attributes,
    imported_file,
)
from annotate.labelling.records import Problem

NAMES = ("filename", "file_size")  # the columns that tell images apart
CELLS = ("file_attributes", "region_shape_attributes", "region_attributes")  # the columns with JSON
MAX_CELL = 10_000_000  # characters: a hand-drawn outline may have thousands of corners
METADATA = "_via_img_metadata"  # where a saved project holds what an export is


def is_csv(header: str) -> bool:
    """Return whether a file with that first line is VIA's CSV; release 1 begins it with a #."""
    names = {name.strip().strip('"') for name in header.lstrip("#").split(",")}
    return {"filename", "region_shape_attributes"} <= names


def is_json(content: Any) -> bool:
    """Return whether JSON is VIA's export or saved project."""
    records = _records(content)
    return bool(records) and all(
        isinstance(record, dict) and isinstance(record.get("regions"), list | dict) for record in records
    )


def read_json(content: Any) -> ImportedFile:
    """Return the labels in VIA's JSON."""
    return _read("VGG Image Annotator, JSON", _records(content), [])


def _records(content: Any) -> list[Any]:
    records = content.get(METADATA, content) if isinstance(content, dict) else {}
    return list(records.values()) if isinstance(records, dict) else []


def read_csv(text: str) -> ImportedFile:
    """Return the labels in VIA's CSV: a row for each region, or one for an image without any.

    Raises `FormatError` if a column is missing.
    """
    csv.field_size_limit(MAX_CELL)
    rows = csv.DictReader(io.StringIO(text.lstrip("#"), newline=""))
    missing = [name for name in (*NAMES, *CELLS) if name not in (rows.fieldnames or ())]
    if missing:
        raise FormatError(f"no column {', '.join(missing)}")
    problems: list[Problem] = []
    records: dict[tuple[str, ...], dict[str, Any]] = {}
    for number, row in enumerate(rows, 1):
        try:
            answers, shape, region_answers = (_cell(row[column]) for column in CELLS)
        except ValueError as error:
            problems.append(Problem(str(row["filename"]), "malformed", f"row {number}: {error}; left out"))
            continue
        record = {"filename": row["filename"], "file_attributes": answers, "regions": []}
        record = records.setdefault(tuple(row[name] for name in NAMES), record)
        if shape or region_answers:
            record["regions"].append({"shape_attributes": shape, "region_attributes": region_answers})
    return _read("VGG Image Annotator, CSV", records.values(), problems)


def _cell(text: str | None) -> Any:
    """Return the JSON in a cell; an empty record for an empty cell."""
    return json.loads(text) if text and text.strip() else {}


def _read(kind: str, records: Iterable[dict[str, Any]], problems: list[Problem]) -> ImportedFile:
    """Return the labels in records of images, each with its regions, a list or, in release 1, by number."""
    images = []
    for record in records:
        name, regions = str(record.get("filename")), record["regions"]
        boxes = []
        for number, region in enumerate(regions.values() if isinstance(regions, dict) else regions, 1):
            try:
                boxes.append(_box(region if isinstance(region, dict) else {}))
            except FormatError as error:
                problems.append(Problem(name, "malformed", f"region {number} is {error}; left out"))
        images.append(ImportedImage(name, tuple(boxes), attributes(record.get("file_attributes"))))
    return imported_file(kind, images, problems)


def _box(region: dict[str, Any]) -> ImportedBox:
    """Return a region that is a rectangle. Raises `FormatError` for another shape."""
    shape = region.get("shape_attributes")
    shape = shape if isinstance(shape, dict) else {}
    if shape.get("name") != "rect":
        raise FormatError(f"{shape.get('name') or 'no shape'}, not a rect")
    rectangle = (shape.get("x"), shape.get("y"), shape.get("width"), shape.get("height"))
    return ImportedBox(None, rectangle, attributes(region.get("region_attributes")))
