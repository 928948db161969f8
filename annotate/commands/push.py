"""Bring the images, the label scheme and, if wanted, suggestions or labels to Label Studio.

    python -m annotate push                     what is missing there, and nothing twice
    python -m annotate push --prelabel          and the model's predictions, prefilled on the page
    python -m annotate push --from FILE         and labels that were made elsewhere

Reads annotate/project/tasks.json, label_config.xml and instructions.html, and the images; changes the project
that LABEL_STUDIO_PROJECT names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from annotate.commands import prelabel
from annotate.label_studio import import_labels
from annotate.label_studio.client import Client
from annotate.label_studio.config import required
from annotate.label_studio.import_labels import ImportedLabels
from annotate.label_studio.project import Project, ServerTask, find, instructions, make
from annotate.label_studio.scheme_change import check_change
from annotate.label_studio.suggestions import Suggestion, put
from annotate.label_studio.transfer import SameDisk, Upload, choose, is_served
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import SCHEME, Task, read_tasks
from data.common.errors import UserError, some
from data.common.files import digest
from data.common.progress import progress


class As(str, Enum):
    """What labels from a file become."""

    annotations = "annotations"
    predictions = "predictions"


def push(
    upload: Annotated[bool, typer.Option(help="Upload copies, even to a server on this disk.")] = False,
    prelabel_: Annotated[bool, typer.Option("--prelabel", help="Add the model's predictions.")] = False,
    from_: Annotated[
        Path | None, typer.Option("--from", help="Add labels: Label Studio, COCO, YOLO or VIA.")
    ] = None,
    as_: Annotated[As, typer.Option("--as", help="What the labels of --from become.")] = As.annotations,
    gaps: Annotated[
        bool, typer.Option("--gaps", help="Annotations of --from only for images that have none there.")
    ] = False,
    images: Annotated[
        Path | None, typer.Option(help="The folder of the images that --from names, if not ours.")
    ] = None,
) -> None:
    """Bring images, scheme and suggestions to Label Studio, nothing twice."""
    as_predictions = as_ is As.predictions
    _check_options(
        (from_ is None and as_predictions, "--as predictions without --from FILE"),
        (from_ is None and gaps, "--gaps without --from FILE"),
        (from_ is None and images is not None, "--images without --from FILE"),
        (as_predictions and prelabel_, "--prelabel and --as predictions: the page shows one of them"),
        (as_predictions and gaps, "--gaps and --as predictions: gaps are filled with annotations"),
    )
    tasks, scheme = read_tasks(), read_scheme()
    predictions = prelabel.read(tasks, scheme) if prelabel_ else None
    labels = import_labels.read(from_, tasks, scheme, images, as_predictions, gaps) if from_ else None
    with Client(required()) as client:
        project = settle(client, scheme)
        there = bring(project, tasks, upload, None if as_predictions else labels)
        if predictions:
            suggest(project, there, predictions.version, predictions.suggestions)
        if labels and as_predictions:
            suggest(project, there, labels.version, labels.suggestions)
        print(f"label at {project.link()}")


def _check_options(*rules: tuple[bool, str]) -> None:
    for broken, options in rules:
        if broken:
            raise UserError(f"options that do not go together: {options}", "see --help, and leave out one.")


def settle(client: Client, scheme: Scheme) -> Project:
    """Return the project with our scheme and instructions, made or changed if need be.

    Raises `UserError` if labels exist that a changed scheme would orphan.
    """
    config, wanted = SCHEME.read_text(encoding="utf-8"), instructions()
    project = find(client)
    if project is None:
        project = make(client, config, wanted)
        print(f"project {project.number} made: {project.title}")
        return project
    if project.label_config.strip() != config.strip():
        old = None
        with suppress(UserError):  # one that cannot be read
            old = read_scheme(SCHEME, project.label_config.encode())
        check_change(project.exported(), old, scheme)
        project = project.changed(label_config=config)
        print("label scheme updated")
    if wanted and project.instructions.strip() != wanted:
        project = project.changed(expert_instruction=wanted)
        print("instructions updated")
    return project


def bring(
    project: Project, tasks: Sequence[Task], upload: bool, labels: ImportedLabels | None
) -> dict[str, ServerTask]:
    """Add the tasks that are missing, and labels to all; return every task that is there."""
    before, duplicates = project.pushed()
    there, way = before, ""
    missing = [task for task in tasks if task.image_id not in before]
    if missing:
        check_images(missing)
        transfer = choose(project, missing[0], upload)
        way = f" ({transfer.name})"
        send(project, transfer, missing, labels)
        there, duplicates = project.pushed()
    print(f"{len(missing)} added{way}, {len(tasks) - len(missing)} there already")
    # What differs there may have labels, so it stays.
    changed = [task.image_id for task in tasks if there[task.image_id].sha256 != task.sha256]
    if changed:
        print(f"{len(changed)} changed since they were pushed, left as they are: {some(changed)}")
    if duplicates:
        print(f"{duplicates} tasks show the image of another task; delete them on the page")
    if labels:
        import_labels.annotate(project, before, labels)
    return there


def check_images(tasks: Sequence[Task]) -> None:
    """Raise `UserError` unless every image's file is there and the one that was chosen."""
    files = [(task, Path(task.image)) for task in tasks]
    wrong = [
        task.image for task, path in files if not path.is_file() or digest(path, "sha256") != task.sha256
    ]
    if wrong:
        raise UserError(
            f"{len(wrong)} of {len(tasks)} images are missing, damaged or changed: {some(wrong)}",
            'bring them back with "dvc repro -f sample", or "dvc checkout annotate/out/images".',
        )


def send(
    project: Project, transfer: SameDisk | Upload, missing: Sequence[Task], labels: ImportedLabels | None
) -> None:
    """Add tasks in batches; the first image has to be served then."""
    client = project.client
    with progress("sending images", len(missing), "images") as bar:
        for batch in transfer.batches(missing):
            urls = transfer.urls(batch)
            if batch[0] is missing[0] and not is_served(client, urls[0], batch[0]):
                raise UserError(
                    f"{client.server.shown} does not serve {batch[0].image_id} at {urls[0]}",
                    "is it a Label Studio 1.x with its own media folder? Look at the server's log.",
                )
            entries = [_entry(task, url, labels) for task, url in zip(batch, urls, strict=True)]
            with client.expected():
                reply = client.sdk.projects.import_tasks(project.number, request=entries)
                if reply.task_count != len(batch):
                    raise ValueError("not all tasks were added")
            bar.advance(len(batch))


def _entry(task: Task, url: str, labels: ImportedLabels | None) -> dict[str, Any]:
    """Return a task as the server takes it, with the labels that it comes with."""
    data = {"image": url, "image_id": task.image_id, "sha256": task.sha256}
    annotations = labels.annotations.get(task.image_id, []) if labels else []
    if labels and annotations:
        return {"data": data, "annotations": [labels.raw(annotation) for annotation in annotations]}
    return {"data": data}


def suggest(
    project: Project, there: Mapping[str, ServerTask], version: str, suggestions: Mapping[str, Suggestion]
) -> None:
    """Put predictions there and print how many are new."""
    added, deleted = put(project, there, version, suggestions)
    older = f", {deleted} older ones removed" if deleted else ""
    print(f"predictions of {version}: {added} added{older}, {len(suggestions) - added} there already")
