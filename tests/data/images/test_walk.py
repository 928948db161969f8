from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from data.images.walk import shown


@given(st.text())
def test_any_name_is_shown_in_one_line_that_can_be_printed(name: str) -> None:
    assert shown(name).isprintable()
    assert shown(name) == name or not name.isprintable()
    shown(name).encode()
