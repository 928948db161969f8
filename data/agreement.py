"""How well two sources of labels agree: annotators, a model, a data set's own classes."""

from __future__ import annotations

from collections.abc import Sequence


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return Cohen's kappa (Cohen 1960): 1 for full agreement, 0 for agreement by chance.

    None where it is 0 / 0: no image, or one and the same class everywhere.
    """
    if len({*first, *second}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

    return float(cohen_kappa_score(first, second))
