"""Bring the images, the label scheme and, if wanted, suggestions or labels to Label Studio.

    python -m annotate push                     what is missing there, and nothing twice
    python -m annotate push --prelabel          and the model's answers, prefilled on the page
    python -m annotate push --from FILE         and labels that were made elsewhere

Reads annotate/project/tasks.json, images/, label_config.xml and instructions.html; for --prelabel
train/out/report/task_predictions.csv. Changes the project that LABEL_STUDIO_PROJECT names, and keeps what it
finds there in .label-studio/pushed.json.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from annotate.commands import prelabel
from annotate.commands.freshness import ANSWERS
from annotate.label_studio import import_labels, project
from annotate.label_studio.client import PAUSE, TRIES, Api, PassingError
from annotate.label_studio.config import required
from annotate.label_studio.errors import foreign
from annotate.label_studio.import_labels import ImportedLabels
from annotate.label_studio.predictions import Suggestion, put
from annotate.label_studio.project import Project
from annotate.label_studio.project_cache import Listing, Pushed
from annotate.label_studio.scheme_change import check_change
from annotate.label_studio.transfer import Delivery, choose, is_served
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import SCHEME, Task, read_tasks
from data import params
from data.common.errors import UserError, some
from data.common.files import digest
from data.common.progress import progress
from data.datasets import sample as embedded


class As(str, Enum):
    """What labels from a file become."""

    annotations = "annotations"
    predictions = "predictions"


def push(
    upload: Annotated[bool, typer.Option(help="Upload copies, even to a server on this disk.")] = False,
    prelabel_: Annotated[
        bool, typer.Option("--prelabel", help=f"Add the model's answers: {ANSWERS}.")
    ] = False,
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
    guesses = as_ is As.predictions
    about_file = {"--as predictions": guesses, "--gaps": gaps, "--images": images is not None}
    if idle := next((name for name, given in about_file.items() if given and not from_), None):
        raise UserError(f"{idle} without --from: there is no file of labels", "name it, or leave this out.")
    if guesses and (prelabel_ or gaps):
        raise UserError(
            "--prelabel and --as predictions together: the page shows one set of predictions"
            if prelabel_
            else "--gaps and --as predictions together: it is about annotations alone",
            "leave out one of them, or bring the file --as annotations.",
        )
    tasks, scheme = read_tasks(), read_scheme()
    answers = prelabel.read(tasks, scheme) if prelabel_ else None
    labels = import_labels.read(from_, tasks, scheme, images, guesses, gaps, _own_folder()) if from_ else None
    with Api(required()) as api:
        ours = settle(api, scheme)
        there = bring(api, ours, tasks, upload, None if guesses else labels)
        if answers:
            suggest(api, ours, there, answers.version, answers.suggestions)
        if labels and guesses:
            if labels.further:
                print(
                    f"{labels.further} annotations left out: one prediction an image, the first annotator's"
                )
            suggest(api, ours, there, labels.version, labels.suggestions)
        print(f"label at {project.link(api, ours)}")


def _own_folder() -> Path | None:
    """Return the folder of images that the user named; what is wrong with params.yaml stops no push."""
    with suppress(UserError):
        source = Path(params.load().annotate.source)
        return None if source == embedded.FOLDER else source
    return None


def settle(api: Api, scheme: Scheme) -> Project:
    """Return the project with our scheme and instructions, made or changed if need be.

    Raises `UserError` if labels exist that a changed scheme would orphan.
    """
    config, told = SCHEME.read_text(encoding="utf-8"), project.instructions()
    found = project.find(api)
    if found is None:
        found = project.make(api, config, told)
        print(f"project {found.number} made: {found.title}")
        return found
    if found.label_config.strip() != config.strip():
        check_change(project.exported(api, found, True), _scheme_of(found), scheme)
        found = project.change(api, found, label_config=config)
        print("label scheme updated")
    if told and found.instructions.strip() != told:
        found = project.change(api, found, expert_instruction=told)
        print("instructions updated")
    return found


def _scheme_of(found: Project) -> Scheme | None:
    """Return the scheme that the project has; None if it is not one of ours."""
    try:
        return read_scheme(SCHEME, found.label_config.encode())
    except UserError:
        return None


def bring(
    api: Api, ours: Project, tasks: Sequence[Task], upload: bool, labels: ImportedLabels | None
) -> dict[str, Pushed]:
    """Add the tasks that are missing, and labels to all; return every task that is there.

    After a failure that may pass it looks again at what has arrived, and sends the rest.
    """
    found = project.pushed(api, ours)
    before = found.tasks
    added, way = 0, ""
    for attempt in range(TRIES):
        missing = [task for task in tasks if task.image_id not in found.tasks]
        if not missing:
            break
        check_images(missing)
        try:
            delivery = choose(api, ours, missing[0], upload)
            way = f" ({delivery.name})"
            send(api, ours, delivery, missing, labels)
        except PassingError:
            if attempt + 1 == TRIES:
                raise
            time.sleep(PAUSE * (attempt + 1))
        found = project.pushed(api, ours)
    added = len([task for task in tasks if task.image_id not in before])
    print(f"{added} added{way}, {len(tasks) - added} there already")
    _report(tasks, found)
    if labels:
        import_labels.annotate(api, ours, before, labels)
    return found.tasks


def _report(tasks: Sequence[Task], found: Listing) -> None:
    """Say what on the server is not as it should be; people's labels may hang on it, so it stays."""
    changed = [task.image_id for task in tasks if found.tasks[task.image_id].sha256 != task.sha256]
    if changed:
        print(f"{len(changed)} changed since they were pushed, left as they are: {some(changed)}")
    if found.doubles:
        print(f"{found.doubles} tasks show an image that another task shows, too; delete them on the page")


def check_images(tasks: Sequence[Task]) -> None:
    """Raise `UserError` unless every image's file is there and the one that was chosen."""
    missing = [task.image for task in tasks if not Path(task.image).is_file()]
    wrong = (
        [] if missing else [task.image for task in tasks if digest(Path(task.image), "sha256") != task.sha256]
    )
    if missing or wrong:
        found = "missing" if missing else "damaged or changed"
        raise UserError(
            f"{len(missing or wrong)} of {len(tasks)} images are {found}: {some(missing or wrong)}",
            'bring them back with "dvc repro -f sample", or "dvc checkout annotate/out/images".',
        )


def send(
    api: Api, ours: Project, delivery: Delivery, missing: Sequence[Task], labels: ImportedLabels | None
) -> None:
    """Add tasks part by part; the first image of the first part has to be served then."""
    with progress("sending images", len(missing), "images") as work:
        for part in delivery.batches(missing):
            addresses = delivery.addresses(part)
            if part[0] is missing[0] and not is_served(api, addresses[0], part[0]):
                raise UserError(
                    f"{api.server.shown} does not serve {part[0].image_id} at {addresses[0]}",
                    "is it a Label Studio 1.x with its own media folder? Look at the server's log.",
                )
            entries = [_entry(task, at, labels) for task, at in zip(part, addresses, strict=True)]
            reply = api.post(f"/api/projects/{ours.number}/import", entries)
            if not isinstance(reply, dict) or reply.get("task_count") != len(part):
                raise foreign(api.server.url)
            work.advance(len(part))


def _entry(task: Task, address: str, labels: ImportedLabels | None) -> dict[str, Any]:
    """Return a task as the server takes it, with the labels that it comes with."""
    data = {"image": address, "image_id": task.image_id, "sha256": task.sha256}
    given = labels.annotations.get(task.image_id) if labels else None
    return {"data": data, "annotations": given} if given else {"data": data}


def suggest(
    api: Api, ours: Project, there: Mapping[str, Pushed], version: str, wanted: Mapping[str, Suggestion]
) -> None:
    """Put predictions there and say how many are new."""
    added, removed = put(api, ours, there, version, wanted)
    gone = f", {removed} older ones removed" if removed else ""
    print(f"predictions of {version}: {added} added{gone}, {len(wanted) - added} there already")
