"""The figure of a comparison: a forest plot of the differences to the baseline, and accuracy by epoch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from train.compare.comparison import Row
from train.compare.runs import Run
from train.compare.significance import CONFIDENCE, p_text, points
from train.page.figures import GREY

BASELINE = "#24292f"
LONGEST = 28  # characters of a run's name that fit beside the plot


def colours(number: int) -> list[str]:
    """Return a colour for each run: black for the baseline, then from blue to red."""
    shades = np.linspace(0.1, 0.9, number - 1)
    return [BASELINE, *(to_hex(colormaps["turbo"](shade)) for shade in shades)]


def draw(rows: Sequence[Row]) -> Figure:
    """Draw the runs, the baseline first."""
    figure = Figure(figsize=(13, 3.0 + 0.35 * len(rows)), layout="constrained")
    forest, curves = figure.subplots(1, 2, width_ratios=(1, 1.1))
    palette = colours(len(rows))
    for place, (row, colour) in enumerate(zip(rows, palette, strict=True)):
        _difference(forest, place, row, colour)
        _curve(curves, place, row.run, colour)
    forest.set_yticks(
        range(len(rows)), [_name(row.run) for row in rows], parse_math=False
    )  # a run called $x$
    for label, colour in zip(forest.get_yticklabels(), palette, strict=True):
        label.set_color(colour)
    ends = [100 * abs(end) for row in rows if row.difference for end in row.difference.interval()]
    bound = 1.1 * max([1.0, *ends])
    forest.axvline(0, color=GREY, linewidth=1, zorder=1)
    forest.set(title="Test accuracy against the baseline", xlim=(-bound, bound), ylim=(len(rows) - 0.5, -0.5))
    forest.set_xlabel(f"percentage points, {CONFIDENCE:.0%} interval")
    forest.tick_params(axis="y", length=0)
    forest.grid(alpha=0.3, axis="x")
    curves.set(title="Accuracy by epoch", xlabel="epoch", ylim=(0, None))
    curves.yaxis.set_major_formatter(PercentFormatter(1))
    curves.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [
        Line2D([], [], color=GREY, linestyle="--", linewidth=1, label="train"),
        Line2D([], [], color=GREY, linewidth=1.8, label=watched(rows)),
        Line2D([], [], color=GREY, linestyle="", marker="D", label="test, at the end"),
    ]
    curves.legend(handles=handles, loc="lower right", frameon=False)
    curves.grid(alpha=0.3)
    for axes in (forest, curves):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _name(run: Run) -> str:
    """Return a run's name, or its beginning, with recipe and commit in a second line."""
    name = run.name if len(run.name) <= LONGEST else f"{run.name[: LONGEST - 1]}…"
    return f"{name}\n{run.recipe} {run.commit}".rstrip()


def watched(rows: Sequence[Row]) -> str:
    """Return which images the runs evaluated each epoch: validation or, by watch_test, test images."""
    kinds = {"test" if row.run.parameters.get("watch_test") else "validation" for row in rows}
    return " or ".join(sorted(kinds, reverse=True)) + (", each epoch" if "test" in kinds else "")


def _difference(axes: Axes, place: int, row: Row, colour: str) -> None:
    """Draw a run's difference with its interval, and write accuracy and p beside it."""
    text, difference = f"{row.run.accuracy:.2%}", row.difference
    if difference and row.p is not None:
        low, high = (100 * bound for bound in difference.interval())
        axes.plot([low, high], [place, place], color=colour, linewidth=2.5, solid_capstyle="butt")
        axes.plot(100 * difference.accuracy, place, "o", color=colour, markersize=8)
        text += f"   {points(difference.accuracy)}   {p_text(row.p)}"
    else:
        axes.plot(0, place, "D", color=colour, markersize=7)
        text += "   baseline"
    axes.text(1.03, place, text, transform=axes.get_yaxis_transform(), va="center")


def _curve(axes: Axes, place: int, run: Run, colour: str) -> None:
    """Draw a run's accuracy on train and watched images, and on the test images after its last epoch."""
    epoch = run.curves["epoch"]
    marker = "." if len(epoch) <= 15 else ""  # a run of one epoch has no line
    axes.plot(epoch, run.curves["accuracy"], "--", color=colour, linewidth=1, alpha=0.7, marker=marker)
    axes.plot(epoch, run.curves["val_accuracy"], color=colour, linewidth=1.8, marker=marker)
    # Side by side: equally good runs would hide one another.
    end = epoch.iloc[-1] * (1.02 + 0.02 * place)
    axes.plot(end, run.accuracy, "D", color=colour, markersize=7, markeredgecolor="white", zorder=3)
