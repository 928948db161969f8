from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from data.common import cli, files
from data.common.errors import UserError
from tests.tiny import ROOT

SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]


def user_error() -> None:
    raise UserError("tasks.json: is empty", "make it.")


def interrupted() -> None:
    raise KeyboardInterrupt


def bug() -> None:
    raise ZeroDivisionError


def run(
    main: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *arguments: str, message: str = cli.RESUMES
) -> int:
    """Return the exit code of a command."""
    monkeypatch.setattr("sys.argv", ["stage", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.run(main, message)
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    ("main", "arguments", "code", "shown"),
    [
        (user_error, [], 1, "error: tasks.json: is empty\nhint: make it.\n"),
        (interrupted, [], 130, f"{cli.STARTS_AGAIN}\n"),
        (user_error, ["--no-such-option"], 2, "--no-such-option"),
    ],
)
def test_a_command_that_fails_shows_lines_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    main: Callable[[], None],
    arguments: list[str],
    code: int,
    shown: str,
) -> None:
    assert run(main, monkeypatch, *arguments, message=cli.STARTS_AGAIN) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert shown in err
    assert "Traceback" not in err


@pytest.mark.parametrize("room", ["data", "train"])
def test_ctrl_c_before_a_command_has_begun_promises_nothing(tmp_path: Path, room: str) -> None:
    (tmp_path / "slow.py").write_text(f"import {room}\nraise KeyboardInterrupt\n")
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    script = "import sys; sys.argv = ['-m']; import slow"
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == "\ninterrupted\n"


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_cleans_up(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def main() -> None:
        with files.atomic(tmp_path / "p.csv") as part:
            part.write_text("half")
            signal.raise_signal(number)

    before = signal.getsignal(number)
    assert run(main, monkeypatch) == code
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("raised", [TypeError, UserError("p.csv: cannot be read", "make it again.")])
@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_stays_one_whatever_is_raised(
    number: signal.Signals,
    code: int,
    raised: type[TypeError] | UserError,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def main() -> None:
        with suppress(BaseException):
            signal.raise_signal(number)
        raise raised

    assert run(main, monkeypatch) == code
    assert capsys.readouterr().err == (f"{cli.RESUMES}\n" if number == signal.SIGINT else "")


@pytest.mark.parametrize(("number", "code"), SIGNALS[1:])
def test_a_second_signal_does_not_end_the_clean_up(
    number: signal.Signals, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cleaned: list[bool] = []

    def main() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(signal.SIGHUP)
            signal.raise_signal(signal.SIGTERM)
            cleaned.append(True)

    assert run(main, monkeypatch) == code
    assert cleaned


def test_a_hangup_that_nohup_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert run(lambda: signal.raise_signal(signal.SIGHUP), monkeypatch) == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(ZeroDivisionError):
        cli.run(bug)
