"""A fresh clone of the repository, and dvc in it as a user runs it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tiny import ROOT


def make(folder: Path) -> Path:
    """Make a fresh clone of the repository as it is in the working tree, with no cache and no output."""
    listed = subprocess.check_output(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"], cwd=ROOT, text=True
    )
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    commit(folder)
    return folder


def commit(folder: Path) -> None:
    """Commit all that git does not ignore."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["add", "-A"], [*who, "commit", "-qm", "test"]):
        subprocess.run(["git", *command], cwd=folder, check=True)


def with_environment(folder: Path) -> None:
    """Give a clone the environment of the tests as the one that the Makefile makes."""
    (folder / ".venv").mkdir(exist_ok=True)
    for name in ("bin", "lib", "pyvenv.cfg"):
        if not (folder / ".venv" / name).exists():
            (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (folder / ".venv/ready").touch()


def environment() -> dict[str, str]:
    """Return the environment of a user: `python` is the one with the packages, no Label Studio is known."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("LABEL_STUDIO", "CIFAR10"))
    }
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return kept | {"PATH": path, "DVC_NO_ANALYTICS": "true"}


def dvc(clone: Path, *arguments: str, code: int = 0) -> str:
    """Run dvc in the clone and return all that it says."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=clone,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def ran(said: str) -> list[str]:
    """Return the stages that a `dvc repro` ran."""
    return re.findall(r"Running stage '(\w+)'", said)
