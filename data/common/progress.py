"""Progress with the time left: a live bar on a terminal, a plain line now and then on a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

PIPE_SECONDS = 15.0  # between two plain lines: a log of an hour stays readable
# Before either, no time left is told: what comes first of a work is the slowest of it.
ENOUGH_SHARE, ENOUGH_SECONDS = 0.02, 60.0


def clock(seconds: float) -> str:
    """Return a duration as people say it: `45 s`, `12 min`, `1 h 05 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


class Task:
    """A piece of long work that tells how far it is: `advance(n)`, with a note on the latest state."""

    def __init__(
        self, what: str, total: float, unit: str, done: float = 0, file: TextIO | None = None
    ) -> None:
        """Name the work, its size in units (`images`, `MB`), what was done before, and where to tell."""
        self.what, self.total, self.unit, self.file = what, total, unit, file
        self.done = self.before = done
        self.started = self.shown = time.monotonic()

    def since(self, done: float, started: float) -> None:
        """Measure the speed from an earlier moment on (of `time.monotonic`), when so much had been done."""
        self.before, self.started = done, started

    def advance(self, n: float, note: str = "") -> None:
        """Count n more units as done."""
        self.done += n
        now = time.monotonic()
        if now - self.shown >= PIPE_SECONDS:
            self.shown = now
            self._show(now - self.started, note)

    def _show(self, seconds: float, note: str) -> None:
        done = self.done - self.before
        parts = [self.what, f"{self.done:.0f}/{self.total:.0f} {self.unit}"]
        if note:
            parts.append(note)
        if done > 0 and (done >= ENOUGH_SHARE * self.total or seconds >= ENOUGH_SECONDS):
            parts.append(f"{clock(seconds * (self.total - self.done) / done)} left")
        print("  ".join(parts), flush=True, file=self.file)


class LiveTask(Task):
    """The same on a terminal: one line that is drawn anew and disappears when the work is done."""

    def __init__(self, bar: Progress, what: str, total: float, unit: str, done: float = 0) -> None:
        """Draw on the given bar."""
        super().__init__(what, total, unit, done)
        self.bar = bar
        self.row = bar.add_task(what, total=total, completed=int(done), note="")

    def advance(self, n: float, note: str = "") -> None:
        """Count n more units as done."""
        self.done += n
        self.bar.update(self.row, completed=self.done, note=note)


@contextmanager
def progress(what: str, total: float, unit: str, done: float = 0, stderr: bool = False) -> Iterator[Task]:
    """Open a piece of work; lines printed meanwhile appear above the bar.

    With `stderr` it is told there, and what is printed goes to where it was going.
    """
    console = Console(stderr=stderr)
    if not console.is_terminal:
        yield Task(what, total, unit, done, sys.stderr if stderr else None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:.0f} %  {task.fields[note]}"),
        TimeRemainingColumn(),
    )
    above = not stderr or (
        sys.stdout is not None and sys.stdout.isatty()
    )  # else the bar would take the data to its own stream
    with Progress(*columns, console=console, transient=True, redirect_stdout=above) as bar:
        yield LiveTask(bar, what, total, unit, done)


def track(items: Iterable[T], what: str, total: int, unit: str) -> Iterator[T]:
    """Yield the items and count each as one unit of progress."""
    with progress(what, total, unit) as task:
        for item in items:
            yield item
            task.advance(1)
