"""The picture of a comparison: accuracy by epoch, and a forest plot of the differences to the baseline."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib import colormaps
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from train.figures import GREY, OURS
from train.runs import Run
from train.significance import CONFIDENCE, Paired

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 28  # letters of a run's name that fit beside the plot


def colours(number: int) -> list[str]:
    """Return a colour for each run: grey for the baseline, then some that are easily told apart."""
    if number <= 10:
        rest = [OURS, *(to_hex(colour) for colour in colormaps["Dark2"].colors)]  # type: ignore[attr-defined]
        return [GREY, *rest[: number - 1]]
    return [GREY, *(to_hex(colormaps["turbo"](place / (number - 2))) for place in range(number - 1))]


def draw(rows: Sequence[tuple[Run, Paired | None]]) -> Figure:
    """Draw the runs, the baseline first, each with its difference to that, or None where it is not known."""
    figure = Figure(figsize=(12, 3.2 + 0.3 * len(rows)), layout="constrained")
    forest, curves = figure.subplots(1, 2, width_ratios=(1.15, 1))
    chosen = colours(len(rows))
    _forest(forest, rows, chosen)
    for (run, _), colour in zip(rows, chosen, strict=True):
        _curve(curves, run, colour)
    curves.set(title="Accuracy: train dashed, validation solid, test marked", xlabel="epoch", ylim=(0, 1))
    curves.yaxis.set_major_formatter(PercentFormatter(1))
    curves.grid(alpha=0.3)
    for axes in (forest, curves):
        axes.spines[["top", "right"]].set_visible(False)
    with warnings.catch_warnings():  # a letter without a glyph is drawn as a box; the table has the name
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.draw_without_rendering()
    return figure


def _forest(axes: Axes, rows: Sequence[tuple[Run, Paired | None]], chosen: Sequence[str]) -> None:
    """Draw a line a run: its name, its difference with the interval, and p."""
    axes.axvline(0, color=GREY, linewidth=1)
    for place, ((run, paired), colour) in enumerate(zip(rows, chosen, strict=True)):
        said = (
            f"{run.accuracy:.2%}, the baseline" if place == 0 else f"{run.accuracy:.2%}, difference not known"
        )
        if paired:
            low, high = (100 * bound for bound in paired.interval())
            middle = 100 * paired.difference
            axes.plot([low, high], [place, place], color=colour, linewidth=2)
            axes.plot(middle, place, "o", color=colour, markersize=7)
            said = f"{middle:+.2f}  (p = {paired.p:.2g})"
        elif place == 0:
            axes.plot(0, place, "D", color=colour, markersize=6)
        axes.text(1.02, place, said, transform=axes.get_yaxis_transform(), va="center")
    axes.set_yticks(range(len(rows)), [_label(run) for run, _ in rows], parse_math=False)
    for tick, colour in zip(axes.get_yticklabels(), chosen, strict=True):
        tick.set_color(colour)
        tick.set_fontweight("bold")
    axes.set_ylim(len(rows) - 0.5, -0.5)
    ends = [abs(end) for _, paired in rows if paired for end in paired.interval()]
    bound = max([1.0, *(100 * end for end in ends)])
    axes.set_xlim(-1.1 * bound, 1.1 * bound)
    axes.set(
        title="Test accuracy against the baseline",
        xlabel=f"percentage points, {CONFIDENCE:.0%} bootstrap interval",
    )
    axes.grid(alpha=0.3, axis="x")


def _label(run: Run) -> str:
    name = run.name if len(run.name) <= LONGEST else run.name[: LONGEST - 1] + "…"
    return f"{name}\n{run.recipe}" + (f", {run.commit}" if run.commit else "")


def _curve(axes: Axes, run: Run, colour: str) -> None:
    """Draw a run's accuracy on train and held-out pictures, and on the test pictures after its last epoch."""
    last = 0.0
    if run.curves is not None and len(run.curves):
        epoch = run.curves["epoch"]
        last = float(epoch.iloc[-1])
        axes.plot(epoch, run.curves["accuracy"], "--", color=colour, linewidth=1, alpha=0.7)
        axes.plot(epoch, run.curves["val_accuracy"], color=colour, linewidth=1.6)
    if last:
        axes.plot(last, run.accuracy, "D", color=colour, markersize=6, markeredgecolor="white", zorder=3)
