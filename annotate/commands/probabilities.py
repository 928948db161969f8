"""What a model makes of images: a CSV with the column `image` and one for each class.

A row an image: the probability of each class, from 0 to 1, together 1. The stage `evaluate` writes such a
file, train/out/report/probabilities.csv, for the test images and those to be labelled; any other predictor can.
Columns called predicted, confidence and model are passed over. An image is named as in tasks.json or, where
the images to label are a folder of the user's, by its path.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from annotate.commands.freshness import ANSWERS, RENEW, REPORT, check_current
from annotate.labelling.folder import DIGITS
from data.common.errors import UserError
from data.common.files import digest

PROBABILITIES = REPORT / "probabilities.csv"
BESIDE = ["predicted", "confidence", "model"]
NEAR = 0.01  # to 1, that a row has to come: a hundred classes rounded to four digits miss it by 0.005 at most
SHAPE = "expected the columns image and one for each class, with probabilities that add up to 1."


def read_probabilities(path: Path = PROBABILITIES) -> pd.DataFrame:
    """Read the probability of each class (columns) for each image (index).

    Raises `UserError` for what is no such table and, of the file that `evaluate` writes, if the model is
    another one by now.
    """
    ours = path == PROBABILITIES
    try:
        table = pd.read_csv(path, dtype={"image": str}, index_col="image").drop(
            columns=BESIDE, errors="ignore"
        )
    except FileNotFoundError:
        hint = 'type "dvc repro".' if ours else f"give --probabilities a file; {SHAPE}"
        raise UserError(f"{path}: no such file: no model has looked at the images", hint) from None
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: not a table of probabilities ({error})", RENEW if ours else SHAPE) from None
    problem = _problem(table)
    if problem:
        raise UserError(f"{path}: {problem}", RENEW if ours else SHAPE)
    if ours:
        check_current(_version(), path)
    return table


def _problem(table: pd.DataFrame) -> str:
    """Return what is wrong with a table, or nothing."""
    if table.empty or len(table.columns) < 2:
        return f"holds {len(table)} images and {len(table.columns)} classes"
    wordy = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if wordy:
        return f"column {wordy[0]} holds no numbers"
    if table.index.hasnans or table.index.has_duplicates:
        twice = table.index[table.index.duplicated()]
        return f"{twice[0]} is there twice" if len(twice) else "a row names no image"
    values = table.to_numpy(float)
    right = (values >= 0).all(1) & (values <= 1).all(1) & (np.abs(values.sum(1) - 1) <= NEAR)
    return "" if right.all() else f"{table.index[~right][0]}: its probabilities do not add up to 1"


def _version() -> str:
    """Return which model wrote the tables of `evaluate`."""
    try:
        versions = pd.read_csv(ANSWERS, usecols=["model"], dtype=str)["model"].unique()
    except (ValueError, OSError) as error:
        raise UserError(f"{ANSWERS}: does not tell the model ({error})", RENEW) from None
    return "" if len(versions) != 1 else str(versions[0])


def by_name(table: pd.DataFrame, found: Mapping[str, Path], source: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a folder's images, by our names for them, and the rows that are of none.

    `found` is our name of each image of the folder `source` to its file. Of files with the same bytes the
    first one counts.
    """
    places = {path.resolve(): name for name, path in found.items()}
    names = [_name(row, found, places, source) for row in table.index]
    known = [name is not None for name in names]
    named = table[known].set_axis([name for name in names if name is not None])
    return named[~named.index.duplicated()], list(table.index[[not one for one in known]])


def _name(row: str, found: Mapping[str, Path], places: Mapping[Path, str], source: Path) -> str | None:
    """Return our name of the image that a row names by that, by its path from here or from the folder."""
    if row in found:
        return row
    for path in (Path(row), source / row):
        if path.is_file():
            name = places.get(path.resolve()) or f"image-{digest(path, 'sha256')[:DIGITS]}"
            return name if name in found else None
    return None
