"""Whether a changed label scheme still has a place for every label that was made with the old one.

The server checks that too, but only for labels that were made on its page, not for imported ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read
from annotate.labelling.scheme import Scheme
from data.common.errors import UserError, some

ANY_SIZE = (1000, 1000)  # pixels: where a box lies does not depend on the scheme
LOSSES = {"unknown class", "unknown attribute", "malformed", "two choices"}


def check_change(raw: Iterable[dict[str, Any]], old: Scheme | None, new: Scheme) -> None:
    """Raise `UserError` if the new scheme would orphan labels or drafts; `raw` is the server's export.

    What the old scheme did not know either is no loss; None if the old one cannot be read at all.
    """
    lost: Counter[str] = Counter()
    images = set()
    for entry in normalise(raw):
        losses = _losses(entry, new) - (_losses(entry, old) if old else Counter())
        lost += losses
        if losses:
            images.add(entry["image_id"])
    if lost:
        problems = some([f"{problem} ({count})" for problem, count in lost.most_common()])
        raise UserError(
            f"the changed scheme has no place for {lost.total()} labels on {len(images)} images: {problems}",
            "put them back into annotate/project/label_config.xml, delete those labels, or push to another "
            "project (LABEL_STUDIO_PROJECT).",
        )


def _losses(entry: dict[str, Any], scheme: Scheme) -> Counter[str]:
    """Return which problems one image's annotations and drafts have under a scheme, and how often."""
    # A draft is read like an annotation: it is work, too.
    annotations = [{**work, "annotator": ""} for work in [*entry["annotations"], *entry["drafts"]]]
    _, problems = read({**entry, "annotations": annotations, "drafts": []}, scheme, ANY_SIZE)
    return Counter(problem.what.removeprefix("somebody: ") for problem in problems if problem.kind in LOSSES)
