"""Figures of a run, as PNG and as SVG for a page."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from data.common.files import write_bytes
from data.datasets.dataset import CLASSES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from train.core.model import Score
    from train.evaluation.results import Images

PUBLISHED = Path("train/reference/published.csv")

OURS, GREY = "#1f6feb", "#8c959f"


def curves(ours: pd.DataFrame, watch_test: bool = False, tested: Score | None = None) -> Figure:
    """Draw loss, accuracy and learning rate by epoch, with the published log in grey.

    Watched are the test images, as in the published log, or those held out for validation. `tested` is the
    test after the last epoch, drawn as a diamond.
    """
    published = pd.read_csv(PUBLISHED)
    figure = Figure(figsize=(12, 3.6), layout="constrained")
    loss, accuracy, rate = figure.subplots(1, 3)
    for table, colour, name, test in (
        (published, GREY, "published", True),
        (ours, OURS, "this run", watch_test),
    ):
        labels = f"{name}: train", f"{name}: {'test' if test else 'validation'}"
        for axes, column in ((loss, "loss"), (accuracy, "accuracy")):
            _plot(axes, table, column, "--", colour, labels[0])
            _plot(axes, table, f"val_{column}", "-", colour, labels[1])
        _plot(rate, table, "lr", "-", colour, f"{name}: learning rate")
        _plot(rate, table, "momentum", ":", colour, f"{name}: momentum")
    if tested:
        name = f"this run: test, {tested.accuracy:.2%} after the last epoch"
        for axes, value in ((loss, tested.loss), (accuracy, tested.accuracy)):
            axes.plot(ours["epoch"].iloc[-1:], [value], "D", color=OURS, label=name, zorder=3)
    loss.set(title="Loss", xlabel="epoch", ylim=(0, 2.6))
    accuracy.set(title="Accuracy", xlabel="epoch", ylim=(0, 1))
    rate.set(title="Learning rate (momentum dotted)", xlabel="epoch", ylim=(0, None))
    _open_axes(loss, accuracy, rate)
    # Below the axes: within, the legend would cover curves.
    figure.legend(*accuracy.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def _plot(axes: Axes, table: pd.DataFrame, column: str, style: str, colour: str, label: str) -> None:
    """Draw a column by epoch, unless it is empty; with markers where a run of one epoch has no line."""
    if table[column].notna().any():
        marker = "." if len(table) <= 15 else ""
        axes.plot(table["epoch"], table[column], style, color=colour, marker=marker, label=label)


def _open_axes(*all_axes: Axes, grid: bool = True) -> None:
    """Draw axes without a frame at the top and on the right."""
    for axes in all_axes:
        if grid:
            axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)


def confusion(counts: pd.DataFrame) -> Figure:
    """Draw the number of images by actual (rows) and predicted class (columns), shaded by its share."""
    share = counts.div(counts.sum(axis=1).clip(lower=1), axis=0)
    figure = Figure(figsize=(7, 6.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share.to_numpy(), cmap="Blues", vmin=0, vmax=1)
    ticks = range(len(CLASSES))
    axes.set_xticks(ticks, CLASSES, rotation=45, ha="right")
    axes.set_yticks(ticks, CLASSES)
    axes.set(title="Confusion matrix: number of test images", xlabel="predicted", ylabel="actual")
    for (row, column), number in np.ndenumerate(counts.to_numpy()):
        if number:
            colour = "white" if share.to_numpy()[row, column] > 0.5 else "black"
            axes.text(column, row, str(number), ha="center", va="center", color=colour, fontsize=9)
    return figure


def reliability(table: pd.DataFrame) -> Figure:
    """Draw the accuracy in each range of confidence, and how many images are in it."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    accuracy, number = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    middle = (table["from"] + table["to"]) / 2
    width = float(table["to"].iloc[0] - table["from"].iloc[0]) * 0.92
    accuracy.bar(middle, table["accuracy"].fillna(0), width, color=OURS, label="accuracy")
    accuracy.plot([0, 1], [0, 1], "--", color=GREY, label="perfectly calibrated")
    accuracy.set(title="Reliability", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    number.bar(middle, table["images"], width, color=GREY)
    number.set(xlabel="confidence", ylabel="images")
    accuracy.legend(loc="upper left", frameon=False)
    _open_axes(accuracy, number, grid=False)
    return figure


def mistakes(table: pd.DataFrame, images: Images, overlays: Images) -> Figure:
    """Draw the most confident mistakes, each with its overlay: Grad-CAM of the predicted class."""
    figure = Figure(figsize=(12, 5.95), layout="constrained")
    figure.suptitle("The most confident mistakes: actual class, and Grad-CAM of the predicted one")
    axes = figure.subplots(3, 8).reshape(-1, 2)  # image and overlay
    for each in axes.flat:
        each.axis("off")
    wrong = images[table.index.to_numpy(np.int64)]
    for pair, mistake, image, overlay in zip(axes, table.itertuples(), wrong, overlays, strict=False):
        pair[0].imshow(image)
        pair[0].set_title(f"actual: {mistake.actual}", fontsize=8)
        pair[1].imshow(overlay)
        pair[1].set_title(f"{mistake.predicted} ({mistake.confidence:.0%})", fontsize=8)
    return figure


def lr_finder(curve: pd.DataFrame, suggested: float | None) -> Figure:
    """Draw accuracy and loss on the batches by learning rate, with the suggested maximum if there is one."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, column in zip(figure.subplots(1, 2), ("accuracy", "loss"), strict=True):
        axes.plot(curve["lr"], curve[column], ".", color=GREY, markersize=2, label="each step")
        axes.plot(curve["lr"], curve[f"smooth_{column}"], color=OURS, label="mean of the steps around")
        if suggested is not None:
            label = f"best at {suggested:.3g}"
            axes.axvline(suggested, color="black", linewidth=1, linestyle=":", label=label)
        axes.set(title=f"{column.capitalize()} on the batches", xlabel="learning rate")
    _open_axes(*figure.axes)
    figure.axes[0].set_ylim(0, 1)
    figure.axes[1].set_ylim(0, min(4.0, float(curve["loss"].max()) * 1.05))
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False
    )
    return figure


# Colours of a figure, and the page's own for them, light or dark.
VARIABLES = {
    OURS: "var(--ours)",
    GREY: "var(--grey)",
    "#b0b0b0": "var(--line)",
    "#000000": "var(--ink)",
    "#cccccc": "var(--line)",
    "#ffffff": "none",
}


def svg(figure: Figure, name: str, description: str) -> str:
    """Return a figure as an element of a page, in the page's colours and font.

    `name` makes its ids unique in the page; `description` is for screen readers.
    """
    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    markup = file.getvalue()
    markup = markup[markup.index("<svg") :]
    markup = re.sub(r"#[0-9a-f]{6}\b", lambda colour: VARIABLES.get(colour[0], colour[0]), markup)
    markup = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", markup)
    markup = re.sub(r' (width|height)="[\d.]+pt"', "", markup, count=2)
    return markup.replace("<svg", f'<svg role="img" aria-label="{html.escape(description)}"', 1)


def write(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, without matplotlib's release in it: the same figure gives the same bytes."""
    png = io.BytesIO()
    figure.savefig(png, dpi=110, metadata={"Software": None})
    write_bytes(path, png.getvalue())
