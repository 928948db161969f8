"""The folder train/out/report/: every answer, tables and images of what came out, and the page that shows them.

| file | what it holds |
| --- | --- |
| index.html | all of it, to be looked at |
| predictions.csv | a row a test image: image, actual, predicted, confidence |
| confusion.csv, confusion.png | how often each class (rows) was taken for each (columns) |
| classes.csv | recall, precision, F1 and the most frequent confusion of each class |
| reliability.csv, reliability.png | accuracy by confidence |
| mistakes.csv, mistakes.png | the most confident mistakes with their three likeliest classes, and Grad-CAM |
| uncertain.csv | the least certain images |
| curves.png | loss, accuracy, learning rate and momentum by epoch |
| labelled.csv, labelled_confusion.csv, agreement.csv | annotators, model and CIFAR-10 side by side |
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from data.common.files import write_csv, write_text
from train.evaluation.results import SHOWN, Findings
from train.page import figures, page

DRAWN = 12  # mistakes in the PNG, which a pull request shows


def write(folder: Path, found: Findings) -> None:
    """Write all files into the folder."""
    for name, table in tables(found).items():
        write_csv(folder / f"{name}.csv", table)
    for name, figure in images(found).items():
        figures.write(folder / f"{name}.png", figure)
    write_text(folder / "index.html", page.render(found))


def tables(found: Findings) -> dict[str, pd.DataFrame]:
    """Return the tables by name."""
    made = {
        "predictions": found.result.table,
        "confusion": found.confusion.reset_index(),
        "classes": found.classes,
        "reliability": found.reliability,
        "mistakes": found.top.iloc[found.wrong[:SHOWN]],
        "uncertain": found.top.iloc[found.unsure],
        "labelled": found.labelled,
        "agreement": found.agreement,
    }
    if found.labels:
        made["labelled_confusion"] = found.labels.confusion().reset_index()
    return made


def images(found: Findings) -> dict[str, Figure]:
    """Return the figures by name."""
    return {
        "curves": page.curves(found),
        "confusion": figures.confusion(found.confusion),
        "reliability": figures.reliability(found.reliability),
        "mistakes": mistakes(found),
    }


def mistakes(found: Findings) -> Figure:
    """Draw the most confident mistakes, each with what the network saw."""
    drawn = []
    for row, (predicted, _) in zip(found.wrong[:DRAWN], found.maps, strict=False):
        told = found.result.table.iloc[row]
        drawn.append((found.test.images[row], f"{told['actual']}, taken for"))
        drawn.append((predicted, f"{told['predicted']} ({told['confidence']:.0%})"))
    return figures.gallery(drawn, 8, "The most confident mistakes and where the network looked (Grad-CAM)")
