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

    requires_response_body = True

    def __init__(self, url: str, token: str) -> None:
        """Take the server's address and the token of an account there."""
        self._url, self._token = url, token
        self._access = ""

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Yield the request, for a personal token with a request for access before it."""
        if not is_personal(self._token):
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        fresh = not self._access
        if fresh:
            yield from self._renew()
        response = yield self._signed(request)
        if response.status_code == 401 and not fresh:
            yield from self._renew()
            yield self._signed(request)

    def _renew(self) -> Flow:
        """Ask for access. Without any the server refuses the request itself, which says what is wrong."""
        response = yield httpx.Request("POST", self._url + REFRESH, json={"refresh": self._token})
        try:
            self._access = str(response.json()["access"]) if response.is_success else ""
        except (ValueError, KeyError, TypeError):
            self._access = ""

    def _signed(self, request: httpx.Request) -> httpx.Request:
        if self._access:
            request.headers["Authorization"] = f"Bearer {self._access}"
        return request


def is_personal(token: str) -> bool:
    """Return whether a token is a personal access token: a JSON Web Token, three parts with dots between."""
    return token.startswith("eyJ") and token.count(".") == 2
