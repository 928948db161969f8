from __future__ import annotations

from pathlib import Path

import pytest

from annotate.label_studio.config import Server, configured, required
from data.common.errors import UserError

TOKEN = "5ecret5ecret5ecret5ecret5ecret5ecret5ecr"


@pytest.mark.parametrize(
    ("env", "file", "expected"),
    [
        ({}, "", None),
        ({"LABEL_STUDIO_API_KEY": "abc"}, "", None),
        (
            {"LABEL_STUDIO_URL": "http://a:1/", "LABEL_STUDIO_API_KEY": " abc\n"},
            "",
            Server("http://a:1", "abc", "annotrain"),
        ),
        (
            {},
            "LABEL_STUDIO_URL=https://a\nLABEL_STUDIO_API_KEY='abc'\nLABEL_STUDIO_PROJECT=7\n",
            Server("https://a", "abc", "7"),
        ),
        (
            {"LABEL_STUDIO_URL": "http://b"},
            "LABEL_STUDIO_URL=http://a\nLABEL_STUDIO_API_KEY=abc\n",
            Server("http://b", "abc", "annotrain"),
        ),
    ],
)
def test_the_server_comes_from_the_environment_or_a_file(
    room: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], file: str, expected: Server | None
) -> None:
    (room / ".env").write_text(file)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert configured() == expected


@pytest.mark.parametrize(
    ("url", "token", "problem"),
    [
        ("http://label_studio:8080", TOKEN, None),
        ("http://[::1]:8080", TOKEN, None),
        ("127.0.0.1:8080", TOKEN, "invalid URL"),
        ("ftp://a", TOKEN, "invalid URL"),
        ("http://", TOKEN, "invalid URL"),
        ("http://a:port", TOKEN, "invalid URL"),
        ("http://label..org", TOKEN, "invalid URL"),
        ("http://192.168.1.300:8080", TOKEN, "invalid URL"),
        ("http://a", "", "holds no token"),
        ("http://a", "5ecr\u00e9t", "holds no token"),
        ("http://a", "5ecret\n5ecret", "holds no token"),
    ],
)
def test_urls_and_tokens(
    room: Path, monkeypatch: pytest.MonkeyPatch, url: str, token: str, problem: str | None
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", token)
    if problem is None:
        assert configured() == Server(url, token, "annotrain")
        return
    with pytest.raises(UserError, match=problem) as error:
        configured()
    assert "5ecr" not in str(error.value)


def test_no_server_is_an_error_only_where_one_is_required(room: Path) -> None:
    with pytest.raises(UserError, match="no Label Studio is configured") as error:
        required()
    assert "python -m annotate serve" in error.value.hint


def test_the_token_is_in_no_repr() -> None:
    server = Server(f"http://me:{TOKEN}@a", TOKEN, "annotrain")
    assert TOKEN not in server.shown
    assert TOKEN not in repr(Server("http://a", TOKEN, "annotrain"))
    assert [Server(url, "", "").is_local for url in ("http://localhost:1", "http://a")] == [True, False]
