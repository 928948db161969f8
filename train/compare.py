"""Runs beside each other: one table, one picture, and whether a difference is more than chance.

    python -m train.compare                         # the workspace beside the last commit
    python -m train.compare HEAD~1 HEAD             # by git revision: the first named is the baseline
    python -m train.compare main shallow workspace  # and by the name of an experiment of `dvc exp run`

Reads what train/runs.py says. Writes train/compare/compare.csv, with shares of 1, and
train/compare/compare.png.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.errors import UserError, run
from data.files import write_csv
from data.interrupt import STARTS_AGAIN
from train import forest, runs
from train.runs import WORKSPACE, Run
from train.significance import CONFIDENCE, LEVEL, Paired, chance, points

FOLDER = Path("train/compare")
LEAST = (
    "loss",
    "epochs' worth",
    "commit",
    "pictures",
    "recipe",
)  # columns that a narrow terminal goes without
SHOWN = 4  # changed parameters that a line names; the table on the disk has all


@dataclass(frozen=True)
class Row:
    """A run, and how it differs from the baseline; the baseline itself has no `paired` and no changes."""

    run: Run
    paired: Paired | None
    changes: dict[str, tuple[Any, Any]]  # parameter: the baseline's value and this run's

    def record(self) -> dict[str, Any]:
        """Return the row of compare.csv."""
        of, paired = self.run, self.paired
        low, high = paired.interval() if paired else (None, None)
        return {
            "run": of.name,
            "commit": of.commit,
            "subject": of.subject,
            "recipe": of.recipe,
            "pictures": of.pictures,
            "accuracy": of.accuracy,
            "loss": of.loss,
            "full_size_epochs": of.full_size_epochs,
            "shared_pictures": paired and paired.pictures,
            "better": paired and paired.better,
            "worse": paired and paired.worse,
            "difference": paired and round(paired.difference, 4),
            "low": None if low is None else round(low, 4),
            "high": None if high is None else round(high, 4),
            "p": paired and float(f"{paired.p:.3g}"),
            "changes": "; ".join(_changes(self.changes)),
            "missing": " ".join(of.missing),
        }


def pair(baseline: Run, other: Run) -> Paired | None:
    """Compare two runs on the test pictures that both were shown; None if a run's answers are missing.

    Raises `UserError` if they share no picture, or if a picture's class is not the same in both.
    """
    if baseline.answers is None or other.answers is None:
        return None
    both = baseline.answers.join(other.answers, how="inner", lsuffix="_baseline")
    if both.empty:
        raise UserError(
            f"{baseline.name} and {other.name} share no test picture: {_some(baseline)}, {_some(other)}",
            "compare runs whose recipes take pictures of the same data set.",
        )
    differ = both.index[both["actual"] != both["actual_baseline"]]
    if len(differ):
        raise UserError(
            f"{differ[0]} and {len(differ) - 1} more test pictures have another class in {other.name} than in"
            f" {baseline.name}",
            "compare runs on the same test pictures.",
        )
    return Paired.of(both["right_baseline"], both["right"])


def _some(of: Run) -> str:
    assert of.answers is not None
    return f"{of.name} has {of.pictures:,} as {of.answers.index[0]}"


def compare(found: Sequence[Run]) -> list[Row]:
    """Put each run beside the first."""
    baseline = found[0]
    rows = [Row(baseline, None, {})]
    for other in found[1:]:
        names = sorted(baseline.parameters.keys() | other.parameters.keys())
        values = {name: (baseline.parameters.get(name), other.parameters.get(name)) for name in names}
        changes = {name: (old, new) for name, (old, new) in values.items() if old != new}
        rows.append(Row(other, pair(baseline, other), changes))
    return rows


def cells(row: Row) -> dict[str, str]:
    """Return what the table shows of a run, by column; the difference is in percentage points."""
    of, paired = row.run, row.paired
    low, high = paired.interval() if paired else (0.0, 0.0)
    return {
        "run": of.name,
        "commit": of.commit,
        "recipe": of.recipe,
        "pictures": f"{of.pictures:,}",
        "accuracy": f"{of.accuracy:.2%}",
        "difference": points(paired.difference) if paired else "",
        f"{CONFIDENCE:.0%} interval": f"{points(low)} to {points(high)}" if paired else "",
        "p": chance(paired.p).removeprefix("p = ").removeprefix("p ") if paired else "",
        "loss": f"{of.loss:.4f}",
        "epochs' worth": "" if of.full_size_epochs is None else f"{of.full_size_epochs:.2f}",
    }


def table(rows: Sequence[Row], without: Sequence[str] = ()) -> Table:
    """Return the table that is shown, less some columns."""
    shown = Table(box=box.SIMPLE_HEAD)
    texts = [{name: text for name, text in cells(row).items() if name not in without} for row in rows]
    for name in texts[0]:
        words = name in ("run", "commit", "recipe")
        shown.add_column(name, overflow="fold", no_wrap=name != "run", justify="left" if words else "right")
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
    lines = [_lost(row.run) for row in rows if row.run.missing]
    for row in rows[1:]:
        if row.changes:
            lines.append(f"{row.run.name}: {_short(_changes(row.changes))}")
        if row.paired and not row.paired.pictures == baseline.pictures == row.run.pictures:
            lines.append(
                f"{row.run.name}: compared on the {row.paired.pictures:,} test pictures that {baseline.name}"
                f" was shown too, of {row.run.pictures:,} and {baseline.pictures:,}"
            )
    return [*lines, *(verdict(row, baseline.name) for row in rows[1:])]


def _lost(of: Run) -> str:
    where = "not in DVC's cache" if of.commit else "not there"
    return f"{of.name}: {where}: {', '.join(of.missing)}; to make them: {of.again}"


def _changes(changes: dict[str, tuple[Any, Any]]) -> list[str]:
    def written(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value)

    return [f"{name} {written(new)} (was {written(old)})" for name, (old, new) in changes.items()]


def _short(changes: list[str]) -> str:
    more = f", and {len(changes) - SHOWN} more in {FOLDER / 'compare.csv'}"
    return ", ".join(changes[:SHOWN]) + (more if len(changes) > SHOWN else "")


def verdict(row: Row, baseline: str) -> str:
    """Return one sentence: whether the run differs from the baseline by more than chance."""
    if row.paired is None:
        return f"{row.run.name}: whether it differs from {baseline} cannot be told without both runs' answers"
    if not row.paired.better + row.paired.worse:
        return f"{row.run.name}: right on the same pictures as {baseline}, no difference"
    size = f"{points(row.paired.difference)} points against {baseline}"
    if row.paired.real:
        return f"{row.run.name}: {size}, a real difference of these two networks ({chance(row.paired.p)})"
    return f"{row.run.name}: {size} could be chance ({chance(row.paired.p)})"


def main(
    revisions: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REV]...", help="commits, branches, tags, experiments, or workspace"),
    ] = None,
) -> None:
    """Compare runs by their test pictures; one revision, or none for HEAD, is compared with the workspace."""
    names = revisions or ["HEAD"]
    if len(names) == 1:
        names = [*names, WORKSPACE]
    with runs.repository() as repo:
        rows = compare([runs.read(repo, name) for name in names])
    write_csv(FOLDER / "compare.csv", pd.DataFrame([row.record() for row in rows]).convert_dtypes())
    forest.write(FOLDER / "compare.png", [(row.run, row.paired) for row in rows])
    show(rows)
    print("\n".join([*notes(rows), "", *closing(rows)]))


def closing(rows: Sequence[Row]) -> list[str]:
    """Return how to read the p-values, and where to look."""
    said = [f"picture   {FOLDER / 'compare.png'}, {FOLDER / 'compare.csv'}"]
    if sum(row.paired is not None for row in rows) > 1:
        said.append(
            f"p         each for itself: of {1 / LEVEL:.0f} runs that are no better, one has p < {LEVEL:.2f}"
        )
    return [
        *said,
        "next      a recipe, rather than these networks: python -m train.trials, over several seeds",
    ]


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
