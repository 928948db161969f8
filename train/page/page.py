"""The report as one page, train/out/report/index.html, from its template train/page/page.html.

The page holds all that it shows, images too, and loads nothing: it opens from disk.
"""

from __future__ import annotations

import base64
import hashlib
import io
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import stats

from data.datasets.dataset import CLASSES, SIDE
from train.core.model import Score
from train.evaluation import gradcam, predictions
from train.evaluation.results import SIDES, TOP, Evaluation
from train.page import figures
from train.page.contents import Report

FOLDER = Path(__file__).parent
CELL = 24  # images at most for a cell of the confusion matrix: the page of 10,000 images stays small
LISTED = 1000  # labelled images at most, those first on which labels and predictions differ
PUBLISHED_IMAGES = 10_000  # that the published run was tested on
OVERLAY_QUALITY = 80  # of the WebP with Grad-CAM, of 100


def record(test: Evaluation, row: int, mosaic: Mosaic) -> dict[str, Any]:
    """Return a test image for the page: place in the mosaic, name, actual class, and the likeliest ones.

    `top` has the name of a class, its probability, and that as text.
    """
    prediction: dict[Hashable, Any] = test.predictions.loc[row].to_dict()
    endings = ("", *(f"_{rank}" for rank in range(2, TOP + 1)))
    pairs = [(prediction[f"predicted{end}"], prediction[f"confidence{end}"]) for end in endings]
    return {
        "place": mosaic.add(test.images[row]),
        "name": prediction["image"],
        "actual": prediction["actual"],
        "top": [(name, share, percent(share, 0)) for name, share in pairs],
    }


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 in per cent; a dash for an undefined one, as of a class never predicted."""
    if share is None or math.isnan(share):
        return "-"
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(accuracy: float, images: int) -> str:
    """Return the 95 % confidence interval of an accuracy on so many images (Wilson 1927)."""
    low, high = stats.binomtest(round(accuracy * images), images).proportion_ci(method="wilson")
    return f"{percent(low)} to {percent(high)}"


def headline(report: Report, published: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return name, this run's value and the published one's of the most important numbers."""
    last, info, metrics = published.iloc[-1], report.run, report.test.metrics
    ours = metrics["accuracy"], metrics["images"]
    theirs = float(last["val_accuracy"]), PUBLISHED_IMAGES
    best = percent(info.curves["val_accuracy"].max(), 2) if info.watch_test else "not evaluated"
    accuracy = [f"{percent(share, 2)} of {images:,}" for share, images in (ours, theirs)]
    return [
        ("accuracy after the last epoch", accuracy[0], accuracy[1]),
        ("95 % confidence interval", interval(*ours), interval(*theirs)),
        ("best of all epochs on the test images", best, percent(published["val_accuracy"].max(), 2)),
        ("loss", f"{metrics['loss']:.3f}", f"{last['val_loss']:.3f}"),
        (f"{SIDE}-px-equivalent epochs", f"{info.equivalent_epochs:g}", f"{len(published)}"),
        ("expected calibration error", percent(metrics["calibration_error"]), "unknown"),
    ]


def confusion(report: Report, mosaic: Mosaic) -> dict[str, dict[str, Any]]:
    """Return the cells of the confusion matrix that are not empty, by `actual/predicted`."""
    table = predictions.by_confidence(report.test.predictions)
    totals, cells = table["actual"].value_counts().to_dict(), {}
    for (actual, predicted), rows in table.groupby(["actual", "predicted"]):
        count = len(rows)
        cells[f"{actual}/{predicted}"] = {
            "title": f"{count:,} image{'s' * (count != 1)} of {actual}, predicted {predicted}",
            "count": count,
            "share": count / totals[actual],
            "images": [record(report.test, row, mosaic) for row in rows.index[:CELL]],
        }
    return cells


def plain(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return a table's rows, with None for an empty cell."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def labelled(report: Report, mosaic: Mosaic) -> list[dict[Hashable, Any]]:
    """Return the labelled images with their places in the mosaic, those that differ first."""
    images, table = report.labelled.images, report.tables["labelled"]
    rows = plain(table.sort_values(["differ", "image"], ascending=[False, True]))[:LISTED]
    return [row | {"place": mosaic.add(images[row["image"]])} for row in rows]


def mistakes(report: Report, mosaic: Mosaic) -> tuple[list[dict[str, Any]], Mosaic]:
    """Return the most confident mistakes, and a mosaic with Grad-CAM of predicted and actual class."""
    overlays, records = Mosaic(gradcam.SIDE), []
    pairs = zip(*(report.test.overlays[side] for side in SIDES), strict=True)
    for row, pair in zip(report.tables["mistakes"].index, pairs, strict=True):
        both = [overlays.add(overlay) for overlay in pair]
        records.append(record(report.test, row, mosaic) | {"overlays": both})
    return records, overlays


def curves(report: Report) -> Figure:
    """Draw the curves of the run beside those of the published one."""
    tested = Score(report.test.metrics["loss"], report.test.metrics["accuracy"])
    return figures.curves(report.run.curves, report.run.watch_test, tested)


def images(report: Report) -> dict[str, Any]:
    """Return the images of the page with their texts."""
    mosaic = Mosaic(SIDE)
    wrong, overlays = mistakes(report, mosaic)
    return {
        "cells": confusion(report, mosaic),
        "mistakes": wrong,
        "uncertain": [record(report.test, row, mosaic) for row in report.tables["uncertain"].index],
        "labelled": labelled(report, mosaic),
        "mosaic": {"uri": mosaic.uri(lossless=True), "rows": mosaic.rows},
        "overlays": {"uri": overlays.uri(quality=OVERLAY_QUALITY, method=6), "rows": overlays.rows},
        "columns": COLUMNS,
    }


def render(report: Report) -> str:
    """Return the page. All values are escaped: names of files and classes cannot bring in markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "number": lambda value: f"{value:,}"}
    style, script = ((FOLDER / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    epochs = "Loss, accuracy, learning rate and momentum by epoch, of this run and of the published one"
    bars = "Accuracy by confidence, and the number of images in each range of confidence"
    tables = report.tables
    return environment.get_template("page.html").render(
        run=report.run,
        metrics=report.test.metrics,
        depth=report.depth,
        headline=headline(report, pd.read_csv(figures.PUBLISHED)),
        curves=Markup(figures.svg(curves(report), "curves", epochs)),
        reliability=Markup(figures.svg(figures.reliability(tables["reliability"]), "bars", bars)),
        by_class=plain(tables["classes"]),
        agreement=plain(tables["agreement"]),
        differing=int(tables["labelled"]["differ"].sum()),
        all_labelled=len(tables["labelled"]),
        wrong=len(predictions.mistakes(report.test.predictions)),
        classes=CLASSES,
        published_images=PUBLISHED_IMAGES,
        style=Markup(style),
        script=Markup(script),
        checksum=Markup(checksum),  # of the only script that the page lets run
        **images(report),
    )


COLUMNS = 32


class Mosaic:
    """Square images of the same size in rows of 32, without duplicates."""

    def __init__(self, side: int) -> None:
        """Take the side of an image in pixels."""
        self.side = side
        self._places: dict[bytes, int] = {}

    def add(self, image: NDArray[np.uint8]) -> int:
        """Add an image, side x side x 3, and return its place, counted by rows from 0."""
        return self._places.setdefault(image.tobytes(), len(self._places))

    @property
    def rows(self) -> int:
        """Return the number of rows, at least 1."""
        return max(math.ceil(len(self._places) / COLUMNS), 1)

    def uri(self, **options: bool | int) -> str:
        """Return the mosaic as a `data:` URL of a WebP, with Pillow's options for it."""
        whole = np.zeros((self.rows, self.side, COLUMNS, self.side, 3), np.uint8)
        for image, place in self._places.items():
            row, column = divmod(place, COLUMNS)
            whole[row, :, column] = np.frombuffer(image, np.uint8).reshape(self.side, self.side, 3)
        pixels, file = whole.reshape(self.rows * self.side, COLUMNS * self.side, 3), io.BytesIO()
        Image.fromarray(pixels).save(file, "WEBP", **options)
        return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
