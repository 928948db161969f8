"""The local Label Studio process, its data in .label-studio/: started, found again by its pid, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from annotate.server.account import PORT, Account
from annotate.server.environment import failure
from data.common.errors import UserError
from data.common.files import write_text

HOST = "127.0.0.1"
HOME = Path(".label-studio")
GRACE = 15.0  # seconds to end in, before it is killed
DATABASE = "label_studio.sqlite3"
# Label Studio would hand its background jobs to any Redis of this machine, where no worker runs them. Without
# `ping` it takes none for connected and runs them itself.
PROGRAM = "import redis; redis.Redis.ping = None; from label_studio import server; server.main()"


@dataclass(frozen=True)
class Running:
    """A running server: its process and its port."""

    pid: int
    port: int


def running(home: Path) -> Running | None:
    """Return the server of this folder, if it runs; a pid that another program has by now is ignored."""
    with suppress(OSError, ValueError, psutil.Error):
        pid, port = map(int, (home / "pid").read_text().split())
        if str(home.absolute() / "data") in psutil.Process(pid).cmdline():
            return Running(pid, port)
    return None


def check_port(port: int) -> None:
    """Raise `UserError` if the port is taken: Label Studio would silently take the next one."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError as error:
        raise UserError(
            f"port {port} cannot be used ({os.strerror(error.errno or 0).lower()})",
            f"choose another port: python -m annotate serve --port {max(port, PORT) + 1}",
        ) from None


def check_data(home: Path, release: str) -> None:
    """Write the release into a new data folder; refuse a folder of another, whose tables would be changed."""
    data, stamp = home / "data", home / "data/release"
    if not stamp.exists() and not (data / DATABASE).exists():
        write_text(stamp, f"{release}\n")
    made_by = stamp.read_text(encoding="utf-8").strip() if stamp.exists() else "(release unknown)"
    if made_by != release:
        raise UserError(
            f"{data} was made by Label Studio {made_by}; annotate/server/label-studio.txt has {release}",
            "fetch its labels (dvc repro -fs export) at the commit that it was made with, then move the "
            "folder away.",
        )


def launch(home: Path, account: Account, python: Path, media: Path) -> subprocess.Popen[bytes]:
    """Start the server, which serves local files from `media`; the log of the run before is log.old."""
    home = home.absolute()
    data, log = home / "data", home / "log"
    command = [str(python), "-c", PROGRAM, "start", "--no-browser", "--data-dir", str(data)]
    command += ["--internal-host", HOST, "--port", str(account.port)]  # the host is an option only
    if log.exists():
        log.replace(home / "log.old")
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=data,
            env=_environment(data, account, media.absolute()),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for serve, which then stops it
        )
    (home / "pid").write_text(f"{process.pid} {account.port}\n")
    return process


def _environment(data: Path, account: Account, media: Path) -> dict[str, str]:
    """Return the whole environment: Label Studio reads bare names too, as HOST, DEBUG and PASSWORD."""
    return {
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "HOME": str(data),  # it keeps a file of its own in the home folder
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_USERNAME": account.username,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_ALLOWED_HOSTS": f"{HOST},localhost",  # no foreign page can pass for this server
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(media),
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
        "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_SENTRY_DSN": "",
        "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    }


def wait(home: Path, account: Account) -> None:
    """Return once the server answers; raise `UserError` if it ends before or refuses the token."""
    url, headers = f"{account.url}/api/current-user/whoami", {"Authorization": f"Token {account.token}"}
    status = 0
    while not status:
        with suppress(httpx.HTTPError):  # not ready
            status = httpx.get(url, headers=headers, timeout=10, trust_env=False).status_code
        if (not status and running(home) is None) or status not in {0, 200, 401, 403}:
            problem = f"failed with HTTP {status}" if status else "ended before it answered"
            hint = "mend what the log names, then repeat the command; no label is lost."
            raise failure(f"Label Studio {problem}", home / "log", hint, account.redacted)
        time.sleep(0.2)
    if status != 200:
        raise UserError(
            f"{account.url} does not accept the token in .env (HTTP {status})",
            'take the LABEL_STUDIO_ lines out of .env, then "python -m annotate stop" and serve again: it '
            "makes another account, which sees the same projects.",
        )


def stop(home: Path) -> bool:
    """End the server of this folder and return when it is gone: whether it ran."""
    server = running(home)
    if server:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(server.pid)
            process.terminate()
            with suppress(psutil.TimeoutExpired):
                process.wait(GRACE)
            process.kill()  # NoSuchProcess if it has ended
            process.wait()
    return server is not None
