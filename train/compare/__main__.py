"""Runs beside each other: one table, one image, and whether a difference is more than chance.

    python -m train.compare                         # the last commit and the workspace
    python -m train.compare HEAD~1 HEAD             # by git revision: the first named is the baseline
    python -m train.compare main shallow workspace  # and by the name of an experiment of `dvc exp run`

Reads what train/runs.py says. Writes train/out/compare/compare.csv, with shares of 1, and
train/out/compare/compare.png.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.common.cli import STARTS_AGAIN, run
from data.common.errors import UserError, some
from data.common.files import write_csv
from train.compare import forest_plot, runs
from train.compare.runs import WORKSPACE, Run
from train.compare.significance import (
    CONFIDENCE,
    LEVEL,
    Difference,
    Paired,
    Unpaired,
    chance,
    holm,
    points,
    unpaired,
)

FOLDER = Path("train/out/compare")
LEAST = (
    "loss",
    "32-px-equivalent epochs",
    "commit",
    "images",
    "recipe",
)  # columns that a narrow terminal goes without
SHOWN = 4  # changed parameters that a line names; the table on the disk has all


@dataclass(frozen=True)
class Row:
    """A run, and how it differs from the baseline; the baseline itself has no difference and no changes."""

    run: Run
    difference: Difference | None
    p: float | None  # corrected for the number of runs
    changes: list[str]

    @property
    def paired(self) -> Paired | None:
        """Return the difference if it rests on the same images."""
        return self.difference if isinstance(self.difference, Paired) else None

    def interval(self) -> tuple[float, float] | None:
        """Return the ends of the difference's interval."""
        if self.difference is None:
            return None
        low, high = self.difference.interval()
        return round(low, 4), round(high, 4)


@dataclass(frozen=True)
class Column:
    """A value of a run: its name in compare.csv, its head and text in the table. None: not there."""

    name: str
    value: Callable[[Row], Any]  # None: an empty cell
    head: str = ""
    text: Callable[[Any], str] = str
    words: bool = False


def _interval(ends: tuple[float, float]) -> str:
    return f"{points(ends[0])} to {points(ends[1])}"


def _chance(row: Row) -> str:
    if row.difference is None or row.p is None:
        return ""
    return chance(row.p).removeprefix("p = ").removeprefix("p ") + unpaired(row.difference)


COLUMNS = (
    Column("run", lambda row: row.run.name, "run", words=True),
    Column("commit", lambda row: row.run.commit, "commit", words=True),
    Column("subject", lambda row: row.run.subject),
    Column("recipe", lambda row: row.run.recipe, "recipe", words=True),
    Column("images", lambda row: row.run.images, "images", "{:,}".format),
    Column("accuracy", lambda row: row.run.accuracy, "accuracy", "{:.2%}".format),
    Column("paired", lambda row: row.difference and ("yes" if row.paired else "no")),
    Column("shared_images", lambda row: row.paired and row.paired.images),
    Column("better", lambda row: row.paired and row.paired.better),
    Column("worse", lambda row: row.paired and row.paired.worse),
    Column(
        "difference", lambda row: row.difference and round(row.difference.difference, 4), "difference", points
    ),
    Column("low", lambda row: (row.interval() or (None, None))[0]),
    Column("high", lambda row: (row.interval() or (None, None))[1]),
    Column("", Row.interval, f"{CONFIDENCE:.0%} interval", _interval),
    Column("p", lambda row: row.difference and _rounded(row.difference.p)),
    Column("p_corrected", lambda row: row.difference and _rounded(row.p)),
    Column("", lambda row: row, "p", _chance),
    Column("loss", lambda row: row.run.loss, "loss", "{:.4f}".format),
    Column("equivalent_epochs", lambda row: row.run.equivalent_epochs, "32-px-equivalent epochs", "{:.2f}".format),
    Column("changes", lambda row: "; ".join(row.changes)),
    Column("missing", lambda row: " ".join(row.run.missing)),
)


def _rounded(p: float | None) -> float | None:
    return None if p is None else float(f"{p:.3g}")


def pair(baseline: Run, other: Run) -> Difference:
    """Compare two runs on the test images that both were shown; unpaired if a run's answers are missing.

    The same network's answers about the same images are the same, wherever they are. Raises `UserError` if
    the runs share no image, or if an image's class is not the same in both.
    """
    if baseline.answers is None or other.answers is None:
        if all(baseline.made_of) and baseline.made_of == other.made_of:
            return Paired(baseline.images, 0, 0)
        return Unpaired((baseline.images, other.images), (baseline.right, other.right))
    both = baseline.answers.join(other.answers, how="inner", lsuffix="_baseline")
    if both.empty:
        raise UserError(
            f"{baseline.name} and {other.name} share no test image: {_some(baseline)}, {_some(other)}",
            "compare runs whose recipes take images of the same data set.",
        )
    differ = both.index[both["actual"] != both["actual_baseline"]]
    if len(differ):
        raise UserError(
            f"test images have another class in {other.name} than in {baseline.name}: {some(list(differ))}",
            "compare runs on the same test images.",
        )
    return Paired.of(both["right_baseline"], both["right"])


def _some(of: Run) -> str:
    assert of.answers is not None
    return f"{of.name} has {of.images:,} as {of.answers.index[0]}"


def compare(found: Sequence[Run]) -> list[Row]:
    """Put each run beside the first."""
    baseline, others = found[0], found[1:]
    differences = [pair(baseline, other) for other in others]
    corrected = holm([difference.p for difference in differences])
    changes = [changed(baseline.parameters, other.parameters) for other in others]
    rows = (Row(*row) for row in zip(others, differences, corrected, changes, strict=True))
    return [Row(baseline, None, None, []), *rows]


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return what is another parameter in `new` than in `old`."""

    def written(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, default=str)

    lines = [f"{name} {written(new[name])} (new)" for name in new.keys() - old.keys()]
    lines += [f"{name} gone (was {written(old[name])})" for name in old.keys() - new.keys()]
    lines += [
        f"{name} {written(new[name])} (was {written(old[name])})"
        for name in old.keys() & new.keys()
        if old[name] != new[name]
    ]
    return sorted(lines)


def record(row: Row) -> dict[str, Any]:
    """Return the row of compare.csv."""
    return {column.name: column.value(row) for column in COLUMNS if column.name}


def cells(row: Row) -> dict[str, str]:
    """Return what the table shows of a run, by its head; the difference is in percentage points."""
    found = {column.head: (column.value(row), column.text) for column in COLUMNS if column.head}
    return {head: "" if value is None else text(value) for head, (value, text) in found.items()}


def table(rows: Sequence[Row], without: Sequence[str] = ()) -> Table:
    """Return the table that is shown, less some columns."""
    shown = Table(box=box.SIMPLE_HEAD)
    texts = [{name: text for name, text in cells(row).items() if name not in without} for row in rows]
    words = {column.head for column in COLUMNS if column.words}
    for name in texts[0]:
        left = name in words
        shown.add_column(name, overflow="fold", no_wrap=name != "run", justify="left" if left else "right")
    for found in texts:
        shown.add_row(*(Text(text) for text in found.values()))
    return shown


def show(rows: Sequence[Row]) -> None:
    """Print the table, on a narrow terminal with fewer columns, since a number cut short is a wrong one."""
    console = Console()
    if not console.is_terminal:  # a pipe has no width
        console = Console(width=_width(console, table(rows)))
    left = next(
        (n for n in range(len(LEAST)) if _width(console, table(rows, LEAST[:n])) <= console.width), None
    )
    without = LEAST[:left]
    console.print(table(rows, without))
    if without:
        print(f"no room for: {', '.join(without)}; they are in {FOLDER / 'compare.csv'}")


def _width(console: Console, shown: Table) -> int:
    return console.measure(shown, options=console.options.update(width=1000)).maximum


def notes(rows: Sequence[Row]) -> list[str]:
    """Return what is missing, what was left out, what was changed, and for each run whether it differs."""
    baseline = rows[0].run
    wanted = any(row.difference and not row.paired for row in rows)
    lines = [line for row in rows if wanted and row.run.missing for line in _lost(row.run)]
    for row in rows[1:]:
        if row.changes:
            lines.append(f"{row.run.name}: {_short(row.changes)}")
        if row.paired and not row.paired.images == baseline.images == row.run.images:
            lines.append(
                f"{row.run.name}: compared on the {row.paired.images:,} test images that {baseline.name}"
                f" was shown too, of {row.run.images:,} and {baseline.images:,}"
            )
    return [*lines, *(verdict(row, baseline.name) for row in rows[1:])]


def _lost(of: Run) -> list[str]:
    files = ", ".join(of.missing)
    if not of.commit:
        return [f"{of.name}: not there: {files}; to make them: {of.again}"]
    where = f"{of.name}: not in DVC's cache: {files}: of a run on another machine, or removed by dvc gc"
    return [where, f"to make it here, and name it {of.made_as}: {of.again}"]


def _short(changes: list[str]) -> str:
    more = f", and {len(changes) - SHOWN} more in {FOLDER / 'compare.csv'}"
    return ", ".join(changes[:SHOWN]) + (more if len(changes) > SHOWN else "")


def verdict(row: Row, baseline: str) -> str:
    """Return one sentence: whether the run differs from the baseline by more than chance."""
    assert row.difference is not None
    assert row.p is not None
    if row.paired and not row.paired.better + row.paired.worse:
        return f"{row.run.name}: right on the same images as {baseline}, no difference"
    size = f"{row.run.name}: {points(row.difference.difference)} points against {baseline}"
    p = chance(row.p) + unpaired(row.difference)
    return (
        f"{size}, more than chance would explain ({p})" if row.p < LEVEL else f"{size} could be chance ({p})"
    )


def main(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="REV", help="commits, branches, tags, experiments, or workspace"),
    ] = None,
) -> None:
    """Compare runs by their test images; one revision, or none for HEAD, is compared with the workspace."""
    names = revisions or ["HEAD"]
    if len(names) == 1:
        names = [*names, WORKSPACE]
    with runs.repository() as repo:
        rows = compare([runs.read(repo, name) for name in names])
    write_csv(FOLDER / "compare.csv", pd.DataFrame([record(row) for row in rows]).convert_dtypes())
    forest_plot.write(FOLDER / "compare.png", [(row.run, row.difference, row.p) for row in rows])
    show(rows)
    print("\n".join([*notes(rows), "", *closing(rows)]))


def closing(rows: Sequence[Row]) -> list[str]:
    """Return how to read the p-values, and where to look."""
    said = [f"image   {FOLDER / 'compare.png'}, {FOLDER / 'compare.csv'}"]
    if len(rows) > 2:
        said.append(f"p         corrected for {len(rows) - 1} runs (Holm 1979); each interval is for itself")
    if any(row.difference and not row.paired for row in rows):
        said.append("unpaired  as of different images: finds fewer differences than both runs' answers would")
    return [
        *said,
        "next      a recipe, rather than these networks: python -m train.trials, over several seeds",
    ]


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
