from __future__ import annotations

import re
from pathlib import Path

import pytest

from annotate.server import account
from annotate.server.account import NAMES, Account
from data.common.errors import UserError

OURS = (
    "LABEL_STUDIO_URL=http://127.0.0.1:9000\n"
    "LABEL_STUDIO_API_KEY=5ecret5ecret5ecret5ecret5ecret5ecret5ecr\n"
    "LABEL_STUDIO_USERNAME=me@localhost\n"
    "LABEL_STUDIO_PASSWORD=hidden-word\n"
)


@pytest.fixture
def env(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the .env of an empty folder goes; no variable of the shell names an account."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    return room / ".env"


def test_the_first_account_is_random_and_readable_for_its_owner_only(env: Path) -> None:
    first, other = account.load(), account.load()
    assert not env.exists()
    assert first.port == 8080
    assert re.fullmatch(r"annotrain-[0-9a-f]{4}@localhost", first.username)
    assert re.fullmatch(r"[0-9a-f]{40}", first.token)
    assert len(first.password) == 20
    assert (first.token, first.password) != (other.token, other.password)
    account.save(first)
    assert env.stat().st_mode & 0o777 == 0o600
    assert account.load() == first
    assert list(env.parent.iterdir()) == [env]


def test_the_secrets_are_kept_out_of_texts(env: Path) -> None:
    login = account.load()
    assert login.password not in repr(login)
    assert login.token not in repr(login)
    assert login.redacted(f"a {login.token} b {login.password}") == "a *** b ***"


@pytest.mark.parametrize(
    ("before", "others"),
    [
        ("", ""),
        ("OTHER=1", "OTHER=1\n"),
        ("# mine\nOTHER='a b'\n\n", "# mine\nOTHER='a b'\n\n"),
        (f"A=1\r\n{OURS}LABEL_STUDIO_PROJECT=7\n", "A=1\r\nLABEL_STUDIO_PROJECT=7\n"),
        (OURS.replace("9000", "8080") + "B=2\n", "B=2\n"),
        (OURS.replace("LABEL_STUDIO_URL=", "export LABEL_STUDIO_URL = "), ""),
        ("LATIN=\udce9\n", "LATIN=\udce9\n"),  # a byte that is not UTF-8
    ],
)
def test_other_lines_of_dotenv_are_kept(env: Path, before: str, others: str) -> None:
    env.write_bytes(before.encode(errors="surrogateescape"))
    env.chmod(0o644)
    login = Account(9000, "me@localhost", "hidden-word", "5ecret5ecret5ecret5ecret5ecret5ecret5ecr")
    for _ in range(2):
        account.save(login, env)
        assert env.read_bytes() == (others + OURS).encode(errors="surrogateescape")
    assert account.load(env=env) == login
    assert env.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "text",
    [
        "LABEL_STUDIO_URL=https://me:5ecret@labels.example/studio\nLABEL_STUDIO_API_KEY=5ecret\n",
        OURS.replace("127.0.0.1", "192.0.2.1"),
        OURS.replace("http:", "https:"),
        OURS.replace("9000", "port"),
        "LABEL_STUDIO_API_KEY=5ecret\n",
        OURS[: OURS.index("LABEL_STUDIO_USERNAME")],
    ],
)
def test_another_server_is_refused_and_its_settings_stay(env: Path, text: str) -> None:
    env.write_text(text)
    with pytest.raises(UserError, match=r"\.env configures a Label Studio that serve did not start") as error:
        account.load()
    assert "5ecret" not in str(error.value)
    assert env.read_text() == text


@pytest.mark.parametrize(
    ("name", "value"),
    [("LABEL_STUDIO_URL", "https://labels.example"), ("LABEL_STUDIO_API_KEY", "0ther5ecret")],
)
def test_a_variable_of_the_shell_for_another_server_is_named(
    env: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    env.write_text(OURS)
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=f"{name} in the environment") as error:
        account.load()
    assert "0ther5ecret" not in str(error.value)
    assert f"unset {name}" in error.value.hint
    monkeypatch.setenv(name, "http://127.0.0.1:9000" if name.endswith("URL") else "5ecret" * 6 + "5ecr")
    assert account.load().port == 9000
