"""Pictures of a run: the curves beside the published ones, and the confusion matrix."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.files import write_bytes
from data.pictures import CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PUBLISHED = Path("train/published.csv")

OURS, GREY = "#1f6feb", "#8c959f"


def curves(ours: pd.DataFrame) -> Figure:
    """Draw loss, accuracy and learning rate by epoch, with the published log in grey behind."""
    published = pd.read_csv(PUBLISHED)
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    for table, colour, name in ((published, GREY, "published"), (ours, OURS, "this run")):
        _pair(loss, table, "loss", colour, name)
        _pair(accuracy, table, "accuracy", colour, name)
        marker = _marker(table)
        rate.plot(table["epoch"], table["lr"], color=colour, marker=marker, label=f"{name}: learning rate")
        rate.plot(
            table["epoch"], table["momentum"], ":", color=colour, marker=marker, label=f"{name}: momentum"
        )
    loss.set(title="Loss", xlabel="epoch", ylim=(0, 2.6))
    accuracy.set(title="Accuracy", xlabel="epoch", ylim=(0, 1))
    rate.set(title="Learning rate (momentum dotted)", xlabel="epoch", ylim=(0, None))
    for axes in (loss, accuracy, rate):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    # One legend below all: within the axes it would cover curves, and its marks would look like points.
    figure.legend(*accuracy.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return figure


def _pair(axes: Axes, table: pd.DataFrame, column: str, colour: str, name: str) -> None:
    """Draw a value on the train pictures (dashed) and, where others are watched, on those (solid)."""
    marker = _marker(table)
    train = f"{name}: train"
    axes.plot(
        table["epoch"], table[column], "--", color=colour, alpha=0.7, marker=marker and ".", label=train
    )
    if table[f"val_{column}"].notna().any():
        axes.plot(
            table["epoch"], table[f"val_{column}"], color=colour, marker=marker, label=f"{name}: validation"
        )


def _marker(table: pd.DataFrame) -> str:
    """Mark single epochs where there are few, so that a run of one epoch can be seen."""
    return "o" if len(table) <= 15 else ""


def confusion(counts: pd.DataFrame) -> Figure:
    """Draw how often each class (rows) was taken for each (columns), coloured by the share of its row."""
    share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    figure = Figure(figsize=(7, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share.to_numpy(), cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(CLASSES))
    axes.set_xticks(ticks, CLASSES, rotation=45, ha="right")
    axes.set_yticks(ticks, CLASSES)
    axes.set(title="Confusion matrix: number of test pictures", xlabel="predicted", ylabel="actual")
    for (row, column), number in np.ndenumerate(counts.to_numpy()):
        if number:
            colour = "white" if share.to_numpy()[row, column] > 0.5 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=9)
    return figure


def range_test(curve: pd.DataFrame, suggested: float) -> Figure:
    """Draw accuracy and loss on the batches by learning rate, with the suggested maximum."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(curve["lr"], curve[column], ".", color=GREY, markersize=2, label="each step")
        axes.plot(curve["lr"], curve[f"smooth_{column}"], color=OURS, label="mean of the steps around")
        axes.axvline(suggested, color="black", linewidth=1, linestyle=":", label=f"best at {suggested:.2f}")
        axes.set(title=f"{column.capitalize()} on the batches", xlabel="learning rate")
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylim(0, 1)
    figure.axes[1].set_ylim(0, min(4.0, float(curve["loss"].max()) * 1.05))
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


def write(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, without the release of matplotlib in it: the same figure is the same bytes."""
    png = io.BytesIO()
    figure.savefig(png, dpi=110, metadata={"Software": None})
    write_bytes(path, png.getvalue())
