from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from annotate.server import child


@pytest.fixture
def log(room: Path) -> Path:
    """Return where a program's words go."""
    return room / "log"


def test_a_program_that_ends_well_says_nothing(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    child.run(["echo", "hello"], "greeting", log, os.environ, "")
    assert log.read_text() == "hello\n"
    assert capsys.readouterr().out == "greeting ...\n"


def test_one_that_fails_is_quoted_without_secrets(log: Path) -> None:
    log.write_text("first\n\nthe word is 5ecret\n" + "x" * 1000 + "\n")
    error = child.failure("it failed", log, "try again.", lambda text: text.replace("5ecret", "***"))
    assert error.what == f"it failed; the end of log:\n    first\n    the word is ***\n    {'x' * 160}"
    assert error.hint == "try again."


def test_a_secret_that_a_line_is_cut_in_is_taken_out_before(log: Path) -> None:
    log.write_text("x" * 156 + "5ecret\n")
    error = child.failure("it failed", log, "", lambda text: text.replace("5ecret", "***"))
    assert error.what.endswith("x***")
    log.write_text("5ecret\n" + "x" * (child.TAIL - 6) + "\n")  # the part that is read begins within it
    assert "cret" not in child.failure("it failed", log, "", lambda text: text).what


def test_a_log_without_line_ends_is_quoted_from_its_last_progress_on(log: Path) -> None:
    log.write_text("x" * 40 + "\rno space left" * child.TAIL)
    assert "no space left" in child.failure("it failed", log, "").what


def test_while_it_runs_one_hears_how_far_it_is_and_not_what_it_says(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(child, "PIPE_SECONDS", 0)
    command = ["sh", "-c", "echo Collecting things; sleep 0.3"]
    child.run(command, "installing", log, os.environ, "", lambda: "2 of 3 packages")
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["installing ...", "installing  0 s  2 of 3 packages"]
    assert "Collecting" not in "".join(said)


@pytest.mark.parametrize("text", [None, "", "\n\n"])
def test_one_that_says_nothing(log: Path, text: str | None) -> None:
    if text is not None:
        log.write_text(text)
    assert child.failure("it failed", log, "").what == "it failed; log is empty"


def test_an_interrupted_command_leaves_no_program_behind(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        while "ready" not in log.read_text():
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(child.Waiting, "pause", interrupt)
    os.mkfifo("held")
    held = os.open("held", os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(KeyboardInterrupt):
        child.run(["sh", "-c", "exec 3> held; echo ready; sleep 60 & wait"], "sleeping", log, os.environ, "")
    os.set_blocking(held, True)
    assert os.read(held, 1) == b""  # comes at once when the last who holds it is gone, `sleep` among them
    os.close(held)


def test_a_program_that_does_not_listen_is_ended_by_force(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "GRACE", 0.2)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        process.stdout.readline()
        child.end(process)
        child.end(process)
    assert process.returncode == -9


def test_waiting_on_a_pipe_and_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda _: None)
    with child.Waiting("installing") as waiting:
        for note in ("a", "b", "c"):
            now[0] += 10
            waiting.pause(note)
    assert capsys.readouterr().out == "installing ...\ninstalling  20 s  b\n"
    screen = io.StringIO()
    monkeypatch.setattr(child, "Console", lambda: Console(file=screen, force_terminal=True, width=40))
    with child.Waiting("installing") as waiting:
        waiting.pause("[torch] " + "x" * 80)
        assert waiting.live
        assert str(waiting.live.status).startswith("installing  0 s  \\[torch] xxx")
