"""Label Studio's own Python environment: 170 packages that the pipeline has no use for, in .label-studio/env.

uv makes it where there is one, pip where there is none, from annotate/server/label-studio.txt, which pins every
package. An environment that is not complete, or of another list, is made anew; its log is .label-studio/log.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

from filelock import FileLock

from annotate.server import child
from data.common.errors import UserError
from data.common.files import digest, disk_errors, write_text

PINS = Path(__file__).with_name("label-studio.txt")
STAMP = "complete"  # in the environment, written last: from which list, for which Python
ROOM = 1_500_000_000  # bytes: 800 MB of packages, and their archives until it is complete
HINT = "look at the end of the log; mend what it names, often the network, and repeat the command."
# What would lead the installers to another environment than the new one.
MISLEADING = {"VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PIP_USER", "PIP_TARGET", "PIP_PREFIX"}


def release(pins: Path = PINS) -> str:
    """Return the release of Label Studio that the list pins, as 1.23.2."""
    found = re.search(r"^label-studio==(\S+)", pins.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise UserError(f"{pins}: no label-studio==RELEASE in it", "take the file back from git.")
    return found[1]


def ready(home: Path, pins: Path = PINS) -> Path:
    """Return the interpreter of the environment in `home`, made now if it is missing.

    Raises `UserError` if the disk has no room or the installer fails.
    """
    home = home.absolute()
    folder, log = home / "env", home / "log"
    python = folder / "bin" / "python"  # not resolved: the link is what makes it this environment's
    wanted = f"{digest(pins, 'sha256')} python {sys.version_info.major}.{sys.version_info.minor}\n"
    with disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        with FileLock(home / "env.lock"):
            if not _complete(folder, python, wanted):
                _check_room(home)
                shutil.rmtree(folder, ignore_errors=True)
                log.unlink(missing_ok=True)
                _make(home, folder, python, pins)
                write_text(folder / STAMP, wanted)
    return python


def _complete(folder: Path, python: Path, wanted: str) -> bool:
    stamp = folder / STAMP
    return python.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == wanted


def _check_room(home: Path) -> None:
    free = shutil.disk_usage(home).free
    if free < ROOM:
        raise UserError(
            f"{os.path.relpath(home)}: {free / 1e6:,.0f} MB are free on this disk; Label Studio's "
            f"environment needs {ROOM / 1e6:,.0f} MB while it is made",
            "free some space and repeat the command.",
        )


def _make(home: Path, folder: Path, python: Path, pins: Path) -> None:
    cache, scratch = home / "cache", home / "tmp"
    scratch.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING}
    # Downloads of a try that failed are kept for the next one, here and not in the home folder.
    environment = {"UV_CACHE_DIR": str(cache), "PIP_CACHE_DIR": str(cache)} | environment
    environment |= {"TMPDIR": str(scratch), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    for what, command in _steps(folder, python, pins):
        child.run(command, what, home / "log", environment, HINT, lambda: _installed(folder, pins))
    shutil.rmtree(cache, ignore_errors=True)


def _installed(folder: Path, pins: Path) -> str:
    """Say how many packages are installed; the installers fetch all of them before they install the first."""
    count = len(list(folder.glob("lib/python*/site-packages/*.dist-info")))
    if not count:
        return "fetching packages"
    lines = pins.read_text(encoding="utf-8").splitlines()
    # A package has a line for each release that it needs on one Python or another.
    names = {line.partition("==")[0] for line in lines if line and not line.startswith("#")}
    return f"{count} of about {len(names)} packages installed"


def _steps(folder: Path, python: Path, pins: Path) -> list[tuple[str, list[str]]]:
    """Return what to say and what to run. The list is complete, so that nothing is left to resolve."""
    uv = find_uv()
    install = ["install", "--no-deps", "--requirement", str(pins)]
    if uv:
        return [
            ("making Label Studio's environment", [uv, "venv", "--python", sys.executable, str(folder)]),
            (f"installing Label Studio {release(pins)}", [uv, "pip", *install, "--python", str(python)]),
        ]
    what = f"installing Label Studio {release(pins)} without uv, which takes some minutes"
    return [
        ("making Label Studio's environment", [sys.executable, "-m", "venv", str(folder)]),
        (what, [str(python), "-m", "pip", *install, "--no-compile", "--progress-bar", "off"]),
    ]


def find_uv() -> str | None:
    """Return uv: beside this interpreter, where pip puts it, or on the PATH."""
    return shutil.which("uv", path=Path(sys.executable).parent) or shutil.which("uv")
