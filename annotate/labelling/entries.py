"""annotate/project/export.json read back: a list of images, each with its annotations and drafts as they were kept.

An entry: image_id, sha256, annotations (annotator, lead_time in seconds, was_cancelled, result) and drafts
(result). What a result holds is as Label Studio gave it, and not checked here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from annotate.labelling.tasks import EXPORT, one_side
from data.common.errors import UserError
from data.common.files import check_merged, readable


def read_export(path: Path = EXPORT) -> list[Any]:
    """Read an export. Raises `UserError` if it is missing or not a list of images with annotations."""
    hint = 'take it back from git, or fetch it anew with "dvc repro -fs export".'
    try:
        with readable(path, hint):
            text = path.read_text(encoding="utf-8")
        check_merged(path, text, one_side(path))
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error})", hint) from None
    if not isinstance(entries, list):
        raise UserError(f"{path}: expected a list of labelled images", hint)
    for number, entry in enumerate(entries, 1):
        if not _sound(entry):
            raise UserError(
                f"{path}: entry {number} is not an image with its image_id, annotations and drafts", hint
            )
    return entries


def _sound(entry: Any) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("image_id"), str):
        return False
    lists = [entry.get("annotations"), entry.get("drafts")]
    return all(isinstance(one, list) and all(isinstance(part, dict) for part in one) for one in lists)
