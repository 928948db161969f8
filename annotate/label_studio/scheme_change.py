"""Whether a changed label scheme still has a place for every label that was made with the old one.

The server looks at that too, but only at labels that were made on its page: not at those that were imported.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from annotate.labelling.export_file import normalise
from annotate.labelling.parse import read
from annotate.labelling.scheme import Scheme
from data.common.errors import UserError

ANY_SIZE = (1000, 1000)  # pixels: where a box lies does not depend on the scheme
LOSSES = {"unknown class", "unknown attribute", "malformed", "two choices"}
SHOWN = 5


def check_change(raw: Iterable[dict[str, Any]], old: Scheme | None, new: Scheme) -> None:
    """Raise `UserError` if the new scheme would orphan labels or drafts; `raw` is the server's export.

    What the old scheme did not know either is no loss; None if the old one cannot be read at all.
    """
    lost: Counter[str] = Counter()
    images = set()
    for entry in normalise(raw):
        before = _losses(entry, old) if old else Counter[str]()
        more = _losses(entry, new) - before
        if more:
            images.add(entry["image_id"])
        lost.update(more)
    if not lost:
        return
    which = "; ".join(f"{what} ({number})" for what, number in lost.most_common(SHOWN))
    more_kinds = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    raise UserError(
        f"the changed scheme has no place for {sum(lost.values())} answers on {len(images)} images: "
        f"{which}{more_kinds}",
        "put them back into annotate/project/label_config.xml, delete those labels, or push to another "
        "project (LABEL_STUDIO_PROJECT).",
    )


def _losses(entry: dict[str, Any], scheme: Scheme) -> Counter[str]:
    """Return what of one image's annotations and drafts does not fit a scheme."""
    # A draft is read like an annotation: it is work, too.
    said = [{**one, "annotator": ""} for one in [*entry["annotations"], *entry["drafts"]]]
    _, problems = read({**entry, "annotations": said, "drafts": []}, scheme, ANY_SIZE)
    return Counter(problem.what.removeprefix("somebody: ") for problem in problems if problem.kind in LOSSES)
