"""Signing requests; that a real Label Studio takes both kinds of token is in test_push.py."""

from __future__ import annotations

import json

import httpx
import pytest

from annotate.label_studio.tokens import REFRESH, TokenAuth, is_personal

PERSONAL = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"


class Studio:
    """Accepts access for so many requests, then refuses it, as Label Studio does after five minutes."""

    def __init__(self, lasts: int, refresh_status: int = 200) -> None:
        self.lasts, self.refresh_status = lasts, refresh_status
        self.refreshed = self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == REFRESH:
            assert json.loads(request.content) == {"refresh": PERSONAL}
            assert "Authorization" not in request.headers
            self.refreshed += 1
            self.asked = 0
            content = {"access": f"a{self.refreshed}"} if self.refresh_status == 200 else {"detail": "no"}
            return httpx.Response(self.refresh_status, json=content, headers={"Location": "http://elsewhere"})
        self.asked += 1
        signed = request.headers.get("Authorization") == f"Bearer a{self.refreshed}"
        return httpx.Response(200 if signed and self.asked <= self.lasts else 401, content=request.content)


def client(studio: Studio) -> httpx.Client:
    auth = TokenAuth("http://studio", PERSONAL)
    return httpx.Client(transport=httpx.MockTransport(studio), auth=auth, base_url="http://studio")


def test_access_is_fetched_once_and_anew_when_it_has_expired() -> None:
    studio = Studio(lasts=3)
    with client(studio) as session:
        replies = [session.post("/api/x", json={"number": number}) for number in range(7)]
    assert [(reply.status_code, reply.json()["number"]) for reply in replies] == [(200, n) for n in range(7)]
    assert studio.refreshed == 3


@pytest.mark.parametrize("status", [401, 503, 308])
def test_a_refused_refresh_is_the_reply(status: int) -> None:
    studio = Studio(lasts=3, refresh_status=status)
    with client(studio) as session:
        assert session.get("/api/x").status_code == status
    assert (studio.refreshed, studio.asked) == (1, 0)


def test_a_legacy_token_is_sent_as_it_is() -> None:
    assert [is_personal(token) for token in ("0" * 40, PERSONAL, "eyJ.x")] == [False, True, False]
    signed = next(TokenAuth("http://studio", "0" * 40).auth_flow(httpx.Request("GET", "http://studio/api/x")))
    assert signed.headers["Authorization"] == f"Token {'0' * 40}"
