"""Image files by the ends of their paths."""

from __future__ import annotations

import pytest

from data.images.names import NameIndex, endings


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.png", ["a/b.png", "a/b", "b.png", "b"]),
        ("/a/b.png", ["/a/b.png", "/a/b", "a/b.png", "a/b", "b.png", "b"]),
        ("b", ["b"]),
        ("v1.2.png", ["v1.2.png", "v1.2"]),
        (".png", [".png"]),
        ("u\u0308.png", ["\u00fc.png", "\u00fc"]),  # in composed form
        ("a/", ["a/", "a"]),
        ("", []),
    ],
)
def test_the_ends_of_a_path(path: str, expected: list[str]) -> None:
    assert list(endings(path)) == expected


@pytest.mark.parametrize(
    ("name", "end", "values"),
    [
        ("one/a.png", "one/a.png", (1,)),
        ("set/one/a.png", "one/a.png", (1,)),
        ("one/a", "one/a", (1,)),
        ("one/a.jpg", "one/a", (1,)),  # another suffix
        ("three/a.png", "a.png", (1, 2)),  # ambiguous: the caller decides
        ("a", "a", (1, 2)),
        ("b.png", "b.png", (3,)),
        ("c.png", "", ()),
        ("", "", ()),
    ],
)
def test_the_longest_end_of_a_name_decides(name: str, end: str, values: tuple[int, ...]) -> None:
    index = NameIndex[int]()
    for path, value in (("one/a.png", 1), ("two/a.png", 2), ("b.png", 3), ("linked/b.png", 3)):
        index.add(path, value)
    assert index.find(name) == (end, values)
