"""Signing requests; that a real Label Studio takes both kinds of token is in test_push.py."""

from __future__ import annotations

import json

import httpx
import pytest

from annotate.label_studio.tokens import REFRESH, TokenAuth, is_personal

PERSONAL = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"


class Studio:
    """Takes access for so many requests, then refuses it, as Label Studio does after five minutes."""

    def __init__(self, lasts: int, renews: int = 200) -> None:
        """Take for how many requests access lasts, and the HTTP state of asking for it."""
        self.lasts, self.renews = lasts, renews
        self.bought = self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        if request.url.path == REFRESH:
            assert json.loads(request.content) == {"refresh": PERSONAL}
            assert "Authorization" not in request.headers
            self.bought += 1
            self.asked = 0
            content = {"access": f"a{self.bought}"} if self.renews == 200 else {"detail": "no"}
            return httpx.Response(self.renews, json=content, headers={"Location": "http://elsewhere"})
        self.asked += 1
        right = request.headers.get("Authorization") == f"Bearer a{self.bought}" and self.asked <= self.lasts
        return httpx.Response(200 if right else 401, content=request.content)


def client(studio: Studio, token: str = PERSONAL) -> httpx.Client:
    auth = TokenAuth("http://studio", token)
    return httpx.Client(transport=httpx.MockTransport(studio), auth=auth, base_url="http://studio")


def test_access_is_bought_once_and_anew_when_it_has_run_out() -> None:
    studio = Studio(lasts=3)
    with client(studio) as session:
        answers = [session.post("/api/x", json={"number": number}) for number in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 7
    assert [answer.json()["number"] for answer in answers] == list(range(7))
    assert studio.bought == 3


@pytest.mark.parametrize("status", [401, 503, 308])
def test_where_access_is_not_granted_that_is_the_answer(status: int) -> None:
    studio = Studio(lasts=3, renews=status)
    with client(studio) as session:
        assert session.get("/api/x").status_code == status
    assert (studio.bought, studio.asked) == (1, 0)


@pytest.mark.parametrize(("token", "personal"), [("0" * 40, False), (PERSONAL, True), ("eyJ.x", False)])
def test_the_two_kinds(token: str, personal: bool) -> None:
    assert is_personal(token) == personal


def test_a_legacy_token_is_sent_as_it_is() -> None:
    signed = next(TokenAuth("http://studio", "0" * 40).auth_flow(httpx.Request("GET", "http://studio/api/x")))
    assert signed.headers["Authorization"] == f"Token {'0' * 40}"
