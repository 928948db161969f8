"""Work that other threads do ahead, in order, and never too far ahead."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def ahead(
    work: Callable[[T], R], items: Iterable[T], *, threads: int, most: int, chunk: int = 1
) -> Iterator[R]:
    """Yield `work(item)` of each item, in order, done in other threads while the caller is busy.

    Of results and items no more than `most` and a chunk are in memory. The threads take `chunk` items at a
    time, since handing over a task costs about as much as reading a small picture. What `work` raises is
    raised here.
    """
    pieces = iter(items)
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[list[R]]] = deque()
        try:
            while piece := list(itertools.islice(pieces, chunk)):
                waiting.append(pool.submit(_each, work, piece))
                if len(waiting) * chunk >= most:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for task in waiting:
                task.cancel()


def _each(work: Callable[[T], R], piece: list[T]) -> list[R]:
    return [work(item) for item in piece]
