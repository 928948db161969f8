"""What a Label Studio server's refusals and silences mean, in the words of a `UserError`.

The library's own texts hold all headers, the token among them, and are never shown.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from data.common.errors import UserError

PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that may be gone at the next try
MOST = 300  # characters of a server's own words: some put a whole page there


def shown(url: str) -> str:
    """Return an address without a user name or a password that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that is none"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def refused(status: int | None, body: Any, url: str, project: str, instead: str = "") -> UserError:
    """Say what an HTTP state means; `instead` ends the hint with what can be done without the server."""
    where = shown(url)
    if status in {401, 403}:
        return UserError(
            f"{where} does not accept the token (HTTP {status})",
            'copy a personal access token, or a legacy token where the server takes such, from "Account & '
            f'Settings" into LABEL_STUDIO_API_KEY{instead}',
        )
    if status == 404 and {"projects", "api"} & set(urlsplit(url).path.split("/")):
        return foreign(url, instead)  # an address out of the browser's bar
    if status == 404:
        return UserError(
            f"{where} has no project {project!r} that this account may see (HTTP 404)",
            f"set LABEL_STUDIO_PROJECT to its number or title{instead}",
        )
    if status is None or status < 400:
        return foreign(url, instead)
    reason = said(body)
    return UserError(
        f"{where} failed with HTTP {status}" + (f": {reason}" if reason else ""),
        f"look at the server's log and repeat the command{instead}",
    )


def said(body: Any) -> str:
    """Return the reasons that a server gave for a refusal, in one line; nothing for a page of HTML."""
    if not isinstance(body, dict):
        return ""
    reasons = body.get("validation_errors") or body.get("detail") or ""
    words = " ".join(_texts(reasons)).split()
    return " ".join(words)[:MOST]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [str(value)]


def unreachable(cause: str, url: str, doing: str, instead: str = "") -> UserError:
    """Say that no answer came; `doing` is what was to be done, as `fetch the labels from`."""
    return UserError(
        f"cannot {doing} Label Studio at {shown(url)} ({cause})",
        f'start the server with "python -m annotate serve" or mend LABEL_STUDIO_URL{instead}',
    )


def redirected(url: str, to: str) -> UserError:
    """Say that the address sends on to another one, where changes would arrive as mere questions."""
    return UserError(
        f"{shown(url)} sends on to {shown(to)}",
        "set LABEL_STUDIO_URL to the address that answers, up to the port (https:// perhaps).",
    )


def foreign(url: str, instead: str = "") -> UserError:
    """Say that something answered that is no Label Studio."""
    return UserError(
        f"{shown(url)} answers, but not as Label Studio does (no project and tasks as JSON)",
        f"mend LABEL_STUDIO_URL: the address up to the port, without /projects or /api{instead}",
    )


def cause(error: Exception) -> str:
    """Return why a connection failed, in the system's words where it has some."""
    root: BaseException = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    text = root.strerror if isinstance(root, OSError) and root.strerror else str(error)
    return (text or type(error).__name__).lower()
