"""What lay in a project at the last look: .label-studio/pushed.json, which git ignores.

To list 5,000 labelled tasks takes a server on SQLite four seconds and more, since it reads their labels too.
How many tasks there are and which is the newest, which it tells at once, is enough to know that none came and
none went: a database gives out each number once, so that a new task has a higher one than all before it, and
the moment at which it was made tells it from one in another database. What this cannot tell is whether
somebody changed what a task shows, for which Label Studio's page has no means, only its API.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from annotate.server.process import HOME
from data.common.errors import UserError
from data.common.files import write_text

KEPT = HOME / "pushed.json"


@dataclass(frozen=True)
class State:
    """A project of a server: how many tasks it has, and the newest one's number and time of making."""

    server: str
    project: int
    total: int
    last: int
    made: str


@dataclass(frozen=True)
class Pushed:
    """A task on the server: its number, and the checksum of the image when it was pushed."""

    number: int
    sha256: str


@dataclass(frozen=True)
class Listing:
    """Our name of each image in a project to its task, and how many tasks show an image again."""

    tasks: dict[str, Pushed]
    doubles: int


def recall(state: State, path: Path = KEPT) -> Listing | None:
    """Return what lay in the project when it was in that state; None if that is not known."""
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        if kept["state"] != asdict(state):
            return None
        tasks = {str(name): Pushed(int(number), str(sha256)) for name, number, sha256 in kept["tasks"]}
    except (OSError, ValueError, TypeError, KeyError):
        return None
    # A file that somebody cut or changed has to add up like a listing of the server.
    sound = tasks and len(tasks) <= state.total and max(one.number for one in tasks.values()) <= state.last
    return Listing(tasks, state.total - len(tasks)) if sound else None


def remember(state: State, found: Listing, path: Path = KEPT) -> None:
    """Keep what lies in the project; where the disk refuses, the next look takes longer and is as right."""
    tasks = [[name, one.number, one.sha256] for name, one in found.tasks.items()]
    with suppress(UserError, OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)  # as `serve` makes it
        write_text(path, json.dumps({"state": asdict(state), "tasks": tasks}))
