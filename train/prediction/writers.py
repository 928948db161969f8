"""Predictions as text: a table for people, CSV, JSON."""

from __future__ import annotations

import json
from enum import Enum

import pandas as pd


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
        return table.to_string(index=False, na_rep="") + "\n"
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return json.dumps(records, ensure_ascii=False, indent=2) + "\n"
