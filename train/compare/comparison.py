"""Runs beside a baseline: parameters that differ, and predictions of the same test images."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from data.common.errors import UserError, some
from train.compare.runs import Run
from train.compare.significance import Difference, holm


@dataclass(frozen=True)
class Row:
    """A run beside the baseline; the baseline itself has no difference and no changes."""

    run: Run
    difference: Difference | None
    p: float | None  # corrected for the number of runs
    changes: list[str]


def paired(baseline: Run, other: Run) -> Difference:
    """Compare two runs on the test images that both have.

    Raises `UserError` if there is none, or if the class of an image is not the same in both.
    """
    both = baseline.predictions.join(other.predictions, how="inner", lsuffix="_baseline")
    if both.empty:
        examples = " and ".join(f"{each.predictions.index[0]} in {each.name}" for each in (baseline, other))
        raise UserError(
            f"{baseline.name} and {other.name} have no test image in common, as {examples}",
            "compare runs whose recipes use the same data set.",
        )
    different = both.index[both["actual"] != both["actual_baseline"]]
    if len(different):
        raise UserError(
            f"{baseline.name} and {other.name} have different classes for {some(list(different))}",
            "compare runs on the same test images.",
        )
    return Difference.of(both["right_baseline"], both["right"])


def compare(baseline: Run, *others: Run) -> list[Row]:
    """Return the baseline and each other run beside it."""
    differences = [paired(baseline, other) for other in others]
    corrected = holm([difference.p for difference in differences])
    changes = [changed(baseline.parameters, other.parameters) for other in others]
    return [Row(baseline, None, None, []), *map(Row, others, differences, corrected, changes)]


def changed(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Return the parameters that differ, each as `max_lr 0.2 (was 0.4)`."""

    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, default=str)

    lines = [f"{name} {text(new[name])} (new)" for name in new.keys() - old.keys()]
    lines += [f"{name} gone (was {text(old[name])})" for name in old.keys() - new.keys()]
    lines += [
        f"{name} {text(new[name])} (was {text(old[name])})"
        for name in old.keys() & new.keys()
        if old[name] != new[name]
    ]
    return sorted(lines)
