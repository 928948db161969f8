"""Labels from a file on their way to the server: read and reported, then added where they are missing."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.formats.label_studio import to_result
from annotate.formats.load import Loaded, load
from annotate.formats.match import UNKNOWN
from annotate.label_studio.client import Api
from annotate.label_studio.predictions import FROM_FILE, Suggestion
from annotate.label_studio.project import Project, exported
from annotate.label_studio.project_cache import Pushed
from annotate.labelling import parse
from annotate.labelling.boxes import Size
from annotate.labelling.export_file import normalise
from annotate.labelling.records import Annotation
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError, some
from data.common.progress import track

# Class, other answers, and boxes in pixels with what was said of each.
Meaning = tuple[str | None, tuple[tuple[str, str], ...], tuple[tuple[Any, ...], ...]]


@dataclass(frozen=True)
class ImportedLabels:
    """Labels as Label Studio writes them, by image; `version` names the file and what it says.

    By `scheme` and the images' `sizes` they are compared with those that are there; `gaps` says that they
    are for images alone that have none there.
    """

    version: str
    annotations: dict[str, list[dict[str, Any]]]
    scheme: Scheme
    sizes: dict[str, Size]
    gaps: bool = False

    @property
    def suggestions(self) -> dict[str, Suggestion]:
        """The same as predictions, one an image: the first annotator's."""
        return {name: Suggestion(said[0]["result"], None) for name, said in self.annotations.items()}

    @property
    def further(self) -> int:
        """How many annotations have no place among the suggestions."""
        return sum(len(said) - 1 for said in self.annotations.values())


def read(
    path: Path,
    tasks: Sequence[Task],
    scheme: Scheme,
    images: Path | None,
    guesses: bool = False,
    gaps: bool = False,
    own: Path | None = None,
) -> ImportedLabels:
    """Read a file of labels and list everything in it that cannot be used.

    With `guesses` predictions in it count, too; `gaps` as in `ImportedLabels`; `own` is the folder that `images`
    may be meant to be. Raises `UserError` if nothing can be used.
    """
    found = load(path, tasks, scheme, images, guesses)
    _list(path, found)
    if own and not images and any(problem.what.startswith(UNKNOWN) for problem in found.problems):
        print(f"its images may be those of {own} under their own names: --images {own} would find them")
    if found.guesses:
        why = (
            "one for each image without labels is taken"
            if guesses
            else "--as predictions brings those of images without labels"
        )
        print(f"{found.guesses} predictions in it left out; {why}")
    if found.numbers:
        print(f"{found.numbers} predictions in it are numbers alone, as a server's export has them; left out")
    if not found.annotations:
        raise UserError(
            f"{path}: no label in it fits our images and scheme",
            "what is above says why; are its images in annotate/project/tasks.json, or those of --images, and its"
            " classes in the scheme?"
            if found.problems or found.guesses or found.numbers
            else "it says nothing about any image.",
        )
    asked = scheme.image_class
    bare = sum(not one.label for one in found.annotations)
    if asked and bare:
        print(f"{bare} annotations in it give no {asked.name}, which the scheme asks")
    people = len({one.annotator for one in found.annotations})
    if people > 1 and not guesses:
        print(f"{people} annotators in it become one there, the token's: their agreement is lost")
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for one in found.annotations:
        result = to_result(one, scheme, found.sizes[one.image])
        timed = {"lead_time": one.seconds} if one.seconds is not None else {}
        said[one.image].append({"result": result, **timed})
    content = json.dumps(said, sort_keys=True).encode()
    version = f"{FROM_FILE}{path.name} {hashlib.sha256(content).hexdigest()[:8]}"
    return ImportedLabels(version, dict(said), scheme, found.sizes, gaps)


def _list(path: Path, found: Loaded) -> None:
    for problem in found.problems:
        print(f"{problem.image}: {problem.kind}: {problem.what}")
    boxes = sum(len(one.boxes) for one in found.annotations)
    images = len({one.image for one in found.annotations})
    print(f"{path} ({found.kind}): {images} images with {boxes} boxes can be used")
    kinds = Counter(problem.kind for problem in found.problems)
    if kinds:
        print(f"to know: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}")


def annotate(api: Api, project: Project, there: Mapping[str, Pushed], labels: ImportedLabels) -> None:
    """Add the annotations to tasks that were there before, unless they have them already, by whoever."""
    known = _meanings(exported(api, project, False), labels) if there else {}
    missing, beside, given = [], set(), set()
    for name, said in labels.annotations.items():
        if name not in there:
            continue
        found = known.get(name, Counter())
        if found and labels.gaps:
            given.add(name)
            continue
        left = found.copy()
        for one in said:
            meaning = next(iter(_meanings([_entry(name, one)], labels)[name]))
            left[meaning] -= 1
            if left[meaning] < 0:
                missing.append((there[name].number, one))
                beside |= {name} if found else set()
    # One request each, 0.2 s: Label Studio takes many at once only together with new tasks.
    for number, one in track(missing, "adding annotations", len(missing), "annotations"):
        api.post(f"/api/tasks/{number}/annotations/", one)
    came = sum(len(said) for name, said in labels.annotations.items() if name not in there)
    everything = sum(len(said) for name, said in labels.annotations.items() if name not in given)
    added = came + len(missing)
    print(f"annotations of {labels.version}: {added} added, {everything - added} there already")
    if given:
        print(f"{len(given)} images are labelled there and left as they are: {some(sorted(given))}")
    if beside:
        print(f"{len(beside)} images had labels, which are kept beside these: {some(sorted(beside))}")


def _entry(name: str, annotation: dict[str, Any]) -> dict[str, Any]:
    """Return a task of a server that has this annotation and no other."""
    return {"data": {"image_id": name}, "annotations": [annotation]}


def _meanings(raw: list[dict[str, Any]], labels: ImportedLabels) -> dict[str, Counter[Meaning]]:
    """Return what is said of each image of the file, and how often; ids and the like say nothing."""
    found: dict[str, Counter[Meaning]] = defaultdict(Counter)
    for entry in normalise(raw):
        name = entry["image_id"]
        if name in labels.sizes:
            said, _ = parse.read(entry, labels.scheme, labels.sizes[name])
            found[name].update(_meaning(one) for one in said)
    return found


def _meaning(said: Annotation) -> Meaning:
    boxes = [
        (box.label, box.x, box.y, box.width, box.height, box.rotation, *sorted(box.attributes.items()))
        for box in said.boxes
    ]
    return said.label, tuple(sorted(said.answers.items())), tuple(sorted(boxes))
