"""Who has labelled what on Label Studio, how long it takes, and which images are left.

    python -m annotate status

Reads annotate/project/tasks.json and the project that LABEL_STUDIO_PROJECT names; changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from annotate.label_studio.client import Client
from annotate.label_studio.config import required
from annotate.label_studio.project import Project, existing
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import Task, read_tasks
from data.common.errors import UserError

SHOWN = 10  # images that are left, with their addresses


def status(
    all_: Annotated[bool, typer.Option("--all", help="Name every image that is left.")] = False,
) -> None:
    """Say who has labelled what, how fast, and what is left."""
    tasks, scheme = read_tasks(), read_scheme()
    with Client(required()) as client:
        project = existing(client)
        if not project.tasks:
            raise UserError(
                f"project {project.title!r} at {project.link()} is empty",
                'bring the images with "python -m annotate push".',
            )
        with client.expected():
            emails = {int(user.id): str(user.email) for user in client.sdk.users.list()}
        counts = count(project.exported(), tasks, scheme, emails)
    done, left = len(tasks) - len(counts.left), len(counts.left)
    print(f"{project.title}: {done} of {len(tasks)} images done or skipped, {left} left")
    if not counts.work.empty:
        Console().print(_table(counts.people()), _table(counts.classes(scheme)), soft_wrap=True)
    _print_left(counts.left, project, left if all_ else SHOWN)


def _print_left(left: Sequence[Left], project: Project, shown: int) -> None:
    for image in left[:shown]:
        link = project.link(image.number) if image.number else "python -m annotate push"
        print(f"{image.image}  {image.state}  {link}")
    if len(left) > shown:
        print(f"and {len(left) - shown:,} more; --all names them")
    if not left:
        print('all done; fetch the labels with "dvc repro -fs export"')


def _table(frame: pd.DataFrame) -> Table:
    table = Table(str(frame.index.name), box=box.SIMPLE_HEAD)
    for name in frame.columns:
        table.add_column(Text(str(name)), justify="right")
    for row in frame.itertuples():
        cells = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row[1:])
        table.add_row(Text(str(row[0])), *("" if cell == "nan" else cell for cell in cells))
    return table


NO_CLASS = "(no class)"
KINDS = ["done", "skipped", "drafts"]


@dataclass(frozen=True)
class Left:
    """An image that nobody has finished: its task's number on the server, None if it is not there."""

    image: str
    number: int | None
    state: str


@dataclass(frozen=True)
class Counts:
    """The state of a project: the work on our images, and those that nobody has labelled or skipped.

    `work` has a row for each annotation and draft: annotator, image, kind (of `KINDS`), class, seconds.
    """

    images: int
    work: pd.DataFrame
    left: tuple[Left, ...]

    def people(self) -> pd.DataFrame:
        """Return by annotator how many are done, skipped, drafts and left, and the median of the seconds."""
        finished = self.work[self.work["kind"] != "drafts"].groupby("annotator")["image"].nunique()
        table = pd.crosstab(self.work["annotator"], self.work["kind"]).reindex(columns=KINDS, fill_value=0)
        table["left"] = self.images - finished.reindex(table.index, fill_value=0)
        table["seconds (median)"] = self.work.groupby("annotator")["seconds"].median()
        return table

    def classes(self, scheme: Scheme) -> pd.DataFrame:
        """Return how often each annotator gave each class; those that the scheme does not have come last."""
        table = pd.crosstab(self.work["class"], self.work["annotator"])
        known = list(scheme.image_class.options) if scheme.image_class else []
        return table.reindex([*known, *sorted(set(table.index) - set(known))], fill_value=0)


def count(
    raw: Iterable[Mapping[str, Any]], tasks: Sequence[Task], scheme: Scheme, emails: Mapping[int, str]
) -> Counts:
    """Count annotations and drafts of our images; an image is done when one person has submitted it.

    `emails` are people's by their number: an export has the number or a record with it.
    """
    on_server: dict[str, list[Mapping[str, Any]]] = defaultdict(list)  # an image may have several tasks
    for task in raw:
        on_server[str((task.get("data") or {}).get("image_id"))].append(task)
    rows: list[list[Any]] = []
    left = []
    for image in (task.image_id for task in tasks):
        theirs = on_server[image]
        annotations = [annotation for task in theirs for annotation in task.get("annotations") or []]
        drafts = [draft for task in theirs for draft in task.get("drafts") or []]
        for annotation in annotations:
            annotator = _email(annotation.get("completed_by"), emails)
            rows.append([annotator, image, *_finished(annotation, scheme)])
        rows += [[_email(draft.get("user"), emails), image, "drafts", None, None] for draft in drafts]
        if not annotations:
            state = "draft" if drafts else "to do" if theirs else "not pushed"
            left.append(Left(image, theirs[0]["id"] if theirs else None, state))
    work = pd.DataFrame(rows, columns=["annotator", "image", "kind", "class", "seconds"])
    return Counts(len(tasks), work.astype({"seconds": float}), tuple(left))


def _email(person: Any, emails: Mapping[int, str]) -> str:
    number: Any = person.get("id") if isinstance(person, dict) else person
    return emails.get(number, str(number))


def _finished(annotation: Mapping[str, Any], scheme: Scheme) -> tuple[str, str | None, float | None]:
    """Return an annotation's kind, class, whether the scheme has it or not, and seconds."""
    if annotation.get("was_cancelled"):
        return "skipped", None, None
    question = scheme.image_class.name if scheme.image_class else None
    choices = [
        part["value"]["choices"][0]
        for part in annotation.get("result") or []
        if part.get("from_name") == question and part.get("value", {}).get("choices")
    ]
    return "done", str(choices[0]) if choices else NO_CLASS, annotation.get("lead_time")
