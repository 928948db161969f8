"""How many labels there are and how well they agree: annotate/metrics.json."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from annotate.labelling.consensus import LabelledImage
from annotate.labelling.records import Problem
from data.agreement import kappa

DIGITS = 4


def measure(images: Sequence[LabelledImage], problems: Sequence[Problem]) -> dict[str, Any]:
    """Return counts and, where there are labels to compare, how well they agree.

    `accuracy` and `kappa` compare the agreed class with CIFAR-10's on the `compared` images; `agreement` is
    Krippendorff's alpha of the classes that annotators gave. What has no value is left out.
    """
    annotations = [annotation for image in images for annotation in image.annotations]
    labelled = {annotation.image for annotation in annotations}
    skipped = {problem.image for problem in problems if problem.kind == "skipped"}
    seconds = [annotation.seconds for annotation in annotations if annotation.seconds is not None]
    metrics: dict[str, Any] = {
        "images": len(images),
        "labelled": len(labelled),
        "skipped": len(skipped - labelled),
        "annotators": len({annotation.annotator for annotation in annotations}),
        "boxes": sum(len(annotation.boxes) for annotation in annotations),
        "problems": dict(sorted(Counter(problem.kind for problem in problems).items())),
        "median_seconds": round(median(seconds), 1) if seconds else None,
        **_against_cifar10(images),
        "agreement": _rounded(alpha([_classes(image) for image in images])),
    }
    return {name: value for name, value in metrics.items() if value is not None}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)


def _against_cifar10(images: Sequence[LabelledImage]) -> dict[str, float | None]:
    pairs = [(image.cifar10, image.agreed) for image in images if image.cifar10 and image.agreed]
    if not pairs:
        return {}
    cifar10, agreed = zip(*pairs, strict=True)
    accuracy = sum(truth == label for truth, label in pairs) / len(pairs)
    return {
        "compared": len(pairs),
        "accuracy": _rounded(accuracy),
        "kappa": _rounded(kappa(cifar10, agreed)),
    }


def _classes(image: LabelledImage) -> list[str]:
    """Return each annotator's class, without those who gave the image two different classes."""
    by_annotator: dict[str, set[str]] = defaultdict(set)
    for annotation in image.annotations:
        if annotation.label is not None:
            by_annotator[annotation.annotator].add(annotation.label)
    return [classes.pop() for classes in by_annotator.values() if len(classes) == 1]


def alpha(classes: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha for nominal values (Krippendorff 2004, chapter 11).

    1 if all agree, 0 for agreement by chance, down to -1. `classes` holds for each image the classes of its
    annotators, any number of them. None where it is 0 / 0: no image has two annotators, or all of those have
    the same class.
    """
    counts = [Counter(given) for given in classes if len(given) > 1]
    columns = sorted({label for count in counts for label in count})
    if len(columns) < 2:
        return None
    import krippendorff

    table = [[count[label] for label in columns] for count in counts]
    return float(krippendorff.alpha(value_counts=table, level_of_measurement="nominal"))
