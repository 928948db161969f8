"""What a report shows: the run, its test and the labelled images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from data import params
from data.datasets import dataset
from data.datasets.dataset import SIDE
from train.evaluation.calibration import reliability
from train.evaluation.inputs import read_metrics, read_table
from train.evaluation.predictions import by_class, confusion, mistakes
from train.evaluation.results import SHOWN, TEST, Evaluation
from train.page.labelled import Labelled, agreement

METRICS = Path("train/metrics.json")
CURVES = Path("train/out/plots/curves.csv")
LABEL_METRICS = Path("annotate/metrics.json")


@dataclass(frozen=True)
class RunInfo:
    """What parameters and metrics say about a run."""

    recipe: str
    watch_test: bool  # the test images were evaluated each epoch
    label_smoothing: float
    epochs: int
    stopped_after: int  # steps, of a trial that max_steps ended; 0: a whole run
    equivalent_epochs: float
    curves: pd.DataFrame
    images: int  # to be labelled
    labelled: int  # of them, with a class or with boxes

    @property
    def length(self) -> str:
        """Return how long the run was, in epochs and in those of 32 x 32 pixels with the same work."""
        work = f"{self.equivalent_epochs:g} {SIDE}-px-equivalent epochs"
        if self.stopped_after:
            return f"a trial, stopped after {self.stopped_after:,} steps, {work}"
        *smaller, largest = (f"{size} x {size}" for size in sorted(set(self.curves["size"])))
        if (smaller, largest) == ([], f"{SIDE} x {SIDE}"):
            return f"{self.epochs} epochs"
        sizes = f"{', '.join(smaller)} and {largest}" if smaller else largest
        return f"{self.epochs} epochs on images of {sizes} pixels, {work}"


@dataclass(frozen=True)
class Report:
    """All that the report shows."""

    run: RunInfo
    depth: int  # layers of the network
    test: Evaluation
    labelled: Labelled

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables of the report by name, those of test images with the rows of the predictions."""
        predictions, labelled = self.test.predictions, self.labelled
        tables = {
            "confusion": confusion(predictions),
            "classes": by_class(predictions),
            "reliability": reliability(predictions),
            "mistakes": mistakes(predictions)[:SHOWN],
            "uncertain": predictions.sort_values("margin", kind="stable")[:SHOWN],
            "labelled": labelled.table,
            "agreement": agreement(labelled.table),
        }
        if len(labelled.compared):
            tables["labelled_confusion"] = confusion(labelled.compared)
        return tables


def read_run_info() -> RunInfo:
    """Read what the parameters and other stages say. Raises `UserError` for a file that is wrong."""
    settings = params.load()
    dataset.check_source(settings.chosen.prepare.source, TEST)
    train = settings.chosen.train
    metrics = read_metrics(METRICS, "train", ("epochs", "steps", "equivalent_epochs"))
    labels = read_metrics(LABEL_METRICS, "labels", ("images", "labelled"))
    return RunInfo(
        recipe=settings.recipe,
        watch_test=train.watch_test,
        label_smoothing=train.label_smoothing,
        epochs=int(metrics["epochs"]),
        stopped_after=train.max_steps if metrics["steps"] == train.max_steps else 0,
        equivalent_epochs=metrics["equivalent_epochs"],
        curves=read_table(CURVES, "train"),
        images=int(labels["images"]),
        labelled=int(labels["labelled"]),
    )
