"""Who has labelled what on Label Studio, how long it takes, and which images are left.

    python -m annotate status            once
    python -m annotate status --watch    again every few seconds, until Ctrl-C

Reads annotate/project/tasks.json and the project that LABEL_STUDIO_PROJECT names; changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from annotate.commands.label_counts import NO_CLASS, Count, count
from annotate.label_studio import project
from annotate.label_studio.client import Api
from annotate.label_studio.config import missing, required
from annotate.label_studio.errors import foreign
from annotate.label_studio.project import Project
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import Task, read_tasks
from data.common.errors import UserError

SECONDS = 5.0  # between two looks: a look at 100 images takes the server 0.2 s
SHOWN = 10  # images that are left, with their addresses


def status(
    watch: Annotated[bool, typer.Option(help="Look again every few seconds, until Ctrl-C.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="Name every image that is left.")] = False,
) -> None:
    """Say who has labelled what, how fast, and what is left."""
    tasks, scheme = read_tasks(), read_scheme()
    console = Console()
    with Api(required()) as api:
        ours = _project(api)
        shown = None if all_ else SHOWN
        first = page(api, ours, look(api, ours, tasks, scheme), scheme, shown)
        if not watch or not console.is_terminal:
            console.print(first, soft_wrap=True)
            return
        with Live(first, console=console, auto_refresh=False) as live:
            while True:
                time.sleep(SECONDS)
                found = look(api, ours, tasks, scheme)
                live.update(page(api, ours, found, scheme, shown), refresh=True)


def _project(api: Api) -> Project:
    found = project.find(api)
    if found is None:
        raise missing(api.server)
    if not found.size:
        raise UserError(
            f"project {found.title!r} at {project.link(api, found)} is empty",
            'bring the images with "python -m annotate push".',
        )
    return found


def look(api: Api, ours: Project, tasks: Sequence[Task], scheme: Scheme) -> Count:
    """Return the state of the project now."""
    users = api.get("/api/users/")
    if not isinstance(users, list):
        raise foreign(api.server.url)
    addresses = {one["id"]: str(one["email"]) for one in users}
    return count(project.exported(api, ours, True), tasks, scheme, addresses)


def page(api: Api, ours: Project, found: Count, scheme: Scheme, most: int | None) -> RenderableType:
    """Return what is shown: two tables, and the first `most` images that are left, or all."""
    head = f"{ours.title}: {found.done} of {found.images} images done or skipped, {len(found.left)} left"
    parts: list[RenderableType] = [Text(head)]
    if found.foreign:
        parts.append(Text(f"{found.foreign} further tasks show images that are not in tasks.json"))
    if found.people:
        parts += [_people(found), _classes(found, scheme)]
        again = sum(one.again for one in found.people.values())
        if again:
            parts.append(Text(f"submitted or skipped more than once by the same annotator: {again}"))
    for one in found.left[:most]:
        where = project.link(api, ours, one.number) if one.number else "python -m annotate push"
        parts.append(Text(f"{one.image}  {one.state}  {where}"))
    if most is not None and len(found.left) > most:
        parts.append(Text(f"and {len(found.left) - most:,} more; --all names them"))
    if not found.left:
        parts.append(Text('all done; fetch the labels with "dvc repro -fs export"'))
    return Group(*parts)


def _people(found: Count) -> Table:
    table = Table("annotator", box=box.SIMPLE_HEAD)
    for name in ("done", "skipped", "drafts", "left", "seconds (median)"):
        table.add_column(name, justify="right")
    for name, one in sorted(found.people.items()):
        left = found.images - one.images
        median = "" if one.median_seconds is None else f"{one.median_seconds:.1f}"
        table.add_row(
            Text(name), *(str(number) for number in (one.done, one.skipped, one.drafts, left)), median
        )
    return table


def _classes(found: Count, scheme: Scheme) -> Table:
    """Return how often each person gave each class; a class that is not in the scheme comes last."""
    names = sorted(found.people)
    table = Table("class", box=box.SIMPLE_HEAD)
    for name in (*names, "all") if len(names) > 1 else names:
        table.add_column(Text(name), justify="right")
    known = scheme.image_class.options if scheme.image_class else ()
    given = {label for one in found.people.values() for label in one.classes}
    for label in (*known, *sorted(given - {*known, NO_CLASS}), *({NO_CLASS} & given)):
        numbers = [found.people[name].classes[label] for name in names]
        cells = [*numbers, sum(numbers)] if len(names) > 1 else numbers
        table.add_row(Text(label), *(str(number) for number in cells))
    return table
