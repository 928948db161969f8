from __future__ import annotations

import pytest

from data.common.errors import UserError, nearest, some


def test_an_error_is_two_lines() -> None:
    error = UserError("tasks.json: is empty; expected 100 tasks", 'make it with "dvc repro sample".')
    assert str(error) == (
        'error: tasks.json: is empty; expected 100 tasks\nhint: make it with "dvc repro sample".'
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [("a", "a"), ("abcde", "a, b, c, d, e"), ("abcdef", "a, b, c, d, e and 1 more"), ("", "")],
)
def test_of_many_names_the_first_are_shown_and_the_others_counted(names: str, expected: str) -> None:
    assert some(list(names)) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("quik", "did you mean quick?"),
        ("zzz", "known are: best, fast, quick"),
        ("", "known are: best, fast, quick"),
    ],
)
def test_the_nearest_known_word_is_suggested(word: str, expected: str) -> None:
    assert nearest(word, ["quick", "fast", "best"]) == expected
