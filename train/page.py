"""The report as one page, train/report/index.html, from its template train/page/page.html.

The page holds all that it shows, pictures too, and asks nobody for anything: it opens from disk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray
from scipy import stats

from data.pictures import CLASSES
from train import figures
from train.mosaic import COLUMNS, Mosaic

TEMPLATE = Path(__file__).with_name("page")
CELL = 24  # pictures at most for a cell of the confusion matrix: the page of 10,000 pictures stays small
PUBLISHED_PICTURES = 10_000  # that the published run was tested on
MAPS = 80  # quality of the pictures with maps over them, of 100

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Shown:
    """Pictures and what the network answered: images N x 32 x 32 x 3, and N rows of the other two.

    `table` has picture, actual, predicted, confidence, `top` picture, class_1, probability_1 and so on.
    """

    images: Images
    table: pd.DataFrame
    top: pd.DataFrame


class Gallery:
    """Pictures of the page, each with what there is to say about it."""

    def __init__(self, shown: Shown) -> None:
        """Take the pictures that may be chosen."""
        self.mosaic = Mosaic(shown.images.shape[1])
        self._images, self._actual = shown.images, shown.table["actual"].tolist()
        self._top = shown.top.to_numpy().tolist()
        self.records: list[dict[str, Any]] = []
        self._numbers: dict[int, int] = {}

    def record(self, row: int) -> dict[str, Any]:
        """Return the picture of a row: its place in the mosaic, name, actual class and likeliest classes."""
        name, *top = self._top[row]
        pairs = [list(pair) for pair in zip(top[::2], top[1::2], strict=True)]
        place = self.mosaic.add(self._images[row])
        return {"place": place, "name": name, "actual": self._actual[row], "top": pairs}

    def number(self, row: int) -> int:
        """Return the position among `records` of a row's picture, which is taken in if it is new."""
        if row not in self._numbers:
            self._numbers[row] = len(self.records)
            self.records.append(self.record(row))
        return self._numbers[row]


def percent(share: float, digits: int = 1) -> str:
    """Return a share of 1 as people read it; a dash where there is none, as a precision without answers."""
    return (
        "-"
        if share is None or math.isnan(share)
        else f"{share:.{digits}%}".replace("%", "\N{NO-BREAK SPACE}%")
    )


def interval(accuracy: float, pictures: int) -> str:
    """Return the 95 % confidence interval of an accuracy on so many pictures (Wilson 1927)."""
    low, high = stats.binomtest(round(accuracy * pictures), pictures).proportion_ci(method="wilson")
    return f"{percent(low)} to {percent(high)}"


def headline(metrics: dict[str, Any], run: dict[str, Any], published: pd.DataFrame) -> list[list[str]]:
    """Return name, this run's value and the published one's of each number to begin with."""
    last, best = published.iloc[-1], published["val_accuracy"].max()
    ours = metrics["accuracy"], metrics["pictures"]
    theirs = float(last["val_accuracy"]), PUBLISHED_PICTURES
    return [
        ["accuracy after the last epoch", *(f"{percent(run[0], 2)} of {run[1]:,}" for run in (ours, theirs))],
        ["95 % confidence interval", interval(*ours), interval(*theirs)],
        ["best of all epochs on the test pictures", "not looked for", percent(best, 2)],
        ["loss", f"{metrics['loss']:.3f}", f"{last['val_loss']:.3f}"],
        ["epochs' worth of full-size pictures", f"{run['full_size_epochs']:g}", f"{len(published)}"],
        ["expected calibration error", percent(metrics["calibration_error"]), "unknown"],
    ]


def confusion(table: pd.DataFrame, gallery: Gallery) -> tuple[list[list[dict[str, Any]]], dict[str, Any]]:
    """Return the matrix's cells by rows, and what each opens: its title, count and numbers of pictures."""
    order = table.sort_values(["confidence", "picture"], ascending=[False, True])
    groups = order.groupby(["actual", "predicted"], sort=False).groups
    totals = table["actual"].value_counts()
    matrix, opened = [], {}
    for row, actual in enumerate(CLASSES):
        cells = []
        for column, predicted in enumerate(CLASSES):
            rows = list(groups.get((actual, predicted), []))
            text = _confused(len(rows), actual, predicted)
            share = len(rows) / max(int(totals.get(actual, 0)), 1)
            cells.append({"key": f"{row}-{column}", "count": len(rows), "share": share, "text": text})
            if rows:
                numbers = [gallery.number(int(one)) for one in rows[:CELL]]
                opened[f"{row}-{column}"] = {"title": text, "count": len(rows), "pictures": numbers}
        matrix.append(cells)
    return matrix, opened


def _confused(count: int, actual: str, predicted: str) -> str:
    pictures = "picture" if count == 1 else "pictures"
    said = "recognised" if actual == predicted else f"taken for {predicted}"
    return f"{count:,} {pictures} of {actual}, {said}"


def plain(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a table's rows, with None for what is empty."""
    filled = table.astype(object).where(table.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in filled.to_dict("records")]


def labelled(table: pd.DataFrame, images: dict[str, Images], gallery: Gallery) -> list[dict[str, Any]]:
    """Return the labelled pictures with their places in the mosaic, those first on which somebody differs."""
    rows = plain(table.sort_values(["differ", "picture"], ascending=[False, True]))
    return [row | {"place": gallery.mosaic.add(images[row["picture"]])} for row in rows]


def with_maps(records: list[dict[str, Any]], maps: Iterable[tuple[Images, Images]]) -> Mosaic:
    """Give each record the places of its two maps: for the class that was named and for the actual one."""
    mosaic = Mosaic(64)
    for record, pair in zip(records, maps, strict=True):
        record["maps"] = [mosaic.add(each) for each in pair]
    return mosaic


def drawn(curves: pd.DataFrame, reliability: pd.DataFrame) -> dict[str, str]:
    """Return the page's figures."""
    about = "Loss, accuracy, learning rate and momentum by epoch, of this run and of the published one"
    bars = "Accuracy by confidence, and the number of pictures in each range of confidence"
    return {
        "curves": figures.svg(figures.curves(curves), "curves", about),
        "reliability": figures.svg(figures.reliability(reliability), "reliability", bars),
    }


def sheet(mosaic: Mosaic, quality: int | None = None) -> dict[str, Any]:
    """Return what the template needs of a mosaic."""
    return {"uri": mosaic.uri(quality), "columns": COLUMNS, "rows": mosaic.rows}


def render(values: dict[str, Any]) -> str:
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
    parts = {kind: (TEMPLATE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js")}
    safe = {"style": Markup(parts["css"]), "script": Markup(parts["js"])}
    return environment.get_template("page.html").render(values | safe)
