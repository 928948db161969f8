"""A fresh clone of the repository, and dvc in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tiny import ROOT


def make(folder: Path) -> Path:
    """Make a fresh clone of the working tree, with no cache and no output."""
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
    """Link the environment of the tests to where the Makefile makes one."""
    (folder / ".venv").mkdir(exist_ok=True)
    for name in ("bin", "lib", "pyvenv.cfg"):
        if not (folder / ".venv" / name).exists():
            (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (folder / ".venv/ready").touch()


def environment() -> dict[str, str]:
    """Return the variables of a user: `python` is this one, no Label Studio or CIFAR-10 is configured."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "DVC_NO_ANALYTICS": "true"}
    return {
        name: text for name, text in variables.items() if not name.startswith(("LABEL_STUDIO", "CIFAR10"))
    }


def dvc(clone: Path, *arguments: str, code: int = 0) -> str:
    """Run dvc in the clone and return its output."""
    process = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        cwd=clone,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert process.returncode == code, process.stdout
    return process.stdout


def ran(output: str) -> list[str]:
    """Return the stages that a `dvc repro` ran."""
    return re.findall(r"Running stage '(\w+)'", output)
