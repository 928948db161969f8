"""COCO's JSON of boxes, ours with its additions (`annotate.formats.coco`) and anybody's.

Format: https://cocodataset.org/#format-data. An annotation without a box, or of a crowd, is counted and left
out.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from annotate.formats.imported import (
    CLASS,
    FormatError,
    ImportedBox,
    ImportedFile,
    ImportedImage,
    attributes,
    of_one_name,
    words,
)
from annotate.labelling.boxes import Size
from annotate.labelling.records import Problem
from annotate.labelling.scheme import JOINED

# What records are found by, in each part; other tools also write texts there, or leave it out.
NUMBERED = {"images": ("id",), "annotations": ("image_id", "category_id"), "categories": ("id",)}
NUMBERS = (int, str, float, type(None))


def is_coco(content: Any) -> bool:
    """Return whether JSON is COCO's."""
    return isinstance(content, dict) and {"images", "annotations", "categories"} <= content.keys()


def read(content: dict[str, Any]) -> ImportedFile:
    """ImportedFile images, annotations and categories. Raises `FormatError` if they are not lists of records."""
    for part in ("images", "annotations", "categories"):
        found = content[part]
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise FormatError(f"{part} is no list of records")
        if not all(isinstance(one.get(key), NUMBERS) for one in found for key in NUMBERED[part]):
            raise FormatError(f"a record of {part} has a list or a record for a number")
    names = _by_id(content, "categories", "name", "category_id")
    files = _by_id(content, "images", "file_name", "image_id")
    regions: dict[Any, list[ImportedBox]] = defaultdict(list)
    problems: list[Problem] = []
    for mark in content["annotations"]:
        image = mark.get("image_id")
        reason = _unfit(mark, names, files)
        if reason:
            name = files.get(image, f"image {image}")
            problems.append(Problem(name, "malformed", f"annotation {mark.get('id')}: {reason}; left out"))
        else:
            regions[image].append(_region(mark, names))
    images = {(one.get("id"), str(one.get("file_name"))): one for one in content["images"]}
    labelled = [
        ImportedImage(name, tuple(regions[number]), _answers(one), _size(one))
        for (number, name), one in images.items()
    ]
    return ImportedFile("COCO", of_one_name(labelled, problems), tuple(problems))


def _by_id(content: dict[str, Any], part: str, name: str, use: str) -> dict[Any, str]:
    """Return names by id. Raises `FormatError` if annotations use an id that two names have."""
    used = {mark.get(use) for mark in content["annotations"]}
    found: dict[Any, str] = {}
    for one in content[part]:
        number, said = one.get("id"), str(one.get(name))
        if found.setdefault(number, said) != said and number in used:
            what = f"{part} {found[number]} and {said} have one id, {number}"
            raise FormatError(what, "give each its own, also where annotations name it.")
    return found


def _unfit(mark: dict[str, Any], names: dict[Any, str], files: dict[Any, str]) -> str | None:
    box = mark.get("bbox")
    if mark.get("image_id") not in files:
        return "of an image that is not listed"
    if mark.get("category_id") not in names:
        return f"of category {mark.get('category_id')}, which is not listed"
    if mark.get("iscrowd"):
        return "a crowd, not one thing"
    return None if isinstance(box, list) and len(box) == 4 else "without a box of four numbers"


def _region(mark: dict[str, Any], names: dict[Any, str]) -> ImportedBox:
    said = attributes(mark.get("attributes"))
    split = {name: tuple(word for text in told for word in text.split(JOINED)) for name, told in said.items()}
    x, y, width, height = mark["bbox"]
    return ImportedBox(names[mark["category_id"]], x, y, width, height, split)


def _answers(image: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    return {CLASS: words(image[CLASS])} if image.get(CLASS) else {}


def _size(image: dict[str, Any]) -> Size | None:
    width, height = image.get("width"), image.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None
