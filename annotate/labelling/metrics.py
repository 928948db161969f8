"""What the labels are worth, in numbers: annotate/metrics.json."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Problem

DIGITS = 4


def measure(images: Sequence[LabelledImage], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return counts and, where there are labels to compare, how well they agree.

    `accuracy` and `kappa` (Cohen 1960) compare the agreed class with CIFAR-10's on the `compared` images;
    `agreement` is Krippendorff's alpha of the classes that annotators gave, from 1 (all agree) over 0 (as by
    chance) down to -1. What has no value is left out.
    """
    annotations = [one for image in images for one in image.annotations]
    labelled = {one.image for one in annotations}
    seconds = [one.seconds for one in annotations if one.seconds is not None]
    found: dict[str, Any] = {
        "images": len(images),
        "labelled": len(labelled),
        "skipped": len({one.image for one in problems if one.kind == "skipped"} - labelled),
        "annotators": len({one.annotator for one in annotations}),
        "boxes": sum(len(one.boxes) for one in annotations),
        "problems": dict(sorted(Counter(one.kind for one in problems).items())),
    }
    if seconds:
        found["median_seconds"] = round(median(seconds), 1)
    return {**found, **_against_cifar10(images), **_agreement(images)}


def _against_cifar10(images: Sequence[LabelledImage]) -> dict[str, float]:
    pairs = [(one.cifar10, one.agreed) for one in images if one.cifar10 and one.agreed]
    if not pairs:
        return {}
    right = sum(known == given for known, given in pairs)
    found = {"compared": len(pairs), "accuracy": round(right / len(pairs), DIGITS)}
    agreed = kappa([str(known) for known, _ in pairs], [str(given) for _, given in pairs])
    return found if agreed is None else {**found, "kappa": round(agreed, DIGITS)}


def _agreement(images: Sequence[LabelledImage]) -> dict[str, float]:
    found = alpha([list(_settled(image).values()) for image in images])
    return {} if found is None else {"agreement": round(found, DIGITS)}


def _settled(image: LabelledImage) -> dict[str, str]:
    """Return annotator to class, without those who gave the image two different classes."""
    given: dict[str, set[str]] = defaultdict(set)
    for one in image.annotations:
        if one.label is not None:
            given[one.annotator].add(one.label)
    return {annotator: labels.pop() for annotator, labels in given.items() if len(labels) == 1}


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return Cohen's kappa; None where it is 0 / 0: no image, or one and the same class everywhere."""
    if len({*first, *second}) < 2:
        return None
    from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

    return float(cohen_kappa_score(first, second))


def alpha(said: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for nominal values (Krippendorff 2004, chapter 11).

    `said` holds, for each image, the classes that its annotators gave, one each; they need not be equally
    many. None where it is 0 / 0: no image has two annotators, or all of those have one and the same class.
    """
    several = [Counter(given) for given in said if len(given) > 1]
    classes = sorted({label for given in several for label in given})
    if len(classes) < 2:
        return None
    import krippendorff

    counts = [[given[label] for label in classes] for given in several]
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
