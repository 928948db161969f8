"""Answers as text, piece by piece as they come: a table for people, CSV, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import Enum

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from data.datasets.dataset import CLASSES
from data.images.walk import shown

LABEL_WIDTH = max(map(len, CLASSES))
SHARE_WIDTH = len("100.0%")
LEAST_WIDTH = 16  # of the image's name, however narrow the terminal is


class Format(str, Enum):
    """How answers are written."""

    table = "table"
    csv = "csv"
    json = "json"


def write(tables: Iterable[pd.DataFrame], how: Format, width: int) -> Iterator[str]:
    """Yield text for each table as it comes, all of the same columns; `width` is the terminal's."""
    if how is Format.table:
        return as_table(tables, width)
    return as_csv(tables) if how is Format.csv else as_json(tables)


def as_csv(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Yield the head with the first table, then rows."""
    for number, table in enumerate(tables):
        yield table.to_csv(index=False, header=not number, lineterminator="\n")


def as_json(tables: Iterable[pd.DataFrame]) -> Iterator[str]:
    """Yield one list of records, a line each; what a table does not say is null."""
    between = "[\n"
    for table in tables:
        plain = table.astype(object).where(table.notna(), None)
        rows = [json.dumps(row, ensure_ascii=False, allow_nan=False) for row in plain.to_dict("records")]
        if rows:
            yield between + ",\n".join(rows)
            between = ",\n"
    yield "[]\n" if between == "[\n" else "\n]\n"


def as_table(tables: Iterable[pd.DataFrame], width: int) -> Iterator[str]:
    """Yield lines for a terminal, classes with their probability; the first table sets the widths."""
    names = 0
    for number, table in enumerate(tables):
        columns = [name for name in ("box", "label") if name in table]
        ranks = [name for name in map(str, table) if name.startswith("predicted")]
        others = len(columns) * (LABEL_WIDTH + 2) + len(ranks) * (LABEL_WIDTH + SHARE_WIDTH + 4)
        images = [shown(name) for name in table["image"]]
        if not number:
            longest = max(map(len, [*images, "image"]))
            names = min(longest, max(width - others, LEAST_WIDTH))
        lines = Table(box=None, pad_edge=False, show_header=not number, padding=(0, 2, 0, 0))
        lines.add_column("image", width=names, overflow="fold")
        for name in columns:
            lines.add_column(name, width=LABEL_WIDTH, no_wrap=True)
        for rank, _ in enumerate(ranks, 1):
            lines.add_column("class" if rank == 1 else str(rank), width=LABEL_WIDTH, no_wrap=True)
            lines.add_column("", width=SHARE_WIDTH, no_wrap=True, justify="right")
        for image, row in zip(images, table.to_dict("records"), strict=True):
            cells = [image, *("" if pd.isna(row[name]) else shown(str(row[name])) for name in columns)]
            for name in ranks:
                share = row[name.replace("predicted", "confidence")]
                cells += [row[name], f"{share:.1%}"]
            lines.add_row(*map(Text, cells))
        yield _rendered(lines, names + others)


def _rendered(lines: Table, width: int) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as text:
        console.print(lines)
    return text.get()
