"""Predictions as text: a table for people, CSV, JSON."""

from __future__ import annotations

import io
import json
from enum import Enum

import pandas as pd
from pandas.api.types import is_numeric_dtype
from rich.console import Console
from rich.table import Table
from rich.text import Text


class Format(str, Enum):
    """How predictions are written."""

    table = "table"
    csv = "csv"
    json = "json"


def as_text(table: pd.DataFrame, how: Format) -> str:
    """Return a table as text with a last line end; an empty cell is null in JSON."""
    if how is Format.csv:
        return table.to_csv(index=False, lineterminator="\n")
    if how is Format.table:
        return _for_people(table)
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, ensure_ascii=False, indent=2) + "\n"


def _for_people(table: pd.DataFrame) -> str:
    """Return aligned columns: the likeliest class, then 2, 3, ..., each with its confidence beside it."""
    shown, cells = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0)), []
    for name, values in table.items():
        kind, _, rank = str(name).partition("_")
        heading = {"predicted": rank or "class", "confidence": ""}.get(kind, str(name))
        shown.add_column(heading, no_wrap=True, justify="right" if is_numeric_dtype(values) else "left")
        form = "{:.1%}" if kind == "confidence" else "{}"
        cells.append([Text("" if pd.isna(value) else form.format(value)) for value in values])
    for row in zip(*cells, strict=True):
        shown.add_row(*row)
    text = io.StringIO()
    Console(file=text, width=10_000).print(shown)
    return "".join(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
