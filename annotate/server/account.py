"""The account on the Label Studio of this machine: made at random once, kept in a git-ignored .env.

The .env gets four lines, which only its owner can read, and keeps whatever else it holds:

    LABEL_STUDIO_URL        http://127.0.0.1:PORT
    LABEL_STUDIO_API_KEY    the token, for export and push
    LABEL_STUDIO_USERNAME   to log in with
    LABEL_STUDIO_PASSWORD

Label Studio takes over user name, password and token when it first sees that user name. So a lost .env is
no harm: the next start makes another account, which sees the same projects.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from annotate.label_studio.config import ENV, Server, text_of
from data.common.errors import UserError
from data.common.files import atomic, disk_errors

PORT = 8080  # Label Studio's own default
URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
USERNAME, PASSWORD = "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD"
NAMES = (URL, TOKEN, USERNAME, PASSWORD)
HERE = {"127.0.0.1", "localhost"}  # what reaches a server that listens on 127.0.0.1 only


@dataclass(frozen=True)
class Account:
    """Who may log in, and where. Password and token are left out of `repr`: no traceback shows them."""

    port: int
    username: str
    password: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"http://127.0.0.1:{self.port}"

    def redacted(self, text: str) -> str:
        """Return the text with stars in place of password and token."""
        return text.replace(self.password, "***").replace(self.token, "***")

    def settings(self) -> dict[str, str]:
        """Return what the .env says of the account."""
        return dict(zip(NAMES, (self.url, self.token, self.username, self.password), strict=True))


def load(port: int | None = None, env: Path = ENV) -> Account:
    """Return the account in .env, at another port if one is given; what is missing is made at random.

    Raises `UserError` if the environment or .env names a server that is not ours: it may hold a token that
    somebody needs. Nothing is written: see `save`.
    """
    kept = _settings(text_of(env))
    outside = {name: os.environ[name].strip() for name in NAMES if os.environ.get(name, "").strip()}
    _check_here(kept, str(env))
    _check_here(outside, "the environment")
    _check_whole(kept, env)
    account = Account(
        port or urlsplit(kept.get(URL, "")).port or PORT,
        # Not the same in every clone, so that a browser keeps their passwords apart.
        kept.get(USERNAME) or f"annotrain-{secrets.token_hex(2)}@localhost",
        kept.get(PASSWORD) or secrets.token_urlsafe(15),
        kept.get(TOKEN) or secrets.token_hex(20),  # 40 digits, as Label Studio makes them
    )
    differing = [name for name, value in outside.items() if account.settings()[name] != value]
    if differing:
        raise UserError(
            f"{differing[0]} in the environment is not that of the server to start here, which {env} keeps",
            f"unset {' '.join(differing)}, then repeat the command.",
        )
    return account


def save(account: Account, env: Path = ENV) -> None:
    """Write the account into .env, for its owner's eyes only. Raises `UserError` if the disk is full."""
    path = env.resolve()  # a link stays a link
    before = text_of(path)
    after = _with(before, account.settings())
    with disk_errors(env):
        if after == before:
            path.chmod(0o600)
            return
        with atomic(path) as part:
            # With its mode from the start: the secrets lie open at no moment.
            number = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
                file.write(after)
                file.flush()
                os.fsync(file.fileno())


def _settings(text: str) -> dict[str, str]:
    values = dotenv_values(stream=io.StringIO(text))
    return {name: value for name in NAMES if (value := (values.get(name) or "").strip())}


def _with(text: str, settings: dict[str, str]) -> str:
    """Return the text with the settings in it: each in its own line's place, or else at the end."""
    lines = text.splitlines(keepends=True)
    kept = _settings(text)
    for name, value in settings.items():
        if kept.get(name) == value:
            continue
        line = re.compile(rf"\s*(export\s+)?{name}\s*=")
        places = [number for number, old in enumerate(lines) if line.match(old)]
        for number in places:
            end = "\r\n" if lines[number].endswith("\r\n") else "\n"
            lines[number] = f"{name}={value}{end}"
        if not places:
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            lines.append(f"{name}={value}\n")
    return "".join(lines)


def _check_here(settings: dict[str, str], place: str) -> None:
    """Refuse a server on another machine: somebody else runs it."""
    url = settings.get(URL)
    if url and not _here(url):
        raise UserError(
            f"{place} names a Label Studio that is not on this machine: {Server(url, '', '').shown}",
            f"that one needs no serve; for one here, take {URL} and {TOKEN} out of {place} and repeat this.",
        )


def _check_whole(settings: dict[str, str], env: Path) -> None:
    """Refuse a server on this machine that somebody started otherwise, with an account of their own."""
    missing = [name for name in NAMES if name not in settings]
    if missing and settings.keys() & {URL, TOKEN}:
        raise UserError(
            f"{env} names a Label Studio that was not started by serve: it has no {', '.join(missing)}",
            f"take the other LABEL_STUDIO_ lines out of {env}, if nobody needs them, and repeat the command.",
        )


def _here(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in HERE and parts.port != 0
    except ValueError:  # a port that is no number
        return False
