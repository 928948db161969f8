"""The Label Studio process on this machine: started clean, watched until it answers, found again, stopped.

Everything it keeps lies in one folder, .label-studio/ (a home): data/ with the database, log, pid. A lock on
the pid file is inherited by the server and lives as long as it: the number in a locked file is the server's,
whatever became of the command that started it, and that in an unlocked file is nobody's.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import signal
import sqlite3
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from annotate.server import child
from annotate.server.account import Account
from annotate.server.ports import HOST
from data.common.errors import UserError
from data.common.files import disk_errors, write_text

HOME = Path(".label-studio")
DATABASE = "label_studio.sqlite3"
PATIENCE = 600.0  # seconds until it answers: the first start took 60 to 90 s on two cores
STEPS = 396  # rows in the table of migrations when 1.23.2 has made its database
# A Redis on this machine, whoever's it is, would be handed Label Studio's background jobs, which nobody would
# do then. Port 0 can have no server, so that it does them itself.
PROGRAM = """
import sys
from label_studio import server
sys.path.insert(0, server.LS_PATH)
from core.settings import base
for queue in base.RQ_QUEUES.values():
    queue["PORT"] = 0
server.main()
"""


@dataclass(frozen=True)
class Running:
    """A server that is there: its process, and the port that it answers at."""

    pid: int
    port: int


def take(home: Path) -> int | None:
    """Return the descriptor of the locked pid file, or None if a server or another command holds it."""
    with disk_errors(home):
        number = os.open(home / "pid", os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(5):  # others lock it for a moment, to look
        with suppress(BlockingIOError):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(number, 0)
            return number
        time.sleep(0.05)
    os.close(number)
    return None


def running(home: Path) -> Running | None:
    """Return the server of this folder, if there is one.

    Raises `UserError` while another command is about to start it.
    """
    pid = home / "pid"
    if not pid.exists():
        return None
    with pid.open() as file:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return None
        words = file.read().split()
    if len(words) != 2:
        raise UserError(
            "another command is starting Label Studio in this folder",
            "wait until it has, or stop it with Ctrl-C.",
        )
    return Running(int(words[0]), int(words[1]))


def check_data(home: Path, release: str) -> None:
    """Write the release into a new data folder; raise `UserError` for one of another release.

    Label Studio would change its tables without asking, or fail half-way through an older one's.
    """
    data = home / "data"
    stamp = data / "release"
    with disk_errors(data):
        data.mkdir(parents=True, exist_ok=True)
        found = stamp.read_text(encoding="utf-8").strip() if stamp.exists() else ""
        if not found and not (data / DATABASE).exists():
            write_text(stamp, f"{release}\n")
        elif found != release:
            raise UserError(
                f"{os.path.relpath(data)} was made by Label Studio {found or 'of an unknown release'}; "
                f"annotate/server/label-studio.txt has {release}",
                "fetch its labels with the commit that it was made with (dvc repro -fs export), then move "
                "the folder away.",
            )


def launch(home: Path, account: Account, python: Path, media: Path, lock: int) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own and note it in the pid file, whose lock it inherits.

    `media` is the folder whose subfolders a project may connect as local storage. The log of the run
    before is kept as log.old.
    """
    home, media = home.absolute(), media.absolute()
    log = home / "log"
    with disk_errors(home):
        if log.exists():
            log.replace(log.with_name("log.old"))
        (home / "tmp").mkdir(exist_ok=True)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [str(python), "-c", PROGRAM, *_options(home, account)],
                cwd=home / "data",
                env=_environment(home, account, media),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )
        os.pwrite(lock, f"{process.pid} {account.port}\n".encode(), 0)
    return process


def _options(home: Path, account: Account) -> list[str]:
    # The host is an option only: it listens on all addresses otherwise.
    return [
        *("start", "--no-browser", "--data-dir", str(home / "data")),
        *("--internal-host", HOST, "--port", str(account.port)),
    ]


def _environment(home: Path, account: Account, media: Path) -> dict[str, str]:
    """Return all that it may see: it takes bare names too, as HOST, DEBUG and PASSWORD, for its settings."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(home / "data"),  # it keeps a file of its own in the home folder
        "TMPDIR": str(home / "tmp"),
        "LABEL_STUDIO_BASE_DATA_DIR": str(home / "data"),
        "LABEL_STUDIO_USERNAME": account.username,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_ALLOWED_HOSTS": f"{HOST},localhost",  # no page elsewhere can pass for this server
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(media),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    }


def wait(home: Path, account: Account, process: subprocess.Popen[bytes] | None = None) -> None:
    """Return once the server answers and knows the account.

    Raises `UserError` with the end of the log if the process ends before, or does not answer in time.
    """
    if not healthy(account.port):
        _wait(home, account, process)
    _check_account(account)


def _wait(home: Path, account: Account, process: subprocess.Popen[bytes] | None) -> None:
    hint = "mend what the log names, then repeat the command; no label is lost."
    until = time.monotonic() + PATIENCE
    with child.Waiting("starting Label Studio") as waiting:
        while not healthy(account.port):
            ended = process.poll() is not None if process else running(home) is None
            if ended or time.monotonic() > until:
                problem = "ended before it answered" if ended else f"did not answer in {PATIENCE:.0f} s"
                raise child.failure(f"Label Studio {problem}", home / "log", hint, account.redacted)
            waiting.pause(_stage(home))


def _check_account(account: Account) -> None:
    """Raise `UserError` if what answers is not Label Studio, or one that does not know the account."""
    state = _get(account.port, "/api/current-user/whoami", account.token)
    if state in {401, 403}:
        raise UserError(
            "Label Studio does not know the token in .env: it is not the one of the account's first start",
            'take the LABEL_STUDIO_ lines out of .env, then "python -m annotate stop" and serve again: it '
            "makes another account, which sees the same projects.",
        )
    if state != 200:
        raise UserError(
            f"what answers at {account.url} is not Label Studio (HTTP {state})",
            "take another port: python -m annotate serve --port ...",
        )


def healthy(port: int) -> bool:
    """Say whether a server at a port of this machine says that it is well."""
    return _get(port, "/health") == 200


def _get(port: int, path: str, token: str = "") -> int | None:
    """Return the HTTP state of an answer, or None without one. No proxy is asked, whatever is configured."""
    headers = {"Authorization": f"Token {token}"} if token else {}
    with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None


def _stage(home: Path) -> str:
    """Say what it is at; making the database takes most of the first start."""
    database = home.absolute() / "data" / DATABASE
    if not database.exists():
        return "loading the program"
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
            (count,) = connection.execute("SELECT count(*) FROM django_migrations").fetchone()
    except sqlite3.Error:  # new and empty, or being written
        return "making the database"
    if count < STEPS:
        return f"making the database, step {count} of about {STEPS}"
    return "the database is ready; waiting for the first answer"


def stop(home: Path, found: Running) -> None:
    """End a server politely, by force if it does not; return when it is gone."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.kill(found.pid, number)
        until = time.monotonic() + child.GRACE
        while time.monotonic() < until:
            if running(home) is None:
                return
            time.sleep(0.05)
    raise UserError(
        f"Label Studio (process {found.pid}) does not end", f"look at it with ps {found.pid}, and repeat."
    )
