"""Compare runs on the same test images: by how much they differ, and whether by more than chance.

    python -m train.compare                         # the last commit and the workspace
    python -m train.compare HEAD~1 HEAD             # git revisions; the first is the baseline
    python -m train.compare main shallow workspace  # experiments of `dvc exp run`, by name

Reads the files that train/compare/runs.py lists. Writes train/out/comparison/: compare.csv, with shares of 1,
and compare.png.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.common.cli import STARTS_AGAIN, run
from data.common.files import write_csv
from train.compare import forest_plot, runs
from train.compare.comparison import Row, compare
from train.compare.runs import WORKSPACE
from train.compare.significance import CONFIDENCE, LEVEL, p_text, points
from train.page import figures

FOLDER = Path("train/out/comparison")
WORDS = ("run", "commit", "recipe")  # columns of the table that are text


def record(row: Row) -> dict[str, Any]:
    """Return the row of compare.csv."""
    difference, p = row.difference, row.p
    low, high = difference.interval() if difference else (None, None)
    return {
        "run": row.run.name,
        "commit": row.run.commit,
        "subject": row.run.subject,
        "recipe": row.run.recipe,
        "images": row.run.images,
        "accuracy": row.run.accuracy,
        "shared_images": difference and difference.images,
        "better": difference and difference.better,
        "worse": difference and difference.worse,
        "difference": difference and round(difference.accuracy, 4),
        "low": None if low is None else round(low, 4),
        "high": None if high is None else round(high, 4),
        "p": difference and float(f"{difference.p:.3g}"),
        "p_corrected": None if p is None else float(f"{p:.3g}"),
        "loss": row.run.loss,
        "equivalent_epochs": row.run.equivalent_epochs,
        "changes": "; ".join(row.changes),
    }


def cells(row: Row) -> dict[str, str]:
    """Return what the printed table shows of a run; the difference is in percentage points."""
    low, high = row.difference.interval() if row.difference else (0, 0)
    return {
        "run": row.run.name,
        "commit": row.run.commit,
        "recipe": row.run.recipe,
        "images": f"{row.run.images:,}",
        "accuracy": f"{row.run.accuracy:.2%}",
        "difference": points(row.difference.accuracy) if row.difference else "",
        f"{CONFIDENCE:.0%} interval": f"{points(low)} to {points(high)}" if row.difference else "",
        "p": "" if row.p is None else p_text(row.p).removeprefix("p = ").removeprefix("p "),
        "loss": f"{row.run.loss:.4f}",
        "32-px epochs": f"{row.run.equivalent_epochs:.2f}",
    }


def show(rows: Sequence[Row]) -> None:
    """Print the table at its full width, since a number cut short is a wrong one."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in cells(rows[0]):
        table.add_column(name, no_wrap=True, justify="left" if name in WORDS else "right")
    for row in rows:
        table.add_row(*(Text(text) for text in cells(row).values()))
    Console(width=1000).print(table)


def notes(rows: Sequence[Row]) -> list[str]:
    """Return for each run what was changed, the images left out, and whether it differs."""
    baseline, lines = rows[0].run, []
    for row in rows[1:]:
        if row.changes:
            lines.append(f"{row.run.name}: {', '.join(row.changes)}")
        if row.difference and not row.difference.images == baseline.images == row.run.images:
            lines.append(
                f"{row.run.name}: compared on the {row.difference.images:,} test images in common with"
                f" {baseline.name}, of {row.run.images:,} and {baseline.images:,}"
            )
    return [*lines, *(verdict(row, baseline.name) for row in rows[1:])]


def verdict(row: Row, baseline: str) -> str:
    """Return one sentence: whether the run differs from the baseline by more than chance."""
    assert row.difference is not None
    assert row.p is not None
    if not row.difference.better + row.difference.worse:
        return f"{row.run.name}: right on the same images as {baseline}, no difference"
    size = f"{row.run.name}: {points(row.difference.accuracy)} points against {baseline}"
    meaning = "more than chance would explain" if row.p < LEVEL else "could be chance"
    return f"{size}, {meaning} ({p_text(row.p)})"


def main(
    revisions: Annotated[
        list[str] | None, typer.Argument(metavar="REV", help="commits, tags, experiments, or workspace")
    ] = None,
) -> None:
    """Compare runs by their test images; a single revision, or by default HEAD, with the workspace."""
    names = revisions or ["HEAD"]
    names = [*names, WORKSPACE] if len(names) == 1 else names
    with runs.repository() as repo:
        rows = compare(*(runs.read(repo, name) for name in names))
    write_csv(FOLDER / "compare.csv", pd.DataFrame([record(row) for row in rows]).convert_dtypes())
    figures.write(FOLDER / "compare.png", forest_plot.draw(rows))
    show(rows)
    lines = [*notes(rows), "", f"written   {FOLDER / 'compare.png'}, {FOLDER / 'compare.csv'}"]
    if len(rows) > 2:
        lines.append(f"p         corrected for {len(rows) - 1} runs (Holm 1979); the intervals are not")
    lines.append("next      compare recipes, rather than single models, over seeds: python -m train.trials")
    print("\n".join(lines))


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
