"""Who has labelled what on Label Studio, how long it takes, and which images are left.

    python -m annotate status

Reads annotate/project/tasks.json and the project that LABEL_STUDIO_PROJECT names; changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pandas as pd
import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from annotate.commands.label_counts import Left, count
from annotate.label_studio.client import Client
from annotate.label_studio.config import required
from annotate.label_studio.project import Project, existing
from annotate.labelling.scheme import read_scheme
from annotate.labelling.tasks import read_tasks
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
