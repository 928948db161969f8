from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.images.walk import Skipped
from tests.tiny import untrained
from train.prediction import batches
from train.prediction.batches import Form, Look, Predictions, ahead


@given(st.integers(0, 60), st.integers(1, 4), st.integers(1, 20), st.integers(1, 8))
def test_results_come_in_order_whatever_the_threads(count: int, threads: int, most: int, chunk: int) -> None:
    found = ahead(lambda n: n * n, range(count), threads=threads, most=most, chunk=chunk)
    assert list(found) == [n * n for n in range(count)]


def test_no_more_than_asked_for_are_taken_ahead() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    for done, _ in enumerate(ahead(str, items(), threads=2, most=32, chunk=4)):
        assert taken - done <= 32 + 4


def test_work_goes_on_while_the_caller_is_busy() -> None:
    second_begun, all_done = threading.Event(), threading.Barrier(2, timeout=30)

    def work(number: int) -> None:
        if number == 1:
            second_begun.set()
            all_done.wait()

    def items() -> Iterator[int]:
        yield from (0, 1)
        assert second_begun.wait(30)  # and so the first is done
        yield 2

    results = ahead(work, items(), threads=1, most=3)
    next(results)
    all_done.wait()
    assert len(list(results)) == 2


def test_the_caller_works_where_it_would_wait() -> None:
    first_begun, second_done = threading.Event(), threading.Event()

    def work(number: int) -> str:
        if number == 0:
            first_begun.set()
            assert second_done.wait(30)
        second_done.set()
        return threading.current_thread().name

    def items() -> Iterator[int]:
        yield 0
        assert first_begun.wait(30)
        yield 1

    first, second = ahead(work, items(), threads=1, most=2)
    assert second == threading.current_thread().name != first


@pytest.mark.parametrize(
    ("worked", "overlap"), [(0.01, True), (1.0, False)], ids=["files that come slowly", "files at hand"]
)
def test_on_a_cpu_reading_goes_on_only_where_it_waits(
    worked: float, overlap: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, while_network_works = 0, []

    def read(asked: object) -> tuple[Look, float, float]:
        nonlocal begun
        begun += 1
        time.sleep(0.002)
        return Look(), 1.0, worked

    def answered(*_: object) -> Predictions:
        before = begun
        time.sleep(0.05)
        while_network_works.append(begun - before)
        return Predictions(pd.DataFrame(), (), ())

    monkeypatch.setattr(batches, "timed", read)
    monkeypatch.setattr(batches, "answered", answered)
    monkeypatch.setattr(batches, "BATCH", 8)
    found = batches.batches([Skipped("", "")] * 64, untrained(), Form())
    assert len(list(found)) == 9
    # One that a thread was about to begin it may still begin.
    assert (max(while_network_works) > batches.THREADS) == overlap


def test_what_work_raises_ends_it() -> None:
    done = []

    def work(number: int) -> int:
        done.append(number)
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(ahead(work, range(1000), threads=2, most=8))
    assert len(done) < 100
    assert threading.active_count() == 1


def test_closing_waits_for_the_item_under_way_and_not_for_its_chunk() -> None:
    done: list[int] = []
    under_way, go_on = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number == 1:
            under_way.set()
            go_on.wait(30)
        done.append(number)
        return number

    def interrupting() -> Iterator[int]:
        yield from range(200)
        under_way.wait(30)
        threading.Timer(0.2, go_on.set).start()  # while the pool is waited for
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ahead(work, interrupting(), threads=1, most=1000, chunk=100))
    assert done == [0, 1]
    assert threading.active_count() <= 2  # the timer
