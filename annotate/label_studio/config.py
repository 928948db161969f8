"""A Label Studio server as a source of labels: which one, and all tasks of its project in one reply.

The address and the token come from the environment or from a git-ignored .env, never from params.yaml:

    LABEL_STUDIO_URL        as http://127.0.0.1:8080; without it no server is asked
    LABEL_STUDIO_API_KEY    the token of an account on it
    LABEL_STUDIO_PROJECT    the project's number or its title; without it the title is annotrain
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit

from dotenv import dotenv_values

from annotate.label_studio.errors import PASSING, cause, foreign, redirected, refused, shown, unreachable
from data.common.errors import UserError
from data.common.files import readable

T = TypeVar("T")

ENV = Path(".env")
TITLE = "annotrain"
TIMEOUT = 600.0  # seconds without a byte: a server on SQLite took 18 s for 5,000 tasks with three boxes each
TRIES = 3
PAUSE = 2.0  # seconds before the second try; twice as long before the third
MOST_PROJECTS = 1000  # looked through: a server that gives the same page for every number would never end
NUMBER = "set LABEL_STUDIO_PROJECT to the number in the project's address (.../projects/NUMBER/data)."
DOING = "fetch the labels from"
KEEP = ', or keep annotate/project/export.json as it is: "dvc commit -f export", then "dvc repro".'


@dataclass(frozen=True)
class Server:
    """Where the labels are. The token is left out of `repr`, so that no traceback shows it."""

    url: str
    token: str = field(repr=False)
    project: str

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine, where no proxy of the environment may come between."""
        return urlsplit(self.url).hostname in {"127.0.0.1", "localhost", "::1"}

    @property
    def shown(self) -> str:
        """The address without a user name or a password that it may hold."""
        return shown(self.url)


def configured(env: Path = ENV) -> Server | None:
    """Return the server that the environment or .env names, the environment first; None without a URL.

    Raises `UserError` if the URL is none or the token is missing.
    """
    values = {**dotenv_values(stream=io.StringIO(text_of(env))), **os.environ}
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


def text_of(env: Path) -> str:
    """Return what a .env holds, "" if there is none, so that every byte and line end can be written back.

    What is no UTF-8 is nothing of ours, and no reason to stop. Raises `UserError` if it cannot be read.
    """
    with readable(env, ""):
        try:
            with env.open(encoding="utf-8", errors="surrogateescape", newline="") as file:
                return file.read()
        except FileNotFoundError:
            return ""


def required(env: Path = ENV) -> Server:
    """Return the configured server; raises `UserError` if there is none."""
    server = configured(env)
    if server is None:
        raise UserError(
            "no Label Studio is configured (LABEL_STUDIO_URL)",
            'start one with "python -m annotate serve", or name yours in .env (see the README).',
        )
    return server


def _host(url: str) -> str | None:
    """Return the host of an address, None if there is none or one of the clients could not ask it."""
    import httpx

    try:
        host = httpx.URL(url).raw_host.decode() if urlsplit(url).port != 0 else ""
        return host.encode("idna").decode() or None  # which refuses empty and overlong parts
    except (httpx.InvalidURL, ValueError):  # a port that is no number, a name that is none
        return None


def fetch(server: Server, timeout: float = TIMEOUT) -> list[dict[str, Any]]:
    """Return all tasks of the project, with annotations and drafts, as the server gave them.

    The reply is one request's, so it is one moment's; its counts are compared with the server's own. What
    may pass is tried again: reading changes nothing. Raises `UserError` for whatever else happens.
    """
    import httpx
    from label_studio_sdk import LabelStudio

    from annotate.label_studio.tokens import TokenAuth

    def ask() -> list[dict[str, Any]]:
        # No tries within the library: those here cover its streamed export as well.
        client: Any = LabelStudio(  # type: ignore[no-untyped-call]
            base_url=server.url,
            api_key="-",  # the session signs the requests, as it does those of annotate.label_studio.client
            max_retries=0,
            httpx_client=session,
        )
        return _all_tasks(client, server)

    sign, from_shell = TokenAuth(server.url, server.token), not server.is_here
    with httpx.Client(auth=sign, timeout=timeout, trust_env=from_shell) as session:
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
            to = (error.headers or {}).get("location")
            if to:
                raise redirected(server.url, urljoin(server.url, to)) from None
            failure = refused(error.status_code, None, server.url, server.project, KEEP)
            passing = error.status_code in PASSING
        except httpx.TimeoutException:
            # Not tried again: three times ten minutes would look like hanging.
            failure, passing = unreachable("no answer within the time limit", server.url, DOING, KEEP), False
        except httpx.HTTPError as error:
            failure, passing = unreachable(cause(error), server.url, DOING, KEEP), True
        except (ParsingError, ValueError):
            failure, passing = foreign(server.url, KEEP), False
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
    found = only(((project.title, project.id) for project in projects), server)
    if found is None:
        raise missing(server)
    return found


def only(projects: Iterable[tuple[str, int]], server: Server) -> int | None:
    """Return the number of the one project with the configured title, out of titles with numbers.

    None if no project has it. Raises `UserError` if several have: titles are not unique there.
    """
    found = [int(number) for title, number in projects if title == server.project]
    if len(found) > 1:
        raise UserError(f"{server.shown}: {len(found)} projects are called {server.project!r}", NUMBER)
    return found[0] if found else None


def missing(server: Server) -> UserError:
    """Say that no project has the configured title."""
    return UserError(
        f"{server.shown}: no project is called {server.project!r}",
        f'make it with "python -m annotate push", or {NUMBER}',
    )
