"""The HTTP session with a Label Studio server, for the SDK and for raw requests where that lacks something.

Whatever fails is a `ServerError` without the token. A request that reads is repeated where that may help; one
that writes is not: the server may have done it. Reference: https://api.labelstud.io.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import httpx

from annotate.label_studio.config import Server
from annotate.label_studio.messages import (
    ServerError,
    cause,
    not_label_studio,
    redirected,
    refused,
    unreachable,
)
from annotate.label_studio.tokens import TokenAuth

TIMEOUT = 600.0  # seconds without a byte: deleting the predictions of 5,000 tasks took 40 s without one
PAUSES = (1.0, 2.0)  # seconds before the second and the third try
PASSING = {None, 408, 425, 429, 500, 502, 503, 504}  # HTTP status (None: no reply) of what may pass


class Client(httpx.Client):
    """Signs its requests, follows no redirect, and returns successful replies only; use as a context."""

    def __init__(self, server: Server, timeout: float = TIMEOUT) -> None:
        """Take the server, and how many seconds to wait for a byte."""
        self.server = server
        self._tokens = TokenAuth(server.url, server.token)
        super().__init__(
            base_url=server.url, auth=self._tokens, timeout=timeout, trust_env=not server.is_local
        )

    @cached_property
    def sdk(self) -> Any:
        """Label Studio's SDK in this session, made when it is needed first: that takes 1 to 3 s."""
        from label_studio_sdk import LabelStudio

        options: dict[str, Any] = {"api_key": "-", "max_retries": 0, "httpx_client": self}
        return LabelStudio(base_url=self.server.url, **options)  # type: ignore[no-untyped-call]

    @contextmanager
    def expected(self) -> Iterator[None]:
        """Within the block, a reply that is not built as Label Studio's are raises `ServerError`."""
        from label_studio_sdk.core.api_error import ApiError
        from label_studio_sdk.core.parse_error import ParsingError

        try:
            yield
        except (ApiError, ParsingError, AttributeError, LookupError, TypeError, ValueError):
            raise not_label_studio(self.server.url) from None

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Return the reply, read to its end; a request that reads is tried up to three times."""
        url = self.server.url
        pauses = PAUSES if request.method == "GET" else ()
        for pause in (*pauses, None):
            try:
                response = super().send(request, **options)
                response.read()
            except httpx.TimeoutException:  # three times ten minutes would look like hanging
                raise unreachable("no reply within the time limit", url) from None
            except httpx.HTTPError as error:
                failure = unreachable(cause(error), url)
            else:
                if response.is_success:
                    return response
                failure = self._failure(response)
            if pause is None or failure.status not in PASSING:
                break
            time.sleep(pause)
        raise failure

    def _failure(self, response: httpx.Response) -> ServerError:
        url, text = self.server.url, response.text
        if response.has_redirect_location:
            return redirected(response.status_code, url, str(response.url.join(response.headers["Location"])))
        for secret in filter(None, (self.server.token, self._tokens.access)):
            text = text.replace(secret, "...")
        return refused(response.status_code, text, url, self.server.project)
