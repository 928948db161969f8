"""Stage `report`: the run as a page, with its mistakes and the labelled images.

    python -m train.report

Reads the run (params.yaml, train/metrics.json, train/out/plots/, train/reference/published.csv), its test
(train/test.json, train/out/test/, data/out/dataset/), the labels (annotate/out/images/, annotate/out/labels/,
annotate/metrics.json), and train/out/model.safetensors for predictions of the labelled images. Writes
train/labelled.json and train/out/report/:

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
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from data.common.cli import run
from data.common.errors import UserError
from data.common.files import atomic, write_csv, write_json, write_text
from data.common.progress import track
from data.datasets.dataset import CLASSES
from data.images import crop, decode
from train.core import model
from train.core.device import choose_device, keep_large_blocks
from train.core.model import Model, logits
from train.evaluation import predictions, results
from train.page import figures, page
from train.page.contents import Report, read_run_info
from train.page.labelled import Labelled, read_labels, side_by_side

IMAGES = Path("annotate/out/images")
LABELLED = Path("train/labelled.json")
FOLDER = Path("train/out/report")


def compare_labels(labels: pd.DataFrame, network: Model, device: torch.device) -> Labelled:
    """Put the model's predictions beside the labels. Raises `UserError` if there are no images to label."""
    paths = sorted(IMAGES.glob("*.png"))
    if not paths:
        raise UserError(f"{IMAGES}: no images to label", 'make them again with "dvc repro -fs sample".')
    with decode.decoding():
        images = np.stack([crop.read(path) for path in track(paths, "reading", len(paths), "images")])
    names = [path.stem for path in paths]
    outputs = logits(network, torch.from_numpy(images).to(device), "images to label")
    table = predictions.as_table(names, outputs)
    agreed = labels.dropna(subset="agreed").set_index("image")["agreed"]
    trained = agreed.isin(CLASSES)  # the others are classes of the user's own
    compared, metrics = predictions.with_actual(table, outputs, agreed[trained])
    return Labelled(
        images=dict(zip(names, images, strict=True)),
        table=side_by_side(labels, table),
        compared=compared,
        metrics=metrics | {"other_classes": int((~trained).sum())},
    )


def write(folder: Path, report: Report) -> None:
    """Write tables, figures and the page into the folder."""
    for name, table in report.tables.items():
        write_csv(folder / f"{name}.csv", table.reset_index() if table.index.name else table)
    wrong, overlays = report.tables["mistakes"], report.test.overlays["predicted"]
    plots = {
        "curves": page.curves(report),
        "confusion": figures.confusion(report.tables["confusion"]),
        "reliability": figures.reliability(report.tables["reliability"]),
        "mistakes": figures.mistakes(wrong, report.test.images, overlays),
    }
    for name, figure in plots.items():
        figures.write(folder / f"{name}.png", figure)
    write_text(folder / "index.html", page.render(report))


def main() -> None:
    """Write the report: train/out/report/ and train/labelled.json."""
    keep_large_blocks()
    device = choose_device()
    info, labels, test = read_run_info(), read_labels(), results.read()
    network = model.load(device)
    report = Report(info, network.network.depth, test, compare_labels(labels, network, device))
    with atomic(FOLDER) as folder:
        write(folder, report)
    write_json(LABELLED, report.labelled.metrics)
    print(
        f"\naccuracy  {test.metrics['accuracy']:.2%} of {len(test.images):,} test images"
        f" (loss {test.metrics['loss']:.4f})"
        f"\nlabelled  {info.labelled} of {info.images} images"
        "\nnext      open train/out/report/index.html"
        "\n          change params.yaml, then make repro and dvc metrics diff"
    )


if __name__ == "__main__":
    run(main)
