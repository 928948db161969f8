"""Classify images with the trained network: files, folders, patterns, or boxes drawn in them.

    python -m train.predict PATH... [--top 3] [--format csv | json] [--output FILE]
    python -m train.predict [PATH...] --boxes annotate/out/labels/boxes.csv

A PATH is an image of any format and size, a folder, a pattern in quotes, or - for names on standard input,
one a line; data/images/crop.py says how it becomes 32 x 32 pixels. Reads train/out/model.safetensors. Writes
to standard output, or to a file that is there whole or not at all. What cannot be used is named on standard
error and counted, all the rest is done, and the exit code is 1.

Columns: image; with --boxes also box (its row in the table, from 1 on) and the table's own columns; predicted
and confidence (0 to 1); with --top K also predicted_2, confidence_2 and so on; with --probabilities one for
each class.

From Python, and the only module of train that other rooms import: `predict`, `load`, `version`,
`probabilities`, `margin`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from PIL import Image

from data.common.cli import STARTS_AGAIN, run
from data.common.errors import UserError, some
from data.common.files import digest, readable, write_text
from data.datasets.dataset import CLASSES
from data.images.walk import Skipped
from train.core import model as models
from train.core.device import choose_device, keep_large_blocks
from train.core.model import MODEL, Model
from train.evaluation.columns import DIGITS, margin, ranked
from train.prediction import batches, regions, sources
from train.prediction.regions import ImageFile
from train.prediction.writers import Format, as_text

__all__ = ["MODEL", "Model", "Predictions", "load", "margin", "predict", "probabilities", "version"]

IMAGES = "annotate/out/images"  # where annotate/out/labels/boxes.csv was drawn
STDIN = "-"  # stands for the names on standard input, one a line


def load(path: Path = MODEL) -> Model:
    """Read a model onto the GPU if there is one, else the CPU. Raises `UserError` if there is no file."""
    keep_large_blocks()
    return models.load(choose_device(), path)


def version(path: Path = MODEL) -> str:
    """Return twelve digits of the sha256 of a model's file. Raises `UserError` if there is no file."""
    with readable(path, 'train one with "dvc repro".'):
        return digest(path, "sha256")[:12]


def probabilities(model: Model, images: NDArray[np.uint8]) -> pd.DataFrame:
    """Return the probability of each class (columns) for images in memory, N x 32 x 32 x 3."""
    return pd.DataFrame(batches.classify(model, [*images]).astype(float), columns=list(CLASSES))


@dataclass(frozen=True)
class Predictions:
    """A table with a row an image or box, what could not be used, and notes."""

    table: pd.DataFrame
    problems: tuple[Skipped, ...]
    notes: tuple[str, ...]


def predict(
    paths: str | Path | Iterable[str | Path],
    *,
    top: int = 1,
    probabilities: bool = False,
    boxes: Path | None = None,
    model: Model | None = None,
) -> Predictions:
    """Classify images or, with `boxes`, the regions of them in such a table.

    `paths` are files, folders and patterns. The table has the columns that the module's description gives.
    What cannot be used is in `problems`; boxes of images that were not given are counted in `notes`. `model`
    is train/out/model.safetensors if it is not given. Raises `UserError` if there is no model or no table of
    boxes, `ValueError` if `top` is not 1 to 10.

    >>> predictions = predict("annotate/out/images", top=2)
    >>> list(predictions.table)
    ['image', 'predicted', 'confidence', 'predicted_2', 'confidence_2']
    >>> predictions.problems
    ()
    """
    if not 1 <= top <= len(CLASSES):
        raise ValueError(f"top is {top}; expected 1 to {len(CLASSES)}")
    given = [paths] if isinstance(paths, str | Path) else paths
    files, skipped = sources.find(map(str, given))
    images: list[ImageFile] = [(file, None) for file in files]
    columns, notes = ["image"], list[str]()
    if boxes:
        rows = regions.read(boxes)
        images, unclear, others = regions.match(rows, files)
        columns, skipped = ["image", "box", *rows[0].values], [*skipped, *unclear]
        if others:
            names = some([*dict.fromkeys(box.image for box in others)], 3)
            notes = [f"left out: {len(others):,} of {len(rows):,} boxes, images not given: {names}"]
    loaded, shares = batches.classify_files(images, model or load())
    parts = [pd.DataFrame(loaded.rows, columns=columns), ranked(shares, CLASSES, top)]
    if probabilities:
        parts.append(pd.DataFrame(shares.astype(float).round(DIGITS), columns=list(CLASSES)))
    return Predictions(pd.concat(parts, axis=1), (*skipped, *loaded.problems), (*notes, *loaded.notes))


def main(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH", help="images, folders, 'patterns', or - for a list")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=len(CLASSES), help="how many classes of each")] = 1,
    how: Annotated[Format | None, typer.Option("--format", help="table on a terminal, else csv")] = None,
    boxes: Annotated[Path | None, typer.Option(help="classify the boxes in a table like boxes.csv")] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="a column for each class")] = False,
    output: Annotated[Path | None, typer.Option(dir_okay=False, help="a file, written whole or not")] = None,
    weights: Annotated[Path, typer.Option("--model", help="another network")] = MODEL,
) -> None:
    """Classify images, or boxes drawn in them."""
    names = paths or ([IMAGES] if boxes else [])
    if STDIN in names:
        listed = sys.stdin.read().splitlines()
        names = [entry for name in names for entry in (listed if name == STDIN else [name]) if entry]
    if not names:
        raise typer.BadParameter("give images, folders, patterns, or - for a list on standard input")
    if output and output.suffix.lower() in Image.registered_extensions():
        raise typer.BadParameter(f"--output {output}: predictions are no image; name it .csv or .json")
    for_people = sys.stdout.isatty() and not output and not probabilities
    how = how or (Format.table if for_people else Format.csv)
    if probabilities and (how is Format.table or top > 1):
        raise typer.BadParameter("--probabilities goes with --format csv or json, and without --top")
    files, missing = sources.find(names)
    if output and output.exists():  # an earlier run may have left it among the images
        files = [file for file in files if Path(file).name != output.name or not output.samefile(file)]
    predictions = predict(files, top=top, probabilities=probabilities, boxes=boxes, model=load(weights))
    text, count, unit = (
        as_text(predictions.table, how),
        len(predictions.table),
        "boxes" if boxes else "images",
    )
    if output:
        write_text(output, text)
        text = f"{output}: {count:,} {unit}\n"
    print(text, end="", flush=True)
    problems = [*missing, *predictions.problems]
    for line in (*(f"note: {note}" for note in predictions.notes), *problems):
        print(line, file=sys.stderr)
    if problems:
        skipped = [problem.name for problem in problems]
        raise UserError(
            f"{len(skipped):,} of {len(skipped) + count:,} {unit} could not be used: {some(skipped, 3)}",
            f"the reason for each stands above{'; all others are done' if count else ''}.",
        )


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
