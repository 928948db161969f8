from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import torch

from train.core import threads
from train.core.threads import ProcessorTime, allowed_cores, idle_cores, take_idle_cores

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A machine of four cores that this process may use, without a container's limit."""
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(threads, "CPU_MAX", tmp_path / "cpu.max")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("loads", "idle"),
    [
        ([0.0, 0.0, 0.0, 0.0], 4),
        ([3.0, 8.0, 5.0, 10.0], 4),  # in passing
        ([100.0, 2.0, 1.0, 0.0], 3),
        ([25.0, 25.0, 25.0, 25.0], 3),  # one busy program that changes cores
        ([50.0, 0.0, 0.0, 0.0], 3),
        ([100.0, 100.0, 100.0, 100.0], 1),
    ],
)
def test_idle_cores(loads: list[float], idle: int) -> None:
    assert idle_cores(loads) == idle


def test_only_the_cores_that_the_process_may_use_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3}, raising=False)
    assert allowed_cores() == 2
    assert idle_cores([0.0, 0.0, 100.0, 0.0]) == 1


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("max 100000", 4),
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("50000 100000", 1),
        ("800000 100000", 4),
    ],
)
def test_a_containers_limit_counts(limit: str, cores: int) -> None:
    threads.CPU_MAX.write_text(f"{limit}\n")
    assert allowed_cores() == cores
    assert idle_cores([0.0] * 4) == cores


@pytest.mark.parametrize(
    ("loads", "environment", "device", "expected"),
    [
        ([0.0] * 4, "", "cpu", 4),
        ([0.0] * 8, "", "cpu", 4),  # never more than torch takes by itself
        ([100.0, 100.0, 0.0, 0.0], "", "cpu", 2),
        ([100.0] * 4, "", "cpu", 1),
        ([100.0] * 4, "4", "cpu", 4),  # OMP_NUM_THREADS wins
        ([100.0] * 4, "", "cuda", 4),
    ],
)
def test_a_training_takes_as_many_threads_as_cores_are_idle(
    monkeypatch: pytest.MonkeyPatch, loads: list[float], environment: str, device: str, expected: int
) -> None:
    monkeypatch.setattr(psutil, "cpu_percent", lambda *_, **__: loads)
    monkeypatch.setenv("OMP_NUM_THREADS", environment)
    take_idle_cores(torch.device(device))
    assert torch.get_num_threads() == expected


@pytest.mark.parametrize(("load", "shown"), [(100.0, True), (40.0, False)])  # beside busy and idle programs
def test_a_small_share_of_the_processor_time_is_shown_and_what_to_do_about_it_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], load: float, shown: bool
) -> None:
    clocks = {"monotonic": 100.0, "process_time": 5.0}
    for name in clocks:
        monkeypatch.setattr(time, name, lambda name=name: clocks[name])
    monkeypatch.setattr(psutil, "cpu_percent", lambda **_: [load] * 4)
    processor = ProcessorTime()
    notes = []
    # Seconds, and those of the processor: windows of 10 s and more with shares of 1/4, 1/4 and 1.
    for wall, used in ((5, 1), (5, 9), (4, 2), (6, 8), (10, 40)):
        clocks["monotonic"] += wall
        clocks["process_time"] += used
        notes.append(processor.note().strip())
    assert notes == (["", *["25% of the processor time"] * 3, ""] if shown else [""] * 5)
    advice = capsys.readouterr().out.splitlines()
    assert len(advice) == shown
    for part in ("4 threads get 25%", "Ctrl-C", "OMP_NUM_THREADS=1 dvc repro") if shown else ():
        assert part in advice[0]
