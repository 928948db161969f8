"""The report as one page, train/out/report/index.html, from its template train/page/page.html.

The page holds all that it shows, images too, and asks nobody for anything: it opens from disk.
"""

from __future__ import annotations

import base64
import hashlib
import math
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from data.datasets.dataset import CLASSES, SIDE
from train.evaluation import gradcam
from train.evaluation.results import SHOWN, About, Findings
from train.page import figures
from train.page.mosaic import COLUMNS, Mosaic

TEMPLATE = Path(__file__).parent
CELL = 24  # images at most for a cell of the confusion matrix: the page of 10,000 images stays small
LISTED = 1000  # labelled images at most, those first on which somebody differs
PUBLISHED_PICTURES = 10_000  # that the published run was tested on
MAPS = 80  # quality of the images with maps over them, of 100


class Gallery:
    """Dataset of the page, each with what there is to say about it."""

    def __init__(self, images: NDArray[np.uint8], top: pd.DataFrame) -> None:
        """Take the images that may be chosen, N x S x S x 3, and `Findings.top` of them."""
        self.mosaic = Mosaic(images.shape[1])
        self.records: list[dict[str, Any]] = []
        self._images, self._top = images, top.to_dict("records")
        self._numbers: dict[int, int] = {}

    def record(self, row: int) -> dict[str, Any]:
        """Return the image of a row: its place in the mosaic, name, actual class and likeliest classes.

        Of a class there are its name, its probability, and that as it is read.
        """
        about = self._top[row]
        ranks = range(1, sum(str(name).startswith("class_") for name in about) + 1)
        pairs = [(about[f"class_{rank}"], about[f"probability_{rank}"]) for rank in ranks]
        return {
            "place": self.mosaic.add(self._images[row]),
            "name": about["image"],
            "actual": about["actual"],
            "top": [(name, share, percent(share, 0)) for name, share in pairs],
        }

    def number(self, row: int) -> int:
        """Return the position among `records` of a row's image, which is taken in if it is new."""
        if row not in self._numbers:
            self._numbers[row] = len(self.records)
            self.records.append(self.record(row))
        return self._numbers[row]


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share of 1 as people read it; a dash where there is none, as a precision without answers."""
    if share is None or math.isnan(share):
        return "-"
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def interval(accuracy: float, images: int) -> str:
    """Return the 95 % confidence interval of an accuracy on so many images (Wilson 1927)."""
    low, high = stats.binomtest(round(accuracy * images), images).proportion_ci(method="wilson")
    return f"{percent(low)} to {percent(high)}"


def headline(found: Findings, published: pd.DataFrame) -> list[tuple[str, str, str]]:
    """Return name, this run's value and the published one's of each number to begin with."""
    last, about, metrics = published.iloc[-1], found.about, found.metrics
    ours = metrics["accuracy"], metrics["images"]
    theirs = float(last["val_accuracy"]), PUBLISHED_PICTURES
    best = percent(about.curves["val_accuracy"].max(), 2) if about.watch_test else "not looked for"
    accuracy = [f"{percent(share, 2)} of {images:,}" for share, images in (ours, theirs)]
    return [
        ("accuracy after the last epoch", accuracy[0], accuracy[1]),
        ("95 % confidence interval", interval(*ours), interval(*theirs)),
        ("best of all epochs on the test images", best, percent(published["val_accuracy"].max(), 2)),
        ("loss", f"{metrics['loss']:.3f}", f"{last['val_loss']:.3f}"),
        (f"{SIDE}-px-equivalent epochs", f"{about.equivalent_epochs:g}", f"{len(published)}"),
        ("expected calibration error", percent(metrics["calibration_error"]), "unknown"),
    ]


def length(about: About) -> str:
    """Return how long a run was and how much work that is; of a whole one also the sizes of its images."""
    worth = f"{about.equivalent_epochs:g} epochs at {SIDE} x {SIDE}"
    if about.cut_short:
        return f"a trial, cut short after {about.cut_short:,} steps, the work of {worth}"
    *smaller, largest = (f"{size} x {size}" for size in sorted(set(about.curves["size"])))
    if (smaller, largest) == ([], f"{SIDE} x {SIDE}"):
        return f"{about.epochs} epochs"
    sizes = f"{', '.join(smaller)} and {largest}" if smaller else largest
    return f"{about.epochs} epochs on images of {sizes} pixels; their work is that of {worth}"


def confusion(found: Findings, gallery: Gallery) -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    """Return the matrix's cells by rows, and what each opens: its title, count and numbers of images."""
    order = found.result.table.sort_values(["confidence", "image"], ascending=[False, True])
    groups = order.groupby(["actual", "predicted"], sort=False).groups
    totals = found.confusion.sum(axis=1).clip(lower=1)
    matrix: list[list[dict[str, Any]]] = []
    opened: dict[str, Any] = {}
    for row, actual in enumerate(CLASSES):
        matrix.append([])
        for column, predicted in enumerate(CLASSES):
            rows = list(groups.get((actual, predicted), []))
            key, text = f"{row}-{column}", _confused(len(rows), actual, predicted)
            share = len(rows) / int(totals[actual])
            matrix[-1].append({"key": key, "count": len(rows), "share": share, "text": text})
            if rows:
                numbers = [gallery.number(int(one)) for one in rows[:CELL]]
                opened[key] = {"title": text, "count": len(rows), "images": numbers}
    return matrix, opened


def _confused(count: int, actual: str, predicted: str) -> str:
    images = "image" if count == 1 else "images"
    said = "recognised" if actual == predicted else f"taken for {predicted}"
    return f"{count:,} {images} of {actual}, {said}"


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows, with None for what is empty."""
    filled = table.astype(object).where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in filled.to_dict("records")]


def labelled(found: Findings, gallery: Gallery) -> list[dict[str, Any]]:
    """Return the labelled images with their places in the mosaic, those first on which somebody differs."""
    images = dict(zip(found.tasks.answers.names, found.tasks.images, strict=True))
    rows = plain(found.labelled.sort_values(["differ", "image"], ascending=[False, True]))
    return [row | {"place": gallery.mosaic.add(images[row["image"]])} for row in rows[:LISTED]]


def mistakes(found: Findings, gallery: Gallery) -> tuple[list[dict[str, Any]], Mosaic]:
    """Return the most confident mistakes, each with the places of its maps in a mosaic of their own.

    The first map is of the class that was named, the second of the actual one.
    """
    records, mosaic = [gallery.record(row) for row in found.wrong[:SHOWN]], Mosaic(gradcam.SIDE)
    for record, pair in zip(records, found.maps, strict=True):
        record["maps"] = [mosaic.add(each) for each in pair]
    return records, mosaic


def curves(found: Findings) -> Figure:
    """Draw the run's way to its result, beside the published one."""
    return figures.curves(found.about.curves, found.about.watch_test, found.result.score)


def drawn(found: Findings) -> dict[str, Markup]:
    """Return the page's figures."""
    about = "Loss, accuracy, learning rate and momentum by epoch, of this run and of the published one"
    bars = "Accuracy by confidence, and the number of images in each range of confidence"
    return {
        "curves": Markup(figures.svg(curves(found), "curves", about)),
        "reliability": Markup(figures.svg(figures.reliability(found.reliability), "bars", bars)),
    }


def images(found: Findings) -> dict[str, Any]:
    """Return the images of the page, and what is said of each."""
    gallery = Gallery(found.test.images, found.top)
    matrix, cells = confusion(found, gallery)
    mistaken, maps = mistakes(found, gallery)
    return {
        "confusion": matrix,
        "mistakes": mistaken,
        "uncertain": [gallery.record(row) for row in found.unsure],
        "labelled": labelled(found, gallery),
        "data": {"cells": cells, "images": gallery.records, "columns": COLUMNS},
        "sheet": {"uri": gallery.mosaic.uri(), "rows": gallery.mosaic.rows},
        "maps": {"uri": maps.uri(MAPS), "rows": maps.rows},
        "columns": COLUMNS,
    }


def code() -> dict[str, Markup]:
    """Return style and script, and the script's checksum: the page lets no other one run."""
    style, script = ((TEMPLATE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return {"style": Markup(style), "script": Markup(script), "allowed": Markup(f"'sha256-{checksum}'")}


def render(found: Findings) -> str:
    """Return the page; names of files and classes cannot bring in markup, since all values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": percent, "number": lambda value: f"{value:,}"}
    return environment.get_template("page.html").render(
        about=found.about,
        metrics=found.metrics,
        depth=found.model.network.depth,
        length=length(found.about),
        headline=headline(found, pd.read_csv(figures.PUBLISHED)),
        by_class=plain(found.classes),
        agreement=plain(found.agreement),
        differing=int(found.labelled["differ"].sum()),
        all_labelled=len(found.labelled),
        wrong=len(found.wrong),
        classes=CLASSES,
        published_images=PUBLISHED_PICTURES,
        **drawn(found),
        **images(found),
        **code(),
    )
