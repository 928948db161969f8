"""Label Studio's HTTP interface, as far as the commands of `python -m annotate` need it.

Beside the library that `annotate.label_studio.config` fetches with: that one cannot upload, takes two seconds to be ready,
and repeats a POST by itself, which doubles tasks. Reference: https://api.labelstud.io.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any

from annotate.label_studio.config import Server
from annotate.label_studio.errors import PASSING, cause, foreign, redirected, refused, unreachable
from data.common.errors import UserError

if TYPE_CHECKING:
    import httpx

TIMEOUT = 600.0  # seconds without a byte: deleting the predictions of 5,000 tasks took 40 s without one
TRIES = 3
PAUSE = 1.0  # seconds before the second try; twice as long before the third
# The server has answered these: it did not do the work, and is not still at it, as behind a 502 or 504.
ANSWERED = {429, 500, 503}

Files = Sequence[tuple[str, tuple[str, bytes]]]


class PassingError(UserError):
    """A failure after which the same request may be made again once it is known what the first one did."""


class RefusedError(UserError):
    """The server understood the request and does not want it (HTTP 400)."""


class Api:
    """A session with one server; use as a context. Whatever fails is a `UserError` without the token."""

    def __init__(self, server: Server, timeout: float = TIMEOUT) -> None:
        """Take the server, and how many seconds to wait for a byte."""
        import httpx

        from annotate.label_studio.tokens import TokenAuth

        self.server = server
        self._auth = TokenAuth(server.url, server.token)
        self._session = httpx.Client(
            base_url=server.url,
            auth=self._auth,
            timeout=timeout,
            trust_env=not server.is_here,
        )

    def __enter__(self) -> Api:
        """Return the session itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self._session.close()

    def get(self, path: str, **query: Any) -> Any:
        """Return what a path holds, as JSON. What may pass is tried again: reading changes nothing."""
        for attempt in range(TRIES - 1):
            try:
                return self._json("GET", path, params=query)
            except PassingError:
                time.sleep(PAUSE * (attempt + 1))
        return self._json("GET", path, params=query)

    def post(self, path: str, content: Any) -> Any:
        """Send JSON, once, and return the answer."""
        return self._json("POST", path, json=content)

    def upload(self, path: str, files: Files) -> Any:
        """Send files, once, each under a field name of its own, and return the answer."""
        return self._json("POST", path, files=files)

    def patch(self, path: str, changes: Mapping[str, Any]) -> Any:
        """Change what a path holds and return the answer."""
        return self._json("PATCH", path, json=changes)

    def delete(self, path: str, content: Any = None) -> None:
        """Delete what a path holds, or the part of it that `content` describes."""
        self._checked(self._ask("DELETE", path, json=content))

    def content(self, path: str) -> bytes | None:
        """Return a file as the server gives it to a browser; None if it has none there.

        Raises `PassingError` where another try may find it.
        """
        response = self._ask("GET", path)
        if response.status_code in PASSING - {500}:  # which may be its way to say that it cannot read a path
            self._checked(response)
        return response.content if response.status_code == 200 else None

    def _json(self, method: str, path: str, **request: Any) -> Any:
        response = self._checked(self._ask(method, path, **request))
        try:
            return response.json()
        except ValueError:
            raise foreign(self.server.url) from None

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        import httpx

        url, doing = self.server.url, "work with"
        try:
            return self._session.request(method, path, **request)
        except httpx.ConnectError as error:
            failure: UserError = unreachable(cause(error), url, doing)
            raise PassingError(failure.what, failure.hint) from None
        except httpx.TimeoutException:
            raise unreachable("no answer within the time limit", url, doing) from None
        except httpx.HTTPError as error:
            failure = unreachable(cause(error), url, doing)
            # Reading can be tried again; a cut connection does not say whether a change was made.
            raise (PassingError if method == "GET" else UserError)(failure.what, failure.hint) from None

    def _checked(self, response: httpx.Response) -> httpx.Response:
        """Return an answer that is one; raise what a refusal means."""
        status = response.status_code
        if response.is_success:
            return response
        if response.has_redirect_location:
            raise redirected(self.server.url, str(response.url.join(response.headers["Location"])))
        text = response.text
        for secret in filter(None, (self.server.token, self._auth.access)):
            text = text.replace(secret, "...")  # before it is cut, which may be within the secret
        try:
            body = json.loads(text)
        except ValueError:
            body = None
        failure = refused(status, body, self.server.url, self.server.project)
        reading = response.request.method == "GET" and status in PASSING
        kind = PassingError if status in ANSWERED or reading else RefusedError if status == 400 else UserError
        raise kind(failure.what, failure.hint) from None
