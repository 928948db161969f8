"""A Label Studio server as a source of labels: which one, and all tasks of its project in one reply.

The address and the token come from the environment or from a git-ignored .env, never from params.yaml:

    LABEL_STUDIO_URL        as http://127.0.0.1:8080; without it no server is asked
    LABEL_STUDIO_API_KEY    the token of an account on it
    LABEL_STUDIO_PROJECT    the project's number or its title; without it the title is annotrain
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dotenv import dotenv_values

from data.errors import UserError

T = TypeVar("T")

ENV = Path(".env")
TITLE = "annotrain"
TIMEOUT = 600.0  # seconds without a byte: a server on SQLite took 18 s for 5,000 tasks with three boxes each
TRIES = 3
PAUSE = 2.0  # seconds before the second try; twice as long before the third
MOST_PROJECTS = 1000  # looked through: a server that gives the same page for every number would never end
PASSING = {408, 425, 429, 500, 502, 503, 504}  # HTTP states that may be gone at the next try
KEEP = 'or keep the committed annotate/export.json and run "dvc repro".'


@dataclass(frozen=True)
class Server:
    """Where the labels are. The token is left out of `repr`, so that no traceback shows it."""

    url: str
    token: str = field(repr=False)
    project: str

    @property
    def shown(self) -> str:
        """The address without a user name or a password that it may hold."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def configured(env: Path = ENV) -> Server | None:
    """Return the server that the environment or .env names, the environment first; None without a URL.

    Raises `UserError` if the URL is none or the token is missing.
    """
    values = {**dotenv_values(env), **os.environ}
    url = (values.get("LABEL_STUDIO_URL") or "").strip().rstrip("/")
    token = (values.get("LABEL_STUDIO_API_KEY") or "").strip()
    if not url:
        return None
    if not url.startswith(("http://", "https://")) or not _host(url):
        raise UserError(
            "LABEL_STUDIO_URL is not a web address",
            "give it as http://127.0.0.1:8080, in the environment or in .env.",
        )
    if not token or not (token.isascii() and token.isprintable()):
        raise UserError(
            "LABEL_STUDIO_URL is set, but LABEL_STUDIO_API_KEY holds no token",
            'copy it from "Account & Settings" in Label Studio into the environment or .env.',
        )
    return Server(url, token, (values.get("LABEL_STUDIO_PROJECT") or TITLE).strip())


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname if urlsplit(url).port != 0 else None
    except ValueError:  # a port that is no number
        return None


def fetch(server: Server, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
    """Return all tasks of the project, with annotations and drafts, as the server gave them.

    The reply is one request's, so it is one moment's; its counts are compared with the server's own. What
    may pass is tried again: reading changes nothing. Raises `UserError` for whatever else happens.
    """
    from label_studio_sdk import LabelStudio

    def ask() -> list[dict[str, Any]]:
        # No tries within the library: those here cover its streamed export as well.
        client: Any = LabelStudio(  # type: ignore[no-untyped-call]
            base_url=server.url, api_key=server.token, timeout=timeout, max_retries=0
        )
        return _all_tasks(client, server)

    return _tried(ask, server)


def _tried(ask: Callable[[], T], server: Server) -> T:
    """Call `ask` until it answers, up to three times, and turn the last failure into a `UserError`."""
    import httpx
    from label_studio_sdk.core.api_error import ApiError
    from label_studio_sdk.core.parse_error import ParsingError

    for attempt in range(TRIES):
        try:
            return ask()
        except _MiscountedError as error:
            failure, passing = error.args[0], True
        except ApiError as error:
            failure, passing = _refused(error.status_code, error.body, server), error.status_code in PASSING
        except httpx.TimeoutException:
            # Not tried again: three times ten minutes would look like hanging.
            failure, passing = _unreachable(server, "no answer within the time limit"), False
        except httpx.HTTPError as error:
            failure, passing = _unreachable(server, _cause(error)), True
        except (ParsingError, ValueError):
            failure, passing = _foreign(server), False
        if not passing or attempt + 1 == TRIES:
            break
        time.sleep(PAUSE * (attempt + 1))
    raise failure from None


class _MiscountedError(Exception):
    """The export and the project's own counts differ; its one argument is the `UserError` to show."""


def _all_tasks(client: Any, server: Server) -> list[dict[str, Any]]:
    number = _project_id(client, server)
    tasks: Any = client.projects.exports.as_json(number)
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise ValueError("not a list of tasks")
    project = client.projects.get(number)
    if project.task_number is None:
        raise ValueError("not a project")
    marked = [one for task in tasks for one in task.get("annotations") or []]
    skipped = sum(bool(one.get("was_cancelled")) for one in marked)
    total = project.total_annotations_number or 0
    # The open-source server leaves the skipped ones out of the total, its documentation counts them in.
    right = len(tasks) == project.task_number and len(marked) in {total, total + skipped}
    if not right or skipped != (project.skipped_annotations_number or 0):
        raise _MiscountedError(
            UserError(
                f"{server.shown}: the export has {len(tasks)} tasks with {len(marked)} annotations, the "
                f"project counts {project.task_number} with {total} and {project.skipped_annotations_number} "
                "skipped",
                "somebody may be labelling right now: repeat the command when they pause.",
            )
        )
    return tasks


def _project_id(client: Any, server: Server) -> int:
    if server.project.isdecimal():
        return int(server.project)
    projects = islice(client.projects.list(), MOST_PROJECTS)
    found = [project for project in projects if project.title == server.project]
    if len(found) == 1:
        return int(found[0].id)
    count = "no project is" if not found else f"{len(found)} projects are"
    raise UserError(
        f"{server.shown}: {count} called {server.project!r}",
        "set LABEL_STUDIO_PROJECT to the number in the project's address (.../projects/NUMBER/data).",
    )


def _refused(status: int | None, body: Any, server: Server) -> UserError:
    """Say what an HTTP state means here; the library's own text holds all headers and is never shown."""
    if status in {401, 403}:
        return UserError(
            f"{server.shown} does not accept the token (HTTP {status})",
            f'copy it anew from "Account & Settings" into LABEL_STUDIO_API_KEY, {KEEP}',
        )
    if status == 404:
        return UserError(
            f"{server.shown} has no project {server.project!r} that this account may see (HTTP 404)",
            f"set LABEL_STUDIO_PROJECT to its number or title, {KEEP}",
        )
    if status is None or status < 400:
        return _foreign(server)
    return UserError(
        f"{server.shown} failed with HTTP {status}",
        f"look at the server's log and repeat the command, {KEEP}",
    )


def _unreachable(server: Server, cause: str) -> UserError:
    return UserError(
        f"cannot fetch the labels from Label Studio at {server.shown} ({cause})",
        f"start the server or mend LABEL_STUDIO_URL, {KEEP}",
    )


def _foreign(server: Server) -> UserError:
    return UserError(
        f"{server.shown} answers, but not as Label Studio does (no project and tasks as JSON)",
        f"mend LABEL_STUDIO_URL: the address up to the port, without /projects or /api, {KEEP}",
    )


def _cause(error: Exception) -> str:
    """Return why a connection failed, in the system's words where it has some."""
    root: BaseException = error
    while root.__cause__ or root.__context__:
        root = root.__cause__ or root.__context__ or root
    text = root.strerror if isinstance(root, OSError) and root.strerror else str(error)
    return (text or type(error).__name__).lower()
