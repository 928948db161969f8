"""Which Label Studio server: from the environment or a git-ignored .env, never from params.yaml.

LABEL_STUDIO_URL        as http://127.0.0.1:8080; without it no server is asked
LABEL_STUDIO_API_KEY    the token of an account on it
LABEL_STUDIO_PROJECT    the project's number or its title; without it the title is annotrain
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from annotate.label_studio.messages import shown
from data.common.errors import UserError
from data.common.files import readable

ENV = Path(".env")
TITLE = "annotrain"


@dataclass(frozen=True)
class Server:
    """Where the labels are. The token is left out of `repr`, so that no traceback shows it."""

    url: str
    token: str = field(repr=False)
    project: str

    @property
    def is_local(self) -> bool:
        """Whether it is on this machine, where no proxy of the environment may come between."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}

    @property
    def shown(self) -> str:
        """The URL without a user name or a password that it may hold."""
        return shown(self.url)


def configured(env: Path = ENV) -> Server | None:
    """Return the server that the environment or .env names, the environment first; None without a URL.

    Raises `UserError` if the URL is invalid or the token is missing.
    """
    values = {**dotenv_values(stream=io.StringIO(text_of(env))), **os.environ}
    url = (values.get("LABEL_STUDIO_URL") or "").strip().rstrip("/")
    token = (values.get("LABEL_STUDIO_API_KEY") or "").strip()
    if not url:
        return None
    if not _is_valid(url):
        raise UserError(
            "LABEL_STUDIO_URL is an invalid URL",
            "write it like http://127.0.0.1:8080, in the environment or in .env.",
        )
    if not token or not (token.isascii() and token.isprintable()):
        raise UserError(
            "LABEL_STUDIO_URL is set, but LABEL_STUDIO_API_KEY holds no token",
            'copy it from "Account & Settings" in Label Studio into the environment or .env.',
        )
    return Server(url, token, (values.get("LABEL_STUDIO_PROJECT") or TITLE).strip())


def required(env: Path = ENV) -> Server:
    """Return the configured server; raises `UserError` if there is none."""
    server = configured(env)
    if server is None:
        raise UserError(
            "no Label Studio is configured (LABEL_STUDIO_URL)",
            'start one with "python -m annotate serve", or name yours in .env (see the README).',
        )
    return server


def text_of(env: Path) -> str:
    """Return the text of a .env, "" if there is none, so that every byte and line end can be written back.

    Raises `UserError` if it cannot be read.
    """
    with readable(env, ""):
        return env.read_bytes().decode(errors="surrogateescape") if env.exists() else ""


def _is_valid(url: str) -> bool:
    import httpx  # takes a while

    try:
        parts = urlsplit(url)
        host = httpx.URL(url).raw_host.decode().encode("idna")  # what the client does with it
        return parts.scheme in {"http", "https"} and parts.port != 0 and bool(host)
    except (httpx.InvalidURL, ValueError):
        return False
