"""Label Studio's own Python environment: 170 packages, 800 MB, in .label-studio/env.

uv installs it (pip where there is none) from label-studio.txt, which pins every package; anew when it is
incomplete, or the list or the Python has changed. The installer's log is .label-studio/env.log.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from data.common.errors import UserError
from data.common.files import digest, write_text

PINS = Path(__file__).with_name("label-studio.txt")
DISK_FULL = re.compile("no space left|disk is full|disk quota|file too large|disk i/o error", re.IGNORECASE)


def release(pins: Path = PINS) -> str:
    """Return the release of Label Studio that the list pins, as 1.23.2."""
    (pinned,) = re.findall(r"^label-studio==(\S+)", pins.read_text(encoding="utf-8"), re.MULTILINE)
    return str(pinned)


def ready(home: Path, pins: Path = PINS) -> Path:
    """Return the interpreter of the environment in `home`, installed now if it is missing."""
    folder = home.absolute() / "env"
    python, stamp = folder / "bin/python", folder / "complete"  # not resolved: the link makes it a venv
    wanted = f"{digest(pins, 'sha256')} python {sys.version_info.major}.{sys.version_info.minor}\n"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(home / "env.lock"):
        if not (python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted):
            shutil.rmtree(folder, ignore_errors=True)
            with waiting("installing Label Studio (800 MB)"):
                _install(folder, python, pins)
            write_text(stamp, wanted)
    return python


def _install(folder: Path, python: Path, pins: Path) -> None:
    cache, log = folder.with_name("cache"), folder.with_name("env.log")
    install = ["install", "--no-deps", "--requirement", str(pins)]  # complete: nothing is left to resolve
    if uv := shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv"):
        make = [uv, "venv", "--python", sys.executable, str(folder)]
        fill = [uv, "pip", *install, "--python", str(python)]
    else:  # -I: a PYTHONPATH of the shell would hide missing packages
        make = [sys.executable, "-I", "-m", "venv", str(folder)]
        fill = [str(python), "-I", "-m", "pip", *install, "--no-compile"]
    # Downloads of an install that failed are kept for the next, inside the repository.
    caches = {"UV_CACHE_DIR": str(cache), "PIP_CACHE_DIR": str(cache)}
    with log.open("wb") as output:
        for command in (make, fill):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=caches | os.environ
            )
            if done.returncode:
                hint = "mend what the log names, often the network, and repeat the command."
                raise failure(f"installing Label Studio failed (exit code {done.returncode})", log, hint)
    shutil.rmtree(cache, ignore_errors=True)


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show what is being waited for: with the time so far on a terminal, else in one line."""
    console = Console()
    if not console.is_terminal:
        print(f"{what} ...", flush=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task(what, total=None)
        yield


def failure(what: str, log: Path, hint: str, redacted: Callable[[str], str] = str) -> UserError:
    """Return the error for a program that failed, with the last lines of its log, secrets taken out."""
    lines = [line for line in redacted(log.read_text(errors="replace")).splitlines() if line.strip()]
    end = "\n".join(f"    {line[:160]}" for line in lines[-8:])
    if DISK_FULL.search(end):
        hint = "the disk is full or refuses to be written: free some space and repeat the command."
    return UserError(f"{what}; the end of {os.path.relpath(log)}:\n{end}", hint)
