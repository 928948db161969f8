"""The local Label Studio: `python -m annotate serve` until Ctrl-C, with --detach until `... stop`.

The first start installs it and makes its database, all in .label-studio/, and a random account in .env. It
listens on 127.0.0.1 only, sends nothing outside this machine, writes nothing outside the repository and
serves files of annotate/out/ only, as /data/local-files/?d=images/NAME.png.
"""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path
from typing import Annotated

import typer
from filelock import FileLock

from annotate.label_studio.config import ENV
from annotate.labelling.tasks import FOLDER, OUT
from annotate.server import account, environment, process
from annotate.server.account import Account
from annotate.server.environment import failure, waiting
from annotate.server.process import HOME
from data.common.errors import UserError
from data.common.files import disk_errors

STOP = "python -m annotate stop"
STOPPED = f"Label Studio has stopped; its data stay in {HOME}/"


def serve(
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="where; by default that of .env, else 8080")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="leave it running and return")] = False,
) -> None:
    """Start Label Studio on this machine, installed at the first start."""
    if not FOLDER.is_dir():
        raise UserError(
            f"{FOLDER}: no such folder in {Path.cwd().name}/", "run it in the repository's top folder."
        )
    with disk_errors(HOME):
        HOME.mkdir(mode=0o700, exist_ok=True)
        with FileLock(HOME / "lock"):
            server = process.running(HOME)
            login = account.load(server.port if server else port)
            started = None if server else _launch(login)
    if started:
        _watch(started, login, detach)
    else:
        process.wait(HOME, login)
        _print_login(login, STOP)


def stop() -> None:
    """Stop the Label Studio that serve started."""
    print(STOPPED if process.stop(HOME) else "Label Studio is not running")


def _launch(login: Account) -> subprocess.Popen[bytes]:
    """Check what can be wrong, cheap checks first, then start the server."""
    process.check_data(HOME, environment.release())
    process.check_port(login.port)
    python = environment.ready(HOME)
    account.save(login)
    return process.launch(HOME, login, python, OUT)


def _watch(server: subprocess.Popen[bytes], login: Account, detach: bool) -> None:
    """Wait until the server answers and, without `detach`, until it ends; what ends this ends it too."""
    try:
        with waiting("starting Label Studio, which takes a minute or two the first time"):
            process.wait(HOME, login)
        _print_login(login, STOP if detach else "Ctrl-C")
        if detach:
            return
        code = server.wait()
    except BaseException as error:
        process.stop(HOME)
        if detach or not isinstance(error, KeyboardInterrupt):
            raise
        print()
        code = -signal.SIGTERM
    if code != -signal.SIGTERM:  # which `stop` sends
        hint = "repeat the command; the labels are kept."
        raise failure(f"Label Studio ended (exit code {code})", HOME / "log", hint, login.redacted)
    print(STOPPED)


def _print_login(login: Account, how_to_stop: str) -> None:
    print(f"Label Studio {environment.release()} is running at {login.url}")
    print(f"log in as {login.username}; the password is {account.PASSWORD} in {ENV}")
    print(f"to stop it: {how_to_stop}", flush=True)
