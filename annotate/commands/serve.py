"""Label Studio on this machine, from a clone to the login page.

    python -m annotate serve             until Ctrl-C
    python -m annotate serve --detach    until python -m annotate stop
    python -m annotate stop

The first start installs Label Studio and makes its database, all of it in .label-studio/, and an account at
random, in .env. It listens on 127.0.0.1 only, asks nothing outside this machine, and writes nothing outside
the repository. Dataset on this disk are served from annotate/ (its document root): a project that has
connected the folder annotate/out/images as local storage, by its absolute path, shows a task's image at
/data/local-files/?d=images/NAME.png. The document root itself is refused as local storage.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from annotate.label_studio.config import ENV
from annotate.labelling.tasks import FOLDER
from annotate.server import account, child, environment, ports, process
from annotate.server.account import Account
from annotate.server.process import HOME
from data.common.errors import UserError
from data.common.files import disk_errors

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
    lock = process.take(HOME)
    if lock is None:
        _say_where(port)
        return
    try:
        server, started = _start(port, lock)
    finally:
        os.close(lock)  # the server has it now
    _watch(server, started, detach)


def stop() -> None:
    """Stop the Label Studio that serve started."""
    found = process.running(HOME)
    if found is None:
        print("Label Studio is not running")
        return
    process.stop(HOME, found)
    print(STOPPED)


def _start(port: int | None, lock: int) -> tuple[subprocess.Popen[bytes], Account]:
    """Check everything that can be wrong, cheap checks first, then launch."""
    wanted = account.load(port)
    process.check_data(HOME, environment.release())
    ports.check(wanted.port)
    python = environment.ready(HOME)
    account.save(wanted)
    return process.launch(HOME, wanted, python, FOLDER, lock), wanted


def _watch(server: subprocess.Popen[bytes], started: Account, detach: bool) -> None:
    """Wait until the server answers, then, unless it is to be left alone, until somebody stops it."""
    left = False
    try:
        process.wait(HOME, started, server)
        if detach:
            _greet(started, "python -m annotate stop")
            left = True
        else:
            _until_stopped(server, started)
    finally:
        if not left:
            child.end(server)


def _until_stopped(server: subprocess.Popen[bytes], started: Account) -> None:
    try:
        _greet(started, "Ctrl-C")  # which may come before this has ended
        code = server.wait()
    except KeyboardInterrupt:
        child.end(server)
        code = -signal.SIGTERM
        print()
    if code != -signal.SIGTERM:
        hint = "repeat the command; what was labelled is kept."
        raise child.failure(f"Label Studio ended (exit code {code})", HOME / "log", hint, started.redacted)
    print(STOPPED)


def _say_where(port: int | None) -> None:
    """Report the server that runs already, once it answers."""
    found = process.running(HOME)
    if found is None:
        raise UserError("Label Studio was stopped at this moment", "repeat the command.")
    running = account.load(found.port)
    process.wait(HOME, running)
    if port not in {None, found.port}:
        print(f"it runs already, so --port {port} has no effect before python -m annotate stop")
    _greet(running, "python -m annotate stop")


def _greet(started: Account, end: str) -> None:
    print(f"Label Studio {environment.release()} is running at {started.url}")
    print(f"log in as {started.username}; the password is {account.PASSWORD} in {ENV}")
    print(f"to stop it: {end}", flush=True)
