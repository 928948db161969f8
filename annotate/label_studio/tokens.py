"""Label Studio's two kinds of token: a legacy token is sent as it is, a personal one buys access for minutes.

Reference: https://api.labelstud.io/api-reference/introduction/getting-started#authentication.
"""

from __future__ import annotations

from collections.abc import Generator

import httpx

REFRESH = "/api/token/refresh/"


class TokenAuth(httpx.Auth):
    """Signs each request; `access`, what a personal token has bought, is renewed when it has expired."""

    def __init__(self, url: str, token: str) -> None:
        """Take the server's address and the token of an account there."""
        self._url, self._token = url, token
        self.access = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the signed request, for a personal token after one for access, whose refusal is the reply."""
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
        try:
            self.access = str(response.json()["access"]) if response.is_success else ""
        except (ValueError, KeyError, TypeError):
            self.access = ""
        if self.access:
            request.headers["Authorization"] = f"Bearer {self.access}"
            yield request


def is_personal(token: str) -> bool:
    """Return whether a token is a personal access token: a JSON Web Token, three parts with dots between."""
    return token.startswith("eyJ") and token.count(".") == 2
