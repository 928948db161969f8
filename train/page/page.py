"""The report as one page, train/out/report/index.html, from its template train/page/page.html.

The page holds all that it shows, images too, and loads nothing: it opens from disk.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from scipy import stats

from data.datasets.dataset import CLASSES, SIDE
from train.core.inference import Score
from train.evaluation import gradcam
from train.evaluation.predictions import by_confidence
from train.evaluation.results import SIDES, TOP, Evaluation
from train.page import figures
from train.page.contents import Report
from train.page.mosaic import COLUMNS, Mosaic

TEMPLATE = Path(__file__).parent
CELL = 24  # images at most for a cell of the confusion matrix: the page of 10,000 images stays small
LISTED = 1000  # labelled images at most, those first on which labels and predictions differ
PUBLISHED_IMAGES = 10_000  # that the published run was tested on
OVERLAY_QUALITY = 80  # of the WebP with Grad-CAM, of 100


class Gallery:
    """The test images that the page shows, each with its actual class and the likeliest ones."""

    def __init__(self, test: Evaluation) -> None:
        """Take the images to choose from."""
        self.mosaic = Mosaic(test.images.shape[1])
        self._images, self._predictions = test.images, test.predictions.to_dict("records")

    def record(self, row: int) -> dict[str, Any]:
        """Return place in the mosaic, name and actual class of an image, and its likeliest classes.

        `top` has the name of a class, its probability, and that as text.
        """
        prediction = self._predictions[row]
        endings = ("", *(f"_{rank}" for rank in range(2, TOP + 1)))
        pairs = [(prediction[f"predicted{end}"], prediction[f"confidence{end}"]) for end in endings]
        return {
            "place": self.mosaic.add(self._images[row]),
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


def confusion(report: Report, gallery: Gallery) -> dict[str, dict[str, Any]]:
    """Return the cells of the confusion matrix that are not empty, by `actual/predicted`."""
    predictions = by_confidence(report.test.predictions)
    totals, cells = predictions["actual"].value_counts().to_dict(), {}
    for (actual, predicted), rows in predictions.groupby(["actual", "predicted"]):
        count = len(rows)
        cells[f"{actual}/{predicted}"] = {
            "title": f"{count:,} image{'s' * (count != 1)} of {actual}, predicted {predicted}",
            "count": count,
            "share": count / totals[actual],
            "images": [gallery.record(row) for row in rows.index[:CELL]],
        }
    return cells


def plain(table: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Return a table's rows, with None for an empty cell."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def labelled(report: Report, gallery: Gallery) -> list[dict[Hashable, Any]]:
    """Return the labelled images with their places in the mosaic, those that differ first."""
    images, table = report.labelled.images, report.tables["labelled"]
    rows = plain(table.sort_values(["differ", "image"], ascending=[False, True]))[:LISTED]
    return [row | {"place": gallery.mosaic.add(images[row["image"]])} for row in rows]


def mistakes(report: Report, gallery: Gallery) -> tuple[list[dict[str, Any]], Mosaic]:
    """Return the most confident mistakes, and a mosaic with Grad-CAM of predicted and actual class."""
    records = [gallery.record(row) for row in report.tables["mistakes"].index]
    mosaic = Mosaic(gradcam.SIDE)
    pairs = zip(*(report.test.overlays[side] for side in SIDES), strict=True)
    for record, pair in zip(records, pairs, strict=True):
        record["overlays"] = [mosaic.add(overlay) for overlay in pair]
    return records, mosaic


def curves(report: Report) -> Figure:
    """Draw the curves of the run beside those of the published one."""
    metrics = report.test.metrics
    return figures.curves(
        report.run.curves, report.run.watch_test, Score(metrics["loss"], metrics["accuracy"])
    )


def plots(report: Report) -> dict[str, Markup]:
    """Return the page's figures."""
    epochs = "Loss, accuracy, learning rate and momentum by epoch, of this run and of the published one"
    bars = "Accuracy by confidence, and the number of images in each range of confidence"
    return {
        "curves": Markup(figures.svg(curves(report), "curves", epochs)),
        "reliability": Markup(figures.svg(figures.reliability(report.tables["reliability"]), "bars", bars)),
    }


def images(report: Report) -> dict[str, Any]:
    """Return the images of the page with their texts."""
    gallery = Gallery(report.test)
    wrong, overlays = mistakes(report, gallery)
    return {
        "cells": confusion(report, gallery),
        "mistakes": wrong,
        "uncertain": [gallery.record(row) for row in report.tables["uncertain"].index],
        "labelled": labelled(report, gallery),
        "mosaic": {"uri": gallery.mosaic.uri(), "rows": gallery.mosaic.rows},
        "overlays": {"uri": overlays.uri(OVERLAY_QUALITY), "rows": overlays.rows},
        "columns": COLUMNS,
    }


def code() -> dict[str, Markup]:
    """Return style, script and the script's checksum: the page lets no other script run."""
    style, script = ((TEMPLATE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(style), "script": Markup(script), "allowed": Markup(f"'sha256-{checksum}'")}


def render(report: Report) -> str:
    """Return the page. All values are escaped: names of files and classes cannot bring in markup."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    tables, predictions = report.tables, report.test.predictions
    environment.filters |= {"percent": percent, "number": lambda value: f"{value:,}"}
    return environment.get_template("page.html").render(
        run=report.run,
        metrics=report.test.metrics,
        depth=report.depth,
        headline=headline(report, pd.read_csv(figures.PUBLISHED)),
        by_class=plain(tables["classes"]),
        agreement=plain(tables["agreement"]),
        differing=int(tables["labelled"]["differ"].sum()),
        all_labelled=len(tables["labelled"]),
        wrong=int((predictions["actual"] != predictions["predicted"]).sum()),
        classes=CLASSES,
        published_images=PUBLISHED_IMAGES,
        **plots(report),
        **images(report),
        **code(),
    )
