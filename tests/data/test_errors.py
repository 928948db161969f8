from __future__ import annotations

from collections.abc import Callable

import pytest

from data import errors
from data.errors import UserError


def user_error() -> None:
    raise UserError("tasks.json: is empty; expected 100 tasks", 'make it with "dvc repro sample".')


def interrupted() -> None:
    raise KeyboardInterrupt


def bug() -> None:
    raise ZeroDivisionError


def run(main: Callable[..., None], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Return the exit code of a command."""
    monkeypatch.setattr("sys.argv", ["stage", *arguments])
    with pytest.raises(SystemExit) as ended:
        errors.run(main)
    assert isinstance(ended.value.code, int)
    return ended.value.code


def test_what_a_user_can_mend_is_two_lines_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(user_error, monkeypatch) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        'error: tasks.json: is empty; expected 100 tasks\nhint: make it with "dvc repro sample".\n'
    )


def test_ctrl_c_is_one_line_and_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(interrupted, monkeypatch) == 130
    assert (
        capsys.readouterr().err
        == "\ninterrupted: what was finished is kept, the same command goes on from there\n"
    )


def test_a_wrong_option_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(user_error, monkeypatch, "--no-such-option") == 2
    assert "--no-such-option" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["stage"])
    with pytest.raises(ZeroDivisionError):
        errors.run(bug)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("quik", "did you mean quick?"),
        ("zzz", "known are: best, fast, quick"),
        ("", "known are: best, fast, quick"),
    ],
)
def test_the_nearest_known_word_is_suggested(word: str, said: str) -> None:
    assert errors.nearest(word, ["quick", "fast", "best"]) == said
