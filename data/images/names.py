"""Image files by the names that people and tools have for them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath


def endings(path: str) -> Iterator[str]:
    """Yield every end of a path that may stand for an image, with and without the file's suffix, longest first.

    `a/b.png` is `a/b.png`, `a/b`, `b.png` and `b`. Names are compared in Unicode's composed form.
    """
    parts = unicodedata.normalize("NFC", path).split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        yield end
        yield str(PurePosixPath(end).with_suffix("")) if PurePosixPath(end).name else end
