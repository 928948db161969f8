"""Programs that run beside this one: what they say goes into a log, what they do is shown, why they failed.

No message holds more of a log than its last lines, and none the secrets that the caller has taken out.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.status import Status

from data.common.errors import UserError
from data.common.files import disk_errors
from data.common.progress import PIPE_SECONDS, clock

LINES = 8  # of a log, in a message
WIDTH = 160  # characters of a line in a message
TAIL = 1 << 16  # bytes of a log that may hold its last lines
LINE_END = re.compile(rb"[\r\n]")
LOOK = 0.2  # seconds between two looks at a program
GRACE = 15.0  # seconds to end in, before a program is ended
# What the installers, Python and SQLite say when the disk refuses.
FULL = ("no space left", "disk is full", "disk quota exceeded", "file too large", "disk i/o error")


class Waiting:
    """Work of unknown length, with the seconds so far: a live line on a terminal, else one now and then."""

    def __init__(self, what: str) -> None:
        """Name the work."""
        self.what = what
        self.started = self.shown = time.monotonic()
        console = Console()
        self.live = Status(escape(what), console=console) if console.is_terminal else None

    def __enter__(self) -> Waiting:
        """Show what is waited for."""
        if self.live:
            self.live.start()
        else:
            print(f"{self.what} ...", flush=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the live line away."""
        if self.live:
            self.live.stop()

    def pause(self, note: str = "") -> None:
        """Wait for a moment; the note says how far the work is."""
        time.sleep(LOOK)
        now = time.monotonic()
        line = f"{self.what}  {clock(now - self.started)}  {note}".rstrip()
        if self.live:
            self.live.update(escape(line[: self.live.console.width - 3]))
        elif now - self.shown >= PIPE_SECONDS:
            self.shown = now
            print(line, flush=True)


def tail(log: Path, redacted: Callable[[str], str] = str) -> list[str]:
    """Return the last lines of a log that are not empty, without the secrets, cut to a readable width."""
    if not log.exists():
        return []
    with log.open("rb") as file:
        start = file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL))
        end = file.read()
    if start:
        end = LINE_END.split(end, 1)[-1]  # what is left of a line may begin within a secret
    text = redacted(end.decode(errors="replace"))
    kept = [line.rstrip()[:WIDTH] for line in text.splitlines() if line.strip()]
    return kept[-LINES:]


def failure(what: str, log: Path, hint: str, redacted: Callable[[str], str] = str) -> UserError:
    """Return the error for a program that failed, with the end of its log; a full disk has its own hint."""
    end = "\n".join(f"    {line}" for line in tail(log, redacted))
    if any(sign in end.lower() for sign in FULL):
        hint = "the disk is full or refuses to be written: free some space and repeat the command."
    shown = os.path.relpath(log)
    return UserError(f"{what}; the end of {shown}:\n{end}" if end else f"{what}; {shown} is empty", hint)


def run(
    command: Sequence[str],
    what: str,
    log: Path,
    environment: Mapping[str, str],
    hint: str,
    note: Callable[[], str] = str,
) -> None:
    """Run a program to its end, its words added to the log; `note` says meanwhile how far it is.

    Raises `UserError` with the end of the log if it fails. Whatever stops this one stops that one.
    """
    with disk_errors(log), log.open("ab") as file:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    try:
        with Waiting(what) as waiting:
            while process.poll() is None:
                waiting.pause(note())
    finally:
        end(process)
    if process.returncode:
        raise failure(f"{what} failed (exit code {process.returncode})", log, hint)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a program that leads a session of its own, politely and then by force, and what it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
