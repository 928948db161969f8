"""The labelled images: what the annotators, the model and CIFAR-10 call them, side by side."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data.agreement import kappa
from train.evaluation.inputs import read_table
from train.evaluation.results import Images

LABELS = Path("annotate/out/labels/labels.csv")

# Columns that hold a class, with the name of who gave it.
SOURCES = {"agreed": "annotators", "predicted": "model", "cifar10": "CIFAR-10"}


@dataclass(frozen=True)
class Labelled:
    """The labelled images with labels and predictions."""

    images: dict[str, Images]  # all that were to be labelled, by name, 32 x 32 x 3
    table: pd.DataFrame  # annotators, model and CIFAR-10 side by side; no rows without labels
    compared: pd.DataFrame  # predictions with the label that the annotators agree on as `actual`
    metrics: dict[str, Any]


def read_labels() -> pd.DataFrame:
    """Return a row for each image with a class: image, annotators, agreed, cifar10, split.

    `annotators` lists the classes that they gave, as "cat / dog"; `agreed` is the majority's, empty in a
    tie; `cifar10` is empty for images that are not of CIFAR-10; `split`: not all annotators agree.
    """
    labels = read_table(LABELS, "labels", ("image", "class", "agreed", "cifar10"))
    if labels.empty:
        return pd.DataFrame(columns=["image", "annotators", "agreed", "cifar10", "split"], dtype=str)
    table = labels.groupby("image").agg(
        annotators=("class", lambda classes: " / ".join(classes.dropna())),
        agreed=("agreed", "first"),
        cifar10=("cifar10", "first"),
        split=("class", lambda classes: classes.nunique() > 1),
    )
    return table[table["annotators"] != ""].reset_index()


def side_by_side(labels: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    """Add predicted, confidence and differ: whether annotators, model and CIFAR-10 disagree."""
    table = labels.merge(predicted[["image", "predicted", "confidence"]], on="image")
    classes = table[list(SOURCES)]
    split = table.pop("split").astype(bool)
    table["differ"] = (classes.nunique(axis=1) > 1) | table["agreed"].isna() | split
    return table


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Return how well each two of annotators, model and CIFAR-10 agree: pair, images, same, kappa."""
    rows = []
    for first, second in itertools.combinations(SOURCES, 2):
        both = table[[first, second]].dropna()
        if len(both):
            same = int((both[first] == both[second]).sum())
            value = kappa(both[first].tolist(), both[second].tolist())
            rounded = None if value is None else round(value, 4)
            rows.append((f"{SOURCES[first]} and {SOURCES[second]}", len(both), same, rounded))
    return pd.DataFrame(rows, columns=["pair", "images", "same", "kappa"])
