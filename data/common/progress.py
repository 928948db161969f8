"""Progress with the time left: a live bar on a terminal, a plain line now and then on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

T = TypeVar("T")

PIPE_SECONDS = 15.0  # between two plain lines: a log of an hour stays readable
# Before either is reached no time left is shown: the first steps are the slowest.
ENOUGH_SHARE, ENOUGH_SECONDS = 0.02, 60.0


def clock(seconds: float) -> str:
    """Return a duration as people say it: `45 s`, `12 min`, `1 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class ProgressTask:
    """Long work that shows how much is done: `advance(n)`, with a note on the latest state."""

    def __init__(
        self, what: str, total: float, unit: str, done: float, bar: Progress | None, stderr: bool
    ) -> None:
        """Name the work, its size in units (`images`, `%`), what was done before, and where to show it."""
        self.what, self.total, self.unit, self.done = what, total, unit, done
        self.bar, self.file = bar, sys.stderr if stderr else sys.stdout
        self.row = bar.add_task(what, total=total, completed=int(done), note="") if bar else None
        self.since(done, time.monotonic())
        self.shown = self.started

    def since(self, done: float, started: float) -> None:
        """Measure the speed from another moment (of `time.monotonic`), when so much was done."""
        self.before, self.started = done, started

    def advance(self, n: float, note: str = "") -> None:
        """Count n more units as done."""
        self.done += n
        now = time.monotonic()
        parts = [note, self._left(now - self.started)]
        if self.bar and self.row is not None:
            self.bar.update(self.row, completed=self.done, note="  ".join(filter(None, parts)))
        elif now - self.shown >= PIPE_SECONDS:
            self.shown = now
            parts = [self.what, f"{self.done:.0f}/{self.total:.0f} {self.unit}", *parts]
            print("  ".join(filter(None, parts)), flush=True, file=self.file)

    def _left(self, seconds: float) -> str:
        done = self.done - self.before
        if done <= 0 or (done < ENOUGH_SHARE * self.total and seconds < ENOUGH_SECONDS):
            return ""
        return f"{clock(seconds * (self.total - self.done) / done)} left"


@contextmanager
def progress(
    what: str, total: float, unit: str, done: float = 0, stderr: bool = False
) -> Iterator[ProgressTask]:
    """Show the progress of a block; lines printed meanwhile appear above the bar."""
    console = Console(stderr=stderr)
    if not console.is_terminal:
        yield ProgressTask(what, total, unit, done, None, stderr)
        return
    text = TextColumn("{task.percentage:.0f} %  {task.fields[note]}")
    # Data on standard output that goes into a file must not be taken to the bar's stream.
    above = not stderr or sys.stdout.isatty()
    columns = TextColumn("{task.description}"), BarColumn(bar_width=20), text
    with Progress(*columns, console=console, transient=True, redirect_stdout=above) as bar:
        yield ProgressTask(what, total, unit, done, bar, stderr)


def track(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    """Yield the items and count each as one unit of progress."""
    with progress(what, total, unit) as task:
        for item in items:
            yield item
            task.advance(1)
