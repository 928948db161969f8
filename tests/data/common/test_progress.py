from __future__ import annotations

import io

import pytest
from rich.console import Console

from data.common import progress


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (99.4, "99 s"),
        (100, "2 min"),
        (3599, "1 h 00 min"),
        (3900, "1 h 05 min"),
        (90000, "25 h 00 min"),
    ],
)
def test_durations_are_written_as_people_say_them(seconds: float, text: str) -> None:
    assert progress.clock(seconds) == text


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what the clock says, to be changed."""
    time = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: time[0])
    return time


def test_on_a_pipe_a_plain_line_now_and_then(now: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress("reading", 100, "images") as task:
        for _ in range(4):
            now[0] += 10
            task.advance(20, "loss 1.5")
    assert capsys.readouterr().out == (
        "reading  40/100 images  loss 1.5  30 s left\nreading  80/100 images  loss 1.5  10 s left\n"
    )


def test_the_speed_may_be_measured_from_an_earlier_moment(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    for epoch in range(50):  # 35 s each, of which not all is training
        with progress.progress("training", 100, "%", done=2 * epoch) as task:
            task.since(0, 0.0)
            now[0] += 20
            task.advance(1)
        now[0] += 15
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "training  1/100 %"
    assert lines[24] == "training  49/100 %  15 min left"
    assert lines[-1] == "training  99/100 %  18 s left"


@pytest.mark.parametrize(
    ("before", "seconds", "done", "line"),
    [
        (0, 20, 1, "1/100 steps"),  # the first step is the slowest
        (0, 20, 2, "2/100 steps  16 min left"),
        (0, 60, 1, "1/100 steps  1 h 39 min left"),
        (0, 60, 0, "0/100 steps"),
        (80, 20, 10, "90/100 steps  20 s left"),  # only what was done since the start counts
    ],
)
def test_no_time_left_is_shown_before_enough_is_done(
    now: list[float], capsys: pytest.CaptureFixture[str], before: int, seconds: int, done: int, line: str
) -> None:
    with progress.progress("training", 100, "steps", done=before) as task:
        now[0] += seconds
        task.advance(done)
    assert capsys.readouterr().out == f"training  {line}\n"


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Return what a terminal shows."""
    screen = io.StringIO()
    terminal = Console(file=screen, force_terminal=True, width=100)
    monkeypatch.setattr(progress, "Console", lambda stderr: terminal)
    return screen


def test_on_a_terminal_a_bar_that_disappears(screen: io.StringIO) -> None:
    assert list(progress.track("abc", "counting", 3, "letters")) == ["a", "b", "c"]
    assert "counting" in screen.getvalue()
    assert "100 %" in screen.getvalue()
    assert " left" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")  # the line is cleared at the end


def test_beside_data_progress_goes_to_standard_error(
    now: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress("predicting", 100, "images", stderr=True) as task:
        now[0] += 20
        task.advance(50)
        print("a.png,frog")
    output = capsys.readouterr()
    assert output.out == "a.png,frog\n"
    assert output.err == "predicting  50/100 images  20 s left\n"


def test_a_bar_on_standard_error_leaves_data_where_they_go(
    screen: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.progress("predicting", 1, "images", stderr=True) as task:
        print("a.png,frog")
        task.advance(1)
    assert capsys.readouterr().out == "a.png,frog\n"
    assert "predicting" in screen.getvalue()
    assert "frog" not in screen.getvalue()
