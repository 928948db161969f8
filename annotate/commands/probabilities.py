"""Probabilities of the classes for images: our model's, or another model's from a CSV.

Such a file has the column image and one for each class: a row an image, with probabilities from 0 to 1 that
add up to 1, as `python -m train.predict --probabilities` writes. Columns called predicted, confidence and
model are ignored. An image is named as in tasks.json or, where the images to label are a user's folder, by
its path.

Every table here has a row for each image, by its name as index, and a column for each class.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from annotate.labelling import folder
from data.common.errors import UserError
from data.common.files import readable
from data.datasets import embedded
from data.datasets.dataset import image_name

IGNORED = ["predicted", "confidence", "model"]
TOLERANCE = 0.01  # of a row's sum: a hundred classes rounded to four digits miss 1 by 0.005 at most
EXPECTED = "expected the columns image and one for each class, with probabilities that add up to 1."


def of_files(files: Mapping[str, Path]) -> pd.DataFrame:
    """Return our model's probabilities for images, name to file; files that cannot be read are skipped.

    Raises `UserError` if there is no model.
    """
    from train.predict import predict  # torch takes seconds to import

    names = {str(path): name for name, path in files.items()}
    predictions = predict(files.values(), probabilities=True)
    folder.report_skipped([str(problem) for problem in predictions.problems])
    table = predictions.table.set_axis([names[path] for path in predictions.table["image"]])
    return table.drop(columns=["image", "predicted", "confidence"])


def of_sample(names: Collection[str]) -> pd.DataFrame:
    """Return our model's probabilities for the named test images of the embedded sample.

    Raises `UserError` if there is no model.
    """
    from train import predict

    dataset = embedded.read("test")
    images = [image_name(index) for index in dataset.indices.tolist()]
    rows = [row for row, name in enumerate(images) if name in names]
    table = predict.probabilities(predict.load(), dataset.images[rows])
    return table.set_axis([images[row] for row in rows])


def read(path: Path) -> pd.DataFrame:
    """Read another model's probabilities. Raises `UserError` for anything but such a table."""
    try:
        with readable(path, EXPECTED):
            table = pd.read_csv(path, dtype={"image": str}, index_col="image")
    except ValueError as error:
        raise UserError(f"{path}: not a table of probabilities ({error})", EXPECTED) from None
    table = table.drop(columns=IGNORED, errors="ignore")
    if problem := _problem(table):
        raise UserError(f"{path}: {problem}", EXPECTED)
    return table


def _problem(table: pd.DataFrame) -> str:
    """Return what is wrong with a table, or nothing."""
    if table.empty or len(table.columns) < 2:
        return f"holds {len(table)} images and {len(table.columns)} classes"
    texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if texts:
        return f"column {texts[0]} holds no numbers"
    if table.index.hasnans:
        return "a row names no image"
    if table.index.has_duplicates:
        return f"{table.index[table.index.duplicated()][0]} is there twice"
    values = table.to_numpy(float)
    valid = (values >= 0).all(1) & (values <= 1).all(1) & (np.abs(values.sum(1) - 1) <= TOLERANCE)
    return "" if valid.all() else f"{table.index[~valid][0]}: its probabilities do not add up to 1"


def by_name(table: pd.DataFrame, files: Mapping[str, Path], source: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the rows of a folder's images, by our names for them, and the rows that are of none.

    `files` is name to file of each image of the folder `source`; a row names an image by our name, by its
    path, or by its path within the folder.
    """
    names = {path.resolve(): name for name, path in files.items()}
    rows = {
        row: row if row in files else names.get(Path(row).resolve()) or names.get((source / row).resolve())
        for row in table.index
    }
    unknown = [row for row, name in rows.items() if name is None]
    table = table.drop(index=unknown).rename(index=rows)
    return table[~table.index.duplicated()], unknown
