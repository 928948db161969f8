"""What a failed request to Label Studio means, as a `UserError` with the next step.

The SDK's own texts hold all headers, and are never shown.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from data.common.errors import UserError

LONGEST = 300  # characters of a server's own message: some put a whole page there


class ServerError(UserError):
    """A failed request, with its HTTP status if there was a reply."""

    def __init__(self, what: str, hint: str, status: int | None = None) -> None:
        """Take the problem, the next step and the status."""
        super().__init__(what, hint)
        self.status = status


def shown(url: str) -> str:
    """Return a URL without a user name, a password and a query that it may hold."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def refused(status: int, text: str, url: str, project: str) -> ServerError:
    """Return what an HTTP status means; `text` is the body of the reply, without secrets."""
    if status in {401, 403}:
        return ServerError(
            f"{shown(url)} does not accept the token (HTTP {status})",
            'copy a personal access token, or a legacy token where the server takes such, from "Account & '
            'Settings" into LABEL_STUDIO_API_KEY.',
            status,
        )
    if status < 400 or (status == 404 and {"projects", "api"} & set(urlsplit(url).path.split("/"))):
        return not_label_studio(url, status)
    if status == 404:
        return ServerError(
            f"{shown(url)} has no project {project!r} that this account may see (HTTP 404)",
            "set LABEL_STUDIO_PROJECT to its number or title.",
            status,
        )
    return ServerError(
        f"{shown(url)} failed with HTTP {status}{_reason(text)}",
        "look at the server's log and repeat the command; nothing is sent twice.",
        status,
    )


def _reason(text: str) -> str:
    """Return what a server says about a failure; nothing for a page of HTML."""
    try:
        body = json.loads(text)
    except ValueError:
        return ""
    reason = (body.get("validation_errors") or body.get("detail")) if isinstance(body, dict) else None
    words = reason if isinstance(reason, str) else json.dumps(reason, ensure_ascii=False)
    return f": {' '.join(words.split())[:LONGEST]}" if reason else ""


def unreachable(cause: str, url: str) -> ServerError:
    """Return that no reply came, and why."""
    return ServerError(
        f"cannot reach Label Studio at {shown(url)} ({cause})",
        'start it with "python -m annotate serve", or correct LABEL_STUDIO_URL.',
    )


def redirected(status: int, url: str, to: str) -> ServerError:
    """Return that a URL redirects to another, which is not followed: it would get the token."""
    return ServerError(
        f"{shown(url)} redirects to {shown(to)}",
        "set LABEL_STUDIO_URL to the final address, up to the port (https:// perhaps).",
        status,
    )


def not_label_studio(url: str, status: int | None = None) -> ServerError:
    """Return that a reply is not of the kind that Label Studio gives."""
    return ServerError(
        f"{shown(url)} is not a Label Studio server (its reply is not the expected JSON)",
        "correct LABEL_STUDIO_URL: the address up to the port, without /projects or /api.",
        status,
    )


def cause(error: Exception) -> str:
    """Return why a connection failed, in the system's words where it has some."""
    root: BaseException = error
    while deeper := root.__cause__ or root.__context__:
        root = deeper
    text = root.strerror if isinstance(root, OSError) and root.strerror else str(error)
    return (text or type(error).__name__).lower()
