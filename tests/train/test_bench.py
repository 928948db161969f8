from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest
import torch

from data.common.cli import STARTS_AGAIN
from tests.tiny import TINY, Stage, start, tiny, write_params
from train import bench
from train.bench import loop_step
from train.core.trainer import Trainer


@pytest.mark.slow
def test_the_loop_is_compared_with_all_other_variants(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.bench", *["--batch", "16", "--rounds", "2", "--steps", "2", "--out", "bench.json"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(Path("bench.json").read_text())
    rates = figures["images_per_second"]
    assert set(rates) == {"loop", "bare_step", "plain_loop"}
    assert all(rate > 0 for rate in rates.values())
    for ratio in ("loop_by_bare_step", "loop_by_plain_loop"):
        assert figures[ratio] > 0
        assert ratio in done.stdout
    assert (figures["recipe"], figures["optimiser"], figures["rounds"]) == ("quick", "SGD", 2)


def test_a_step_is_at_32_pixels_throughout() -> None:
    assert bench.endless(tiny(size=40), 16).sizes == (32,)


def test_ratios_are_medians_of_rounds() -> None:
    rates = {"loop": [10.0, 20.0, 90.0], "bare_step": [10.0, 40.0, 30.0], "plain_loop": [5.0] * 3}
    figures = bench.compared(rates)
    assert figures["loop_by_bare_step"] == 1.0
    assert figures["loop_by_plain_loop"] == 4.0
    assert figures["images_per_second"] == {"loop": 20.0, "bare_step": 30.0, "plain_loop": 5.0}


def test_a_batch_that_is_too_large_is_named(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.bench", "--batch", "6000")
    assert done.returncode == 1
    assert "error: batch is 6000; expected at most the 64 images" in done.stderr


@pytest.mark.slow
def test_ctrl_c_ends_all_processes_with_one_line(workspace: Path) -> None:
    write_params(workspace, **TINY)
    run = start("-m", "train.bench", "--batch", "16", "--steps", "2", "--rounds", "500", new_session=True)
    process = psutil.Process(run.pid)
    children: list[psutil.Process] = []
    while run.poll() is None and not children:
        time.sleep(0.05)
        children = process.children(recursive=True)
    time.sleep(1)  # a worker that is just being forked would add its own words
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    output, errors = run.communicate(timeout=60)
    assert (run.returncode, output) == (130, "")
    assert errors == f"{STARTS_AGAIN}\n"
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children)


def test_the_smaller_last_batch_counts_its_own_images() -> None:
    images, labels = torch.zeros(40, 32, 32, 3, dtype=torch.uint8), torch.zeros(40, dtype=torch.int64)
    step = loop_step(Trainer(tiny(), images, labels))
    assert [step() for _ in range(4)] == [16, 16, 8, 16]
