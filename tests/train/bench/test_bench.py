from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
import torch
from torch import nn

from data.common.cli import STARTS_AGAIN
from data.common.errors import UserError
from tests.tiny import TINY, Stage, start, tiny, write_params
from train.bench import __main__
from train.bench.variants import SQUARE, loop_step, multiply_adds
from train.core import checkpoint
from train.core.network import ResNet
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
    for ratio in ("loop_by_bare_step", "loop_by_plain_loop", "share_of_matrix_product", "checkpoint_seconds"):
        assert figures[ratio] > 0
    assert (figures["recipe"], figures["optimiser"], figures["rounds"]) == ("quick", "SGD", 2)
    # Both hold PyTorch, some hundred megabytes, and hardly anything else with so small a network.
    assert 0.5 < figures["peak_memory_ratio"] < 2
    assert figures["peak_memory_mb"]["bare"] > 100
    for line in ("loop / bare step", "loop / plain loop", "of the matrix product's", "peak memory  loop"):
        assert line in done.stdout
    assert not list(checkpoint.FOLDER.glob("*.safetensors"))


def test_a_step_is_at_32_pixels_throughout() -> None:
    assert __main__.endless(tiny(size=40), 16).sizes == (32,)


def test_ratios_are_medians_of_rounds() -> None:
    rates = {
        "loop": [10.0, 20.0, 90.0],
        "bare_step": [10.0, 40.0, 30.0],
        "plain_loop": [5.0] * 3,
        "matrix_product": [6 * 193.1e6 * 40 / (2 * SQUARE**3)] * 3,
    }
    figures = __main__.compared(rates, 193_100_000)
    assert figures["loop_by_bare_step"] == 1.0
    assert figures["loop_by_plain_loop"] == 4.0
    assert figures["share_of_matrix_product"] == 0.5
    assert figures["images_per_second"] == {"loop": 20.0, "bare_step": 30.0, "plain_loop": 5.0}


def test_a_process_that_dies_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    killed = subprocess.CompletedProcess([], -signal.SIGKILL, b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    with pytest.raises(UserError, match="the memory of the loop step ended"):
        __main__.peak_memory(tiny(), 1000)


def test_a_batch_that_is_too_large_is_named(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.bench", "--batch", "6000")
    assert done.returncode == 1
    assert "error: batch is 6000; expected at most the 64 images" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("which", ["memory", "worker"])
def test_ctrl_c_ends_all_processes_with_one_line(workspace: Path, which: str) -> None:
    write_params(workspace, **TINY)
    run = start("-m", "train.bench", "--batch", "16", "--steps", "2", "--rounds", "500", new_session=True)
    process = psutil.Process(run.pid)
    children: list[psutil.Process] = []
    while run.poll() is None and not children:
        time.sleep(0.05)
        started = process.children(recursive=True)
        children = [
            child for child in started if ("variants" in " ".join(child.cmdline())) == (which == "memory")
        ]
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does
    output, errors = run.communicate(timeout=60)
    assert (run.returncode, output) == (130, "")
    assert errors == f"{STARTS_AGAIN}\n"
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() for child in children)


@pytest.mark.parametrize(
    ("network", "expected"),
    [
        (nn.Conv2d(3, 8, 3, padding=1), 3 * 8 * 9 * 32 * 32),
        (nn.Conv2d(3, 8, 1, stride=2), 3 * 8 * 16 * 16),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 10)), 30),
    ],
)
def test_multiply_adds_by_hand(network: nn.Module, expected: int) -> None:
    assert multiply_adds(network) == expected


def test_resnet56_does_193_million_and_is_not_changed() -> None:
    network = ResNet(56)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert multiply_adds(network) / 1e6 == pytest.approx(193.1, abs=0.05)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_smaller_last_batch_counts_its_own_images() -> None:
    images, labels = torch.zeros(40, 32, 32, 3, dtype=torch.uint8), torch.zeros(40, dtype=torch.int64)
    step = loop_step(Trainer(tiny(), images, labels))
    assert [step() for _ in range(4)] == [16, 16, 8, 16]
