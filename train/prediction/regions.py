"""Boxes drawn in images: annotate/out/labels/boxes.csv, or any table like it.

It has the columns image, x, y, width and height, in pixels of the image as it is shown, and may have
rotation, in degrees clockwise about the upper left corner of the box. Of a rotated box the upright one
around it counts; what reaches over the image's edge is cut off. An image is named by its path or by any end
of that, such as its file's name, each with or without the suffix.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data.common.errors import UserError
from data.common.files import NAMES, readable
from data.images.boxes import Bounds, clipped, corners
from data.images.names import endings
from data.images.walk import Skipped

NUMBERS = ("x", "y", "width", "height", "rotation")
NEEDED = ("image", *NUMBERS[:4])
KEPT = ("annotator", "region", "label")  # further columns that go into the predictions, where they are there
EXPECTED = "expected a table like annotate/out/labels/boxes.csv, with the columns image, x, y, width, height."


@dataclass(frozen=True)
class BoxRow:
    """A row of a table of boxes: its number, from 1 on, its image, its columns of `KEPT` and `NUMBERS`."""

    row: int
    image: str
    values: dict[str, Any]

    def skipped(self, why: str) -> Skipped:
        """Return this box as one that could not be used."""
        return Skipped(f"{self.image}, box {self.row}", why)

    def bounds(self, size: tuple[int, int]) -> Bounds:
        """Return the upright box around it, cut off at the edges of an image of that width and height.

        Raises `ValueError` for a box with no area or outside the image.
        """
        x, y, width, height, degrees = (self.values.get(name, 0.0) for name in NUMBERS)
        if not all(map(math.isfinite, (x, y, width, height, degrees))):
            raise ValueError(f"{', '.join(NUMBERS)} have to be numbers")
        if width <= 0 or height <= 0:
            raise ValueError(f"a box of {width:g} x {height:g} pixels has no area")
        bounds = clipped(corners(x, y, width, height, degrees), size)
        if bounds is None:
            raise ValueError(f"outside the image of {size[0]} x {size[1]} pixels")
        return bounds


ImageFile = tuple[str, tuple[BoxRow, ...] | None]  # its name, and its boxes; None for the image as a whole


def read(path: Path) -> list[BoxRow]:
    """Read a table of boxes. Raises `UserError` for anything else, or one without boxes."""
    texts = dict.fromkeys(("image", *KEPT), str)  # a label may be called 007
    try:
        with readable(path, f'make it with "dvc repro labels"; {EXPECTED}'):
            table = pd.read_csv(path, dtype=texts, encoding="utf-8-sig", **NAMES)
        missing = [name for name in NEEDED if name not in table]
        if missing:
            raise ValueError(f"no column {', '.join(missing)}")
        if table.empty or table["image"].isna().any():
            raise ValueError("a row names no image" if len(table) else "no row")
    except ValueError as error:
        raise UserError(f"{path}: not a table of boxes ({str(error).splitlines()[0]})", EXPECTED) from None
    numbers = [name for name in NUMBERS if name in table]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce").astype(float)
    if "rotation" in table:
        table["rotation"] = table["rotation"].fillna(0)
    values = table[[name for name in (*KEPT, *numbers) if name in table]].to_dict("records")
    return [
        BoxRow(row, image, {str(name): value for name, value in columns.items()})
        for row, (image, columns) in enumerate(zip(table["image"], values, strict=True), 1)
    ]


def match(
    boxes: Iterable[BoxRow], files: Iterable[str]
) -> tuple[list[ImageFile], list[Skipped], list[BoxRow]]:
    """Return the files with their boxes, in the order of the table; what is skipped; boxes of other images.

    Skipped is a box whose image may be several of the files.
    """
    by_image: dict[str, list[BoxRow]] = {}
    for box in boxes:
        by_image.setdefault(next(endings(os.path.normpath(box.image)), ""), []).append(box)
    candidates = _candidates(by_image, files)
    matched, skipped, others = list[ImageFile](), list[Skipped](), list[BoxRow]()
    for image, rows in by_image.items():
        match candidates[image]:
            case []:
                others += rows
            case [file]:
                matched.append((file, tuple(rows)))
            case [first, second, *_]:
                skipped += [box.skipped(f"could be of {first} or {second}") for box in rows]
    return matched, skipped, others


def _candidates(images: Iterable[str], files: Iterable[str]) -> dict[str, list[str]]:
    """Return the files that each image may be: the one of exactly this path, or all that end in it."""
    candidates: dict[str, list[str]] = {image: [] for image in images}
    paths = {_absolute(file): file for file in files}  # a file may be given twice
    for path, file in paths.items():
        for end in endings(path):
            if end in candidates:
                candidates[end].append(file)
    exact = {image: [paths[_absolute(image)]] for image in candidates if _absolute(image) in paths}
    return candidates | exact


def _absolute(path: str) -> str:
    return os.path.normpath(Path(path).absolute())
