"""Files that other stages wrote, with an error that names the stage where they are missing or damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from data.common.errors import UserError
from data.common.files import NAMES, readable

MISSING = 'make it with "dvc repro".'


def damaged(path: Path, stage: str, reason: object) -> UserError:
    """Return the error for a file that is not what the stage writes."""
    return UserError(f"{path}: damaged ({reason})", f'make it again with "dvc repro -fs {stage}".')


def read_table(path: Path, stage: str, texts: tuple[str, ...] = ()) -> pd.DataFrame:
    """Read a CSV file with some columns of text. Raises `UserError` if it is missing or no table."""
    try:
        with readable(path, MISSING):
            table: pd.DataFrame = pd.read_csv(path, dtype=dict.fromkeys(texts, str), **NAMES)
            return table
    except ValueError as error:
        raise damaged(path, stage, error) from None


def read_metrics(path: Path, stage: str, names: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON file of metrics, some of them numbers that have to be there. Raises `UserError`."""
    try:
        with readable(path, MISSING):
            content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content | {name: float(content[name]) for name in names}
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, stage, repr(error)) from None
