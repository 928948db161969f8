"""Who has labelled what on Label Studio, how long it takes, and which images are left.

    python -m annotate status            once
    python -m annotate status --watch    again every few seconds, until Ctrl-C

Reads annotate/project/tasks.json and the project that LABEL_STUDIO_PROJECT names; changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Annotated

import pandas as pd
import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from annotate.commands.label_counts import Counts, count
from annotate.label_studio.client import Client
from annotate.label_studio.config import required
from annotate.label_studio.project import Project, existing
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
    with Client(required()) as client:
        project = _filled_project(client)
        shown = len(tasks) if all_ else SHOWN
        first = page(project, look(project, tasks, scheme), scheme, shown)
        if not watch or not console.is_terminal:
            console.print(first, soft_wrap=True)
            return
        with Live(first, console=console, auto_refresh=False) as live:
            while True:
                time.sleep(SECONDS)
                live.update(page(project, look(project, tasks, scheme), scheme, shown), refresh=True)


def _filled_project(client: Client) -> Project:
    project = existing(client)
    if not project.tasks:
        raise UserError(
            f"project {project.title!r} at {project.link()} is empty",
            'bring the images with "python -m annotate push".',
        )
    return project


def look(project: Project, tasks: Sequence[Task], scheme: Scheme) -> Counts:
    """Return the state of the project now."""
    with project.client.expected():
        emails = {int(user.id): str(user.email) for user in project.client.sdk.users.list()}
    return count(project.exported(), tasks, scheme, emails)


def page(project: Project, counts: Counts, scheme: Scheme, shown: int) -> RenderableType:
    """Return the tables and the first images that are left."""
    done = counts.images - len(counts.left)
    head = f"{project.title}: {done} of {counts.images} images done or skipped, {len(counts.left)} left"
    tables = [] if counts.work.empty else [_table(counts.people()), _table(counts.classes(scheme))]
    images = [
        f"{left.image}  {left.state}  "
        + (project.link(left.number) if left.number else "python -m annotate push")
        for left in counts.left[:shown]
    ]
    if len(counts.left) > shown:
        images.append(f"and {len(counts.left) - shown:,} more; --all names them")
    if not counts.left:
        images.append('all done; fetch the labels with "dvc repro -fs export"')
    return Group(Text(head), *tables, *map(Text, images))


def _table(frame: pd.DataFrame) -> Table:
    table = Table(str(frame.index.name), box=box.SIMPLE_HEAD)
    for name in frame.columns:
        table.add_column(Text(str(name)), justify="right")
    for row in frame.itertuples():
        cells = (f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row[1:])
        table.add_row(Text(str(row[0])), *("" if cell == "nan" else cell for cell in cells))
    return table
