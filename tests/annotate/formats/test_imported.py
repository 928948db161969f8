"""Values of attributes as tools write them."""

from __future__ import annotations

from typing import Any

import pytest

from annotate.formats.imported import words


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b ", ("a b",)),
        ("", ()),
        (None, ()),
        (3, ("3",)),
        ({"a": True, "b": False, "c": "true"}, ("a", "c")),
        (["a", {"b": True}], ("a", "b")),
        (True, ("yes",)),
    ],
)
def test_words_of_an_answer(value: Any, expected: tuple[str, ...]) -> None:
    assert words(value) == expected
