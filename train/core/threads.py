"""How many threads a training on the CPU takes, and whether other programs leave it its cores.

Beside one busy program two threads fall to a thirtieth of their speed on two cores, since every parallel
region waits for the thread that lost its core; one thread keeps its speed.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import torch

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of processor time in so many
LOOK_SECONDS = 1.0  # at the cores, before a training
TOLERATED = 0.3  # of a core, that other programs may take in passing
# Of the processor time that the threads ask for. Measured with two threads on two cores: 0.96 to 0.98 alone;
# beside one busy program 0.2 to 0.6, with OMP_WAIT_POLICY=passive 0.5.
ENOUGH = 0.8
WINDOW_SECONDS = 10.0
ADVICE = (
    "{} threads get {:.0%} of their processor time, since other programs run: to go faster, press Ctrl-C and "
    "resume with fewer, as by OMP_NUM_THREADS=1 dvc repro"
)


def allowed_cores() -> int:
    """Return how many cores this process may use, by its affinity and its container's limit."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):  # without a limit it is "max 100000"
        limit, period = CPU_MAX.read_text().split()
        cores = min(cores, math.ceil(int(limit) / int(period)))
    return max(cores, 1)


def idle_time(loads: Sequence[float]) -> float:
    """Return how much of the allowed cores is idle, in cores, by the load of every core in per cent."""
    if hasattr(os, "sched_getaffinity"):
        loads = [load for core, load in enumerate(loads) if core in os.sched_getaffinity(0)] or loads
    return sum(100 - load for load in loads) / 100


def idle_cores(loads: Sequence[float]) -> int:
    """Return how many of the allowed cores are idle, at least 1, by the load of every core in per cent."""
    return max(min(math.floor(idle_time(loads) + TOLERATED), allowed_cores()), 1)


def take_idle_cores(device: torch.device) -> None:
    """Let torch use no more threads than cores are idle, unless OMP_NUM_THREADS is set or there is a GPU."""
    if device.type == "cpu" and not os.environ.get("OMP_NUM_THREADS"):
        loads = psutil.cpu_percent(LOOK_SECONDS, percpu=True)
        torch.set_num_threads(min(idle_cores(loads), torch.get_num_threads()))


class ProcessorTime:
    """The processor time that this process gets, beside that which its threads ask for, window by window."""

    def __init__(self) -> None:
        """Begin the first window."""
        self.share, self.short = 1.0, False  # in the latest whole window
        self._begin()

    def _begin(self) -> Sequence[float]:
        self.used, self.began = time.process_time(), time.monotonic()
        return psutil.cpu_percent(percpu=True)  # since the last call

    def note(self) -> str:
        """Return what the progress shows of too small a share; print once what to do about it."""
        threads, seconds = torch.get_num_threads(), time.monotonic() - self.began
        if seconds >= WINDOW_SECONDS:
            self.share, before = (time.process_time() - self.used) / (seconds * threads), self.short
            missing, idle = (1 - self.share) * threads, idle_time(self._begin())
            # Where cores are idle, the threads had nothing to do.
            self.short = threads > 1 and self.share < ENOUGH and idle < missing / 2
            if self.short and not before:
                print(ADVICE.format(threads, self.share), flush=True)
        return f"  {self.share:.0%} of the processor time" if self.short else ""
