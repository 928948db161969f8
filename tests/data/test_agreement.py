from __future__ import annotations

import pytest

from data.agreement import kappa


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("abab", "abab", 1.0),
        ("aabb", "abab", 0.0),  # half agree, as by chance
        ("aaab", "aabb", 0.5),  # 3 of 4 agree, by chance 1/2: (0.75 - 0.5) / (1 - 0.5)
        ("ab", "ba", -1.0),
        ("ab", "cc", 0.0),
        ("", "", None),
        ("aaa", "aaa", None),  # 0 / 0
    ],
)
def test_kappa_by_hand(first: str, second: str, expected: float | None) -> None:
    assert kappa(list(first), list(second)) == (None if expected is None else pytest.approx(expected))
