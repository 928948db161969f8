"""Labels from a file on their way to the server: read and reported, then added where they are missing."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotate.formats.label_studio_json import to_result
from annotate.formats.load import ImportedAnnotations, load
from annotate.label_studio.project import Project, ServerTask
from annotate.label_studio.suggestions import FROM_FILE, Suggestion
from annotate.labelling import parse
from annotate.labelling.export_file import normalise
from annotate.labelling.geometry import Size
from annotate.labelling.records import Annotation
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError, some
from data.common.progress import track

Content = tuple[Any, ...]  # the class, other answers, and boxes in pixels of an annotation, to compare it by


@dataclass(frozen=True)
class ImportedLabels:
    """Annotations by image, of images of these sizes; `version` names the file and its content.

    With `only_gaps` they are meant only for images that have none on the server.
    """

    version: str
    annotations: dict[str, list[Annotation]]
    scheme: Scheme
    sizes: dict[str, Size]
    only_gaps: bool = False

    def raw(self, annotation: Annotation) -> dict[str, Any]:
        """Return an annotation as Label Studio takes it."""
        lead_time = {} if annotation.seconds is None else {"lead_time": annotation.seconds}
        return {"result": to_result(annotation, self.scheme, self.sizes[annotation.image]), **lead_time}

    @property
    def suggestions(self) -> dict[str, Suggestion]:
        """The same as predictions, one for each image: the first annotator's."""
        return {
            name: Suggestion(self.raw(each[0])["result"], None) for name, each in self.annotations.items()
        }


def read(
    path: Path,
    tasks: Sequence[Task],
    scheme: Scheme,
    images: Path | None,
    as_predictions: bool = False,
    only_gaps: bool = False,
) -> ImportedLabels:
    """Read a file of labels and print everything in it that cannot be used.

    `images` is where its images lie, if not among ours. Raises `UserError` if nothing can be used.
    """
    loaded = load(path, tasks, scheme, images, as_predictions)
    _report(path, loaded, scheme, as_predictions)
    if not loaded.annotations:
        raise UserError(
            f"{path}: no label in it fits our images and scheme",
            "see above; its images have to be in annotate/project/tasks.json, or be found with --images, and "
            "its classes in annotate/project/label_config.xml.",
        )
    annotations: dict[str, list[Annotation]] = defaultdict(list)
    for annotation in loaded.annotations:
        annotations[annotation.image].append(annotation)
    checksum = hashlib.sha256(repr(loaded.annotations).encode()).hexdigest()[:8]
    version = f"{FROM_FILE}{path.name} {checksum}"
    return ImportedLabels(version, dict(annotations), scheme, loaded.sizes, only_gaps)


def _report(path: Path, loaded: ImportedAnnotations, scheme: Scheme, as_predictions: bool) -> None:
    """Print what can be used of a file, and what cannot."""
    file, annotations = loaded.file, loaded.annotations
    for problem in loaded.problems:
        print(f"{problem.image}: {problem.kind}: {problem.what}")
    boxes = sum(len(annotation.boxes) for annotation in annotations)
    images = len({annotation.image for annotation in annotations})
    print(f"{path} ({file.format}): {images} images with {boxes} boxes can be used")
    kinds = Counter(problem.kind for problem in loaded.problems)
    if kinds:
        print(f"problems: {', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))}")
    question = scheme.image_class.name if scheme.image_class else None
    people = len({annotation.annotator for annotation in annotations})
    hint = "" if as_predictions else "; --as predictions takes those of images without labels"
    remarks = {
        f"predictions in it skipped{hint}": file.unused_predictions,
        f"annotations in it have no {question}": sum(not each.label for each in annotations if question),
        "annotations skipped: one prediction an image, the first annotator's": (
            len(annotations) - images if as_predictions else 0
        ),
        "annotators in it become the owner of the token: their agreement is lost": (
            people if people > 1 and not as_predictions else 0
        ),
    }
    for remark, count in remarks.items():
        if count:
            print(f"{count} {remark}")


def annotate(project: Project, before: Mapping[str, ServerTask], labels: ImportedLabels) -> None:
    """Add the annotations to the tasks that were there before, unless somebody gave them already."""
    present = _present(project, labels) if before else {}
    missing: list[Annotation] = []
    kept, beside = set(), set()
    for name, given in labels.annotations.items():
        unmatched = present.get(name, Counter()).copy()
        if name in before and unmatched and labels.only_gaps:
            kept.add(name)
        elif name in before:
            new = []
            for annotation in given:
                content = _content(annotation)
                unmatched[content] -= 1
                new += [annotation] if unmatched[content] < 0 else []
            missing += new
            beside |= {name} if new and name in present else set()
    # A request each, 0.2 s: Label Studio takes many at once only together with new tasks.
    for annotation in track(missing, "adding annotations", len(missing), "annotations"):
        project.client.sdk.annotations.create(before[annotation.image].number, **labels.raw(annotation))
    with_task = sum(len(each) for name, each in labels.annotations.items() if name not in before)
    total = sum(len(each) for name, each in labels.annotations.items() if name not in kept)
    added = with_task + len(missing)
    print(f"annotations of {labels.version}: {added} added, {total - added} there already")
    if kept:
        print(f"{len(kept)} images have labels there and are left as they are: {some(sorted(kept))}")
    if beside:
        print(f"{len(beside)} images had other labels, which are kept beside these: {some(sorted(beside))}")


def _present(project: Project, labels: ImportedLabels) -> dict[str, Counter[Content]]:
    """Return the annotations on the server, by image of the file: which content, and how often."""
    contents: dict[str, Counter[Content]] = defaultdict(Counter)
    for entry in normalise(project.exported()):
        name = entry["image_id"]
        if name in labels.sizes:
            annotations, _ = parse.read(entry, labels.scheme, labels.sizes[name])
            contents[name].update(_content(annotation) for annotation in annotations)
    return {name: counter for name, counter in contents.items() if counter}


def _content(annotation: Annotation) -> Content:
    boxes = [
        (box.label, box.x, box.y, box.width, box.height, box.rotation, *sorted(box.attributes.items()))
        for box in annotation.boxes
    ]
    return annotation.label, *sorted(annotation.answers.items()), *sorted(boxes)
