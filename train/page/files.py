"""The folder train/out/report/: the results of a run as tables, images and a page.

| file | content |
| --- | --- |
| index.html | the page, which shows all of it |
| confusion.csv, confusion.png | number of test images by actual (rows) and predicted class (columns) |
| classes.csv | recall, precision, F1 and the most frequent confusion of each class |
| reliability.csv, reliability.png | accuracy by confidence |
| mistakes.csv, mistakes.png | the most confident mistakes with their three likeliest classes, and Grad-CAM |
| uncertain.csv | the least certain images |
| curves.png | loss, accuracy, learning rate and momentum by epoch |
| labelled.csv, labelled_confusion.csv, agreement.csv | annotators, model and CIFAR-10 side by side |

The prediction for every test image is in train/out/test/predictions.csv.
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from data.common.files import write_csv, write_text
from train.page import figures, page
from train.page.contents import Report

FOLDER = Path("train/out/report")
DRAWN = 12  # mistakes in the PNG, which a pull request shows


def write(folder: Path, report: Report) -> None:
    """Write all files into the folder."""
    for name, table in report.tables.items():
        write_csv(folder / f"{name}.csv", table.reset_index() if table.index.name else table)
    for name, figure in plots(report).items():
        figures.write(folder / f"{name}.png", figure)
    write_text(folder / "index.html", page.render(report))


def plots(report: Report) -> dict[str, Figure]:
    """Return the figures by name."""
    return {
        "curves": page.curves(report),
        "confusion": figures.confusion(report.tables["confusion"]),
        "reliability": figures.reliability(report.tables["reliability"]),
        "mistakes": mistakes(report),
    }


def mistakes(report: Report) -> Figure:
    """Draw the most confident mistakes, each with Grad-CAM of the predicted class."""
    cells = []
    wrong, overlays = report.tables["mistakes"][:DRAWN], report.test.overlays["predicted"][:DRAWN]
    for row, mistake, overlay in zip(wrong.index.tolist(), wrong.itertuples(), overlays, strict=True):
        cells.append((report.test.images[row], f"actual: {mistake.actual}"))
        cells.append((overlay, f"{mistake.predicted} ({mistake.confidence:.0%})"))
    return figures.gallery(
        cells, 8, "The most confident mistakes: actual class, and Grad-CAM of the predicted one"
    )
