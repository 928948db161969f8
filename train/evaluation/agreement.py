"""The labelled images: what the annotators, the network and CIFAR-10 call them, side by side."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pandas as pd
from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

from data.common.errors import UserError
from data.common.files import NAMES, readable

LABELS = Path("annotate/out/labels/labels.csv")

# Who names a class, by column of the table, as a reader calls them.
VOICES = {"agreed": "annotators", "predicted": "model", "cifar10": "CIFAR-10"}

TEXTS = dict.fromkeys(("image", "class", "agreed", "cifar10"), str)


def read_table(path: Path, stage: str, **options: Any) -> pd.DataFrame:
    """Read a table that a stage wrote. Raises `UserError` if it is missing or no table."""
    try:
        with readable(path, 'make it with "dvc repro".'):
            table: pd.DataFrame = pd.read_csv(path, **options)
    except ValueError as error:
        raise UserError(
            f"{path}: not a table ({error})", f'make it anew with "dvc repro -fs {stage}".'
        ) from None
    return table


def read() -> pd.DataFrame:
    """Return a row for each image with a class: image, annotators, agreed, cifar10, split.

    `annotators` is what each of them said, as "cat / dog", `agreed` the majority's class, empty in a tie;
    `cifar10` is empty for images that are not of CIFAR-10; `split` says whether not all said the same.
    """
    labels = read_table(LABELS, "labels", dtype=TEXTS, **NAMES)
    if labels.empty:
        return pd.DataFrame(columns=["image", "annotators", "agreed", "cifar10", "split"], dtype=str)
    said = labels.groupby("image").agg(
        annotators=("class", lambda classes: " / ".join(classes.dropna())),
        agreed=("agreed", "first"),
        cifar10=("cifar10", "first"),
        split=("class", lambda classes: classes.nunique() > 1),
    )
    return said[said["annotators"] != ""].reset_index()


def beside(labels: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Put the network's answers (image, predicted, confidence) beside the labels, and whether all agree."""
    table = labels.merge(answers, on="image")
    voices = table[list(VOICES)]
    split = table.pop("split").astype(bool)
    table["differ"] = (voices.nunique(axis=1) > 1) | table["agreed"].isna() | split
    return table


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Return how well each two of annotators, model and CIFAR-10 agree, a row a pair.

    Cohen's kappa is 0 for agreement by chance and 1 for complete one; it is empty where all images are of
    one class, since there chance cannot be told from knowledge (Cohen 1960).
    """
    rows = []
    for first, second in itertools.combinations(VOICES, 2):
        both = table[[first, second]].dropna()
        if both.empty:
            continue
        one_class = len(set(both[first]) | set(both[second])) == 1
        kappa = None if one_class else round(float(cohen_kappa_score(both[first], both[second])), 4)
        same = int((both[first] == both[second]).sum())
        pair = f"{VOICES[first]} and {VOICES[second]}"
        rows.append({"pair": pair, "images": len(both), "same": same, "kappa": kappa})
    return pd.DataFrame(rows, columns=["pair", "images", "same", "kappa"])
