"""The folder train/report/: every answer, tables and pictures of what came out, and the page that shows them.

| file | what it holds |
| --- | --- |
| index.html | all of it, to be looked at |
| predictions.csv | a row a test picture: picture, actual, predicted, confidence |
| confusion.csv, confusion.png | how often each class (rows) was taken for each (columns) |
| classes.csv | recall, precision, F1 and the most frequent confusion of each class |
| reliability.csv, reliability.png | accuracy by confidence |
| mistakes.csv, mistakes.png | the most confident mistakes with their three likeliest classes, and Grad-CAM |
| uncertain.csv | the least certain pictures |
| curves.png | loss, accuracy, learning rate and momentum by epoch |
| labelled.csv, labelled_confusion.csv, agreement.csv | annotators, model and CIFAR-10 side by side |
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data import params
from data.errors import UserError
from data.files import write_csv, write_text
from data.pictures import CLASSES
from train import attention, figures, page
from train.answers import Answers, Result
from train.calibration import reliability
from train.labelled import agreement, read_table
from train.model import Model
from train.mosaic import COLUMNS

CURVES = Path("train/plots/curves.csv")
RUN = Path("train/metrics.json")
SHOWN = 24  # mistakes, and uncertain pictures
DRAWN = 12  # mistakes in the PNG, which a pull request shows


@dataclass(frozen=True)
class Tested:
    """Pictures shown to the network: images N x 32 x 32 x 3, uint8, and its answers."""

    images: NDArray[np.uint8]
    answers: Answers


@dataclass(frozen=True)
class Findings:
    """What there is to report on."""

    model: Model
    test: Tested
    result: Result  # of the test pictures
    tasks: Tested  # the pictures to be labelled
    labelled: pd.DataFrame  # annotators, model and CIFAR-10 side by side; no rows without labels
    labels: Result | None  # of the pictures on whose label the annotators agree


def run_metrics() -> dict[str, Any]:
    """Return what the stage `train` says of the run. Raises `UserError` if it says nothing."""
    try:
        metrics: dict[str, Any] = json.loads(RUN.read_text())
        return {"epochs": metrics["epochs"], "full_size_epochs": metrics["full_size_epochs"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{RUN}: not the metrics of a training ({error})", 'make it anew with "dvc repro -fs train".'
        ) from None


def write(folder: Path, found: Findings) -> None:
    """Write all files into the folder."""
    curves, about_run = read_table(CURVES, "train"), run_metrics()
    table, reliable = found.result.table, reliability(found.result.table)
    top = found.test.answers.top().merge(table[["picture", "actual"]], on="picture")
    wrong, unsure = found.result.mistakes(), found.test.answers.least_certain()[:SHOWN]
    maps = look(found, wrong[:SHOWN])
    tables = {
        "predictions": table,
        "confusion": found.result.confusion().reset_index(),
        "classes": found.result.classes(),
        "reliability": reliable,
        "mistakes": top.iloc[wrong[:SHOWN]],
        "uncertain": top.iloc[unsure],
        "labelled": found.labelled,
        "agreement": agreement(found.labelled),
    }
    if found.labels:
        tables["labelled_confusion"] = found.labels.confusion().reset_index()
    for name, content in tables.items():
        write_csv(folder / f"{name}.csv", content)
    pictures = {
        "curves": figures.curves(curves),
        "confusion": figures.confusion(found.result.confusion()),
        "reliability": figures.reliability(reliable),
        "mistakes": mistakes(found, wrong[:DRAWN], maps),
    }
    for name, figure in pictures.items():
        figures.write(folder / f"{name}.png", figure)
    values = numbers(found, about_run, len(wrong)) | page.drawn(curves, reliable)
    write_text(folder / "index.html", page.render(values | shown(found, wrong[:SHOWN], unsure, maps)))


Maps = list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]


def look(found: Findings, rows: list[int]) -> Maps:
    """Return where the network saw the class that it named, and the actual one, in each row's picture."""
    images = torch.from_numpy(found.test.images[rows]).to(found.test.answers.logits.device)
    table = found.result.table.iloc[rows]
    sides = []
    for column in ("predicted", "actual"):
        classes = torch.tensor([CLASSES.index(name) for name in table[column]], dtype=torch.int64)
        sides.append(attention.overlays(found.model, images, classes.to(images.device)))
    return list(zip(*sides, strict=True))


def mistakes(found: Findings, rows: list[int], maps: Maps) -> Figure:
    """Draw the most confident mistakes, each with what the network saw."""
    pictures = []
    for row, (predicted, _) in zip(rows, maps, strict=False):
        told = found.result.table.iloc[row]
        pictures.append((found.test.images[row], f"{told['actual']}, taken for"))
        pictures.append((predicted, f"{told['predicted']} ({told['confidence']:.0%})"))
    return figures.gallery(pictures, 8, "The most confident mistakes and where the network looked (Grad-CAM)")


def numbers(found: Findings, run: dict[str, Any], wrong: int) -> dict[str, Any]:
    """Return the numbers and tables of the page."""
    metrics = found.result.metrics() | found.result.details()
    published = pd.read_csv(figures.PUBLISHED)
    return {
        **run,
        "accuracy": metrics["accuracy"],
        "pictures": metrics["pictures"],
        "calibration_error": metrics["calibration_error"],
        "depth": found.model.network.depth,
        "recipe": params.load().recipe,
        "headline": page.headline(metrics, run, published),
        "by_class": found.result.classes().to_dict("records"),
        "agreement": page.plain(agreement(found.labelled)),
        "wrong": wrong,
        "classes": CLASSES,
        "published_pictures": page.PUBLISHED_PICTURES,
    }


def shown(found: Findings, wrong: list[int], unsure: list[int], maps: Maps) -> dict[str, Any]:
    """Return the pictures of the page."""
    gallery = page.Gallery(page.Shown(found.test.images, found.result.table, found.test.answers.top()))
    matrix, cells = page.confusion(found.result.table, gallery)
    mistaken = [gallery.record(row) for row in wrong]
    seen = page.with_maps(mistaken, maps)
    images = dict(zip(found.tasks.answers.names, found.tasks.images, strict=True))
    return {
        "confusion": matrix,
        "mistakes": mistaken,
        "uncertain": [gallery.record(row) | {"maps": None} for row in unsure],
        "labelled": page.labelled(found.labelled, images, gallery),
        "data": {"cells": cells, "pictures": gallery.records, "columns": COLUMNS},
        "sheet": page.sheet(gallery.mosaic),
        "maps": page.sheet(seen, page.MAPS),
    }
