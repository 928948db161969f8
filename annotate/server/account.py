"""The account on the local Label Studio: made at random once, kept in the git-ignored .env.

Label Studio reads it when it first sees the user name, so that a lost .env does no harm: the next start makes
another account, which sees the same projects.
"""

from __future__ import annotations

import io
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from dotenv import dotenv_values

from annotate.label_studio.config import ENV, text_of
from data.common.errors import UserError
from data.common.files import atomic

PORT = 8080  # Label Studio's own default
URL, TOKEN = "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"
USERNAME, PASSWORD = "LABEL_STUDIO_USERNAME", "LABEL_STUDIO_PASSWORD"
NAMES = (URL, TOKEN, USERNAME, PASSWORD)
LOCAL_URL = re.compile(r"http://(?:127\.0\.0\.1|localhost):(\d+)/?")
LINE = re.compile(rf"\s*(?:export\s+)?(?:{'|'.join(NAMES)})\s*=")


@dataclass(frozen=True)
class Account:
    """Port of the server and login. Password and token are not in `repr`, so no traceback shows them."""

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
        """Return the variables of .env."""
        return dict(zip(NAMES, (self.url, self.token, self.username, self.password), strict=True))


def load(port: int | None = None, env: Path = ENV) -> Account:
    """Return the account in .env, at `port` if given; missing parts are made at random. Writes nothing.

    Raises `UserError` if .env or the environment configures another server: its token may be the only copy.
    """
    values = dotenv_values(stream=io.StringIO(text_of(env)))
    saved = {name: value for name in NAMES if (value := (values.get(name) or "").strip())}
    local = LOCAL_URL.fullmatch(saved.get(URL, ""))
    if {URL, TOKEN} & saved.keys() and not (local and len(saved) == len(NAMES)):
        raise UserError(
            f"{env} configures a Label Studio that serve did not start ({URL}, {TOKEN})",
            f"use that one, or take its LABEL_STUDIO_ lines out of {env} and repeat the command.",
        )
    account = Account(
        port or (int(local[1]) if local else PORT),
        # Another name in each clone, so that a browser keeps their passwords apart.
        saved.get(USERNAME) or f"annotrain-{secrets.token_hex(2)}@localhost",
        saved.get(PASSWORD) or secrets.token_urlsafe(15),
        saved.get(TOKEN) or secrets.token_hex(20),  # 40 digits, as Label Studio makes them
    )
    other = [name for name, value in account.settings().items() if os.environ.get(name, value) != value]
    if other:  # it comes before .env: push would go to that server
        raise UserError(
            f"{', '.join(other)} in the environment: not of the server to start here",
            f"unset {' '.join(other)}, then repeat the command.",
        )
    return account


def save(account: Account, env: Path = ENV) -> None:
    """Write the account at the end of .env, with mode 0600 from the start; other lines stay."""
    path = env.resolve()  # a link stays a link
    lines = [line for line in text_of(path).splitlines(keepends=True) if not LINE.match(line)]
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    lines += [f"{name}={value}\n" for name, value in account.settings().items()]
    with atomic(path) as part:
        part.touch(mode=0o600)
        part.write_bytes("".join(lines).encode(errors="surrogateescape"))
