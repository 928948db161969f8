from __future__ import annotations

import re
import resource
from pathlib import Path

import pytest

from annotate.label_studio.config import configured
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


def test_the_first_account_is_random_and_for_its_owner_only(env: Path) -> None:
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


def test_the_pipeline_finds_the_server(env: Path) -> None:
    made = account.load(8123)
    account.save(made)
    server = configured(env)
    assert server
    assert (server.url, server.token) == ("http://127.0.0.1:8123", made.token)


def test_no_text_of_an_account_holds_its_secrets(env: Path) -> None:
    made = account.load()
    assert made.password not in repr(made)
    assert made.token not in repr(made)
    assert made.redacted(f"a {made.token} b {made.password}") == "a *** b ***"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", OURS),
        ("OTHER=1", f"OTHER=1\n{OURS}"),
        ("# mine\nOTHER='a b'\n\n", f"# mine\nOTHER='a b'\n\n{OURS}"),
        (OURS, OURS),
        (f"A=1\r\n{OURS}B=2\n", f"A=1\r\n{OURS}B=2\n"),
        (OURS.replace("9000", "8080") + "B=2\n", f"{OURS}B=2\n"),
        ("export LABEL_STUDIO_USERNAME=me@localhost\n", None),
        (OURS.replace("LABEL_STUDIO_URL=", "export LABEL_STUDIO_URL = "), None),
        ("LATIN=\udce9\n", f"LATIN=\udce9\n{OURS}"),  # a byte that is no UTF-8 stays what it is
    ],
)
def test_whatever_else_dotenv_holds_is_kept(env: Path, before: str, after: str | None) -> None:
    env.write_bytes(before.encode(errors="surrogateescape"))
    wanted = Account(9000, "me@localhost", "hidden-word", "5ecret5ecret5ecret5ecret5ecret5ecret5ecr")
    account.save(wanted, env)
    assert account.load(env=env) == wanted
    assert env.stat().st_mode & 0o777 == 0o600
    if after is not None:
        assert env.read_bytes() == after.encode(errors="surrogateescape")


def test_a_login_that_was_chosen_beforehand_is_taken(env: Path) -> None:
    env.write_text("LABEL_STUDIO_USERNAME=me@localhost\nLABEL_STUDIO_PASSWORD=hidden-word\n")
    made = account.load()
    assert (made.username, made.password) == ("me@localhost", "hidden-word")


def test_another_port_is_kept_for_the_next_start(env: Path) -> None:
    env.write_text(OURS)
    assert account.load().port == 9000
    account.save(account.load(9001))
    assert account.load().port == 9001


def test_a_link_stays_a_link(env: Path) -> None:
    env.symlink_to("secrets")
    account.save(account.load())
    assert env.is_symlink()
    assert (env.parent / "secrets").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "LABEL_STUDIO_URL=https://me:5ecret@labels.example/studio\nLABEL_STUDIO_API_KEY=5ecret\n",
            "not on this machine: https://labels.example/studio",
        ),
        (OURS.replace("127.0.0.1", "192.0.2.1"), "not on this machine: http://192.0.2.1:9000"),
        (OURS.replace("http:", "https:"), "not on this machine: https://127.0.0.1:9000"),
        (OURS.replace("9000", "port"), "not on this machine"),
        (OURS.replace("127.0.0.1", "[::1"), "not on this machine: an address that is none"),
        (
            "LABEL_STUDIO_API_KEY=5ecret\n",
            "has no LABEL_STUDIO_URL, LABEL_STUDIO_USERNAME, LABEL_STUDIO_PASSWORD",
        ),
        (OURS[: OURS.index("LABEL_STUDIO_USERNAME")], "has no LABEL_STUDIO_USERNAME, LABEL_STUDIO_PASSWORD"),
    ],
)
def test_what_somebody_else_set_up_is_refused_and_left_as_it_is(env: Path, text: str, problem: str) -> None:
    env.write_text(text)
    with pytest.raises(UserError) as error:
        account.load()
    assert problem in error.value.what
    assert "5ecret" not in str(error.value)
    assert env.read_text() == text


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("LABEL_STUDIO_URL", "https://labels.example", "the environment names a Label Studio that is not on"),
        ("LABEL_STUDIO_URL", "http://127.0.0.1:9001", "LABEL_STUDIO_URL in the environment is not that"),
        ("LABEL_STUDIO_API_KEY", "0ther5ecret", "LABEL_STUDIO_API_KEY in the environment is not that"),
    ],
)
def test_a_variable_that_would_lead_the_pipeline_elsewhere_is_named(
    env: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    env.write_text(OURS)
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=problem) as error:
        account.load()
    assert "0ther5ecret" not in str(error.value)
    assert name in error.value.hint


def test_variables_that_say_the_same_do_no_harm(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env.write_text(OURS)
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9000")
    assert account.load().port == 9000


def test_a_full_disk_keeps_the_old_file(env: Path) -> None:
    env.write_text("OTHER=1\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # the kernel refuses larger files
    try:
        with pytest.raises(UserError, match=r"\.env: cannot be written"):
            account.save(account.load())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert env.read_text() == "OTHER=1\n"
    assert list(env.parent.iterdir()) == [env]
