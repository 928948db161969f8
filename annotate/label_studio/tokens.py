"""Label Studio's two kinds of token: a legacy one is sent as it is, a personal one buys access for minutes.

Reference: https://api.labelstud.io/api-reference/introduction/getting-started#authentication. A module of
its own since importing httpx takes a while, and most commands never ask a server.
"""

from __future__ import annotations

from collections.abc import Generator

import httpx

REFRESH = "/api/token/refresh/"

Flow = Generator[httpx.Request, httpx.Response, None]


class TokenAuth(httpx.Auth):
    """Signs each request; access that is missing or has run out is fetched before, or anew."""

    def __init__(self, url: str, token: str) -> None:
        """Take the server's address and the token of an account there."""
        self._url, self._token = url, token
        self.access = ""

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Yield the request, for a personal token with a request for access before it.

        Where that is not granted its answer is the answer: a refusal, a server that is busy, a redirect.
        """
        if not is_personal(self._token):
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        if self.access:
            request.headers["Authorization"] = f"Bearer {self.access}"
            response = yield request
            if response.status_code != 401:
                return
        response = yield httpx.Request("POST", self._url + REFRESH, json={"refresh": self._token})
        response.read()
        self.access = _access(response)
        if self.access:
            request.headers["Authorization"] = f"Bearer {self.access}"
            yield request


def _access(response: httpx.Response) -> str:
    """Return the access that an answer grants, or nothing."""
    try:
        return str(response.json()["access"]) if response.is_success else ""
    except (ValueError, KeyError, TypeError):
        return ""


def is_personal(token: str) -> bool:
    """Return whether a token is a personal access token: a JSON Web Token, three parts with dots between."""
    return token.startswith("eyJ") and token.count(".") == 2
