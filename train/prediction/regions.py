"""Regions of images that somebody drew: annotate/out/labels/boxes.csv, or any table like it.

It has to have the columns image, x, y, width and height, in pixels of the image as it is shown, and may
have rotation, in degrees clockwise about the upper left corner of the box. Of a rotated box the upright one
around it counts; what reaches over the image's edge is cut off. An image is named by its path or by what
that ends in, such as its file's name, each with or without the ending.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import pandas as pd
from pandas.errors import ParserWarning

from data.common.errors import UserError
from data.images.boxes import corners
from data.images.walk import Skipped

NUMBERS = ("x", "y", "width", "height", "rotation")
NEEDED = ("image", *NUMBERS[:4])
KEPT = ("annotator", "region", "label")  # what else of a box goes into the answers, where it is there
EXPECTED = "expected a table like annotate/out/labels/boxes.csv, with the columns image, x, y, width, height."


@dataclass(frozen=True)
class BoxRow:
    """A box of an image: its row in the table, from 1 on, and what the table says of it."""

    row: int
    image: str
    about: dict[str, Any]  # the columns of `KEPT` and `NUMBERS` that the table has

    def problem(self, why: str) -> Skipped:
        """Return what to say if it could not be used."""
        return Skipped(f"{self.image}, box {self.row}", why)

    def within(self, width: int, height: int) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom of the upright box around it, within an image of that size.

        Raises `ValueError` for a box with no area or outside of the image.
        """
        x, y, across, down = (self.about[name] for name in NUMBERS[:4])
        degrees = self.about.get("rotation", 0.0)
        if not all(math.isfinite(one) for one in (x, y, across, down, degrees)):
            raise ValueError("its place and size are not all numbers")
        if across <= 0 or down <= 0:
            raise ValueError(f"a box of {across:g} x {down:g} pixels, with no area")
        columns, rows = zip(*corners(x, y, across, down, degrees), strict=True)
        left, right = (min(max(edge, 0.0), width) for edge in (min(columns), max(columns)))
        top, bottom = (min(max(edge, 0.0), height) for edge in (min(rows), max(rows)))
        if left >= right or top >= bottom:
            raise ValueError(f"outside of the image of {width} x {height} pixels")
        return left, top, right, bottom


@dataclass(frozen=True)
class Remark:
    """Something to know that is no problem."""

    text: str


def read(path: Path) -> list[BoxRow]:
    """Read a table of boxes. Raises `UserError` if it is none."""
    try:
        table = _table(path)
    except FileNotFoundError:
        hint = f'make it with "dvc repro labels"; {EXPECTED}'
        raise UserError(f"{path}: no such file", hint) from None
    except (OSError, ValueError, ParserWarning) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"{path}: not a table of boxes ({reason})", EXPECTED) from None
    lacking = [name for name in NEEDED if name not in table]
    if lacking:
        raise UserError(f"{path}: not a table of boxes (no column {', '.join(lacking)})", EXPECTED)
    if table.empty or table["image"].isna().any():
        what = "a row names no image" if len(table) else "no box in it"
        raise UserError(f"{path}: {what}", EXPECTED)
    if "rotation" in table:
        table["rotation"] = table["rotation"].fillna(0)
    numbers = [name for name in NUMBERS if name in table]
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce").astype(float)
    about = table[[name for name in (*KEPT, *numbers) if name in table]]
    rows = zip(table["image"], about.to_dict("records"), strict=True)
    return [
        BoxRow(row, image, {str(key): value for key, value in values.items()})
        for row, (image, values) in enumerate(rows, 1)
    ]


def _table(path: Path) -> pd.DataFrame:
    """Read a table as it is; a row with more fields than the head is an error and not moved by one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ParserWarning)
        return pd.read_csv(
            path,
            dtype=dict.fromkeys(("image", *KEPT), str),  # a label may be called 007
            keep_default_na=False,
            na_values=[""],
            index_col=False,
            encoding="utf-8-sig",
        )


def by_image(
    regions: Iterable[BoxRow], found: Iterable[str | Skipped], *, some: bool
) -> Iterator[tuple[str, tuple[BoxRow, ...]] | Skipped | Remark]:
    """Yield each image file that has boxes, with them, in the order of the table.

    A problem for each image that is not among the files found, or that several of them could be; the
    problems among what was found come first. With `some`, where images were chosen out of those in the
    table, the boxes of the others are a remark, and an image without one is a problem.
    """
    wanted: dict[str, list[BoxRow]] = {}
    for region in regions:
        wanted.setdefault(region.image, []).append(region)
    asked: dict[str, list[str]] = {}  # what the table says, by what that may mean
    for name in wanted:
        for meant in {os.path.normpath(name), _whole(name)}:
            asked.setdefault(meant, []).append(name)
    files: dict[str, dict[str, str]] = {name: {} for name in wanted}  # a file may be given twice
    for one in found:
        if isinstance(one, Skipped):
            yield one
            continue
        path = _whole(one)
        names = [name for key in _names(path) for name in asked.get(key, ())]
        if some and not names:
            yield Skipped(one, "no box in the table is of this image")
        for name in names:
            files[name].setdefault(path, one)
    others = [name for name in wanted if some and not files[name]]
    if others:
        every = sum(map(len, wanted.values()))
        left_out = sum(len(wanted.pop(name)) for name in others)
        yield Remark(f"left out, of images that are not among those given: {left_out:,} of {every:,} boxes")
    for name, boxes in wanted.items():
        candidates = files[name]
        exact = candidates.get(_whole(name))
        if exact or len(candidates) == 1:
            yield exact or next(iter(candidates.values())), tuple(boxes)
            continue
        why = f"could be of {' or '.join([*candidates.values()][:2])}" if candidates else "no such image"
        yield from (box.problem(why) for box in boxes)


def _whole(path: str) -> str:
    return os.path.normpath(Path(path).absolute())


def _names(path: str) -> set[str]:
    """Return what a table may call a file: what its path ends in, with or without the file's own ending."""
    parts = PurePath(path).parts
    tails = [PurePath(*parts[start:]) for start in range(len(parts))]
    return {str(one) for tail in tails for one in (tail, tail.with_suffix("")) if tail.name}
