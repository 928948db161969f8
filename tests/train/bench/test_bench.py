from __future__ import annotations

import json
import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
import torch
from torch import nn

from data.common.cli import STARTS_AGAIN
from data.common.errors import UserError
from tests.tiny import TINY, Stage, start, tiny, write_params
from train.bench import __main__
from train.bench.__main__ import Memory, Settings
from train.bench.variants import SQUARE, loop_step, multiply_adds
from train.core import checkpoint
from train.core.network import ResNet
from train.core.trainer import Trainer

ABOUT = Settings("fast", "Muon", "bfloat16", "here", "2.14.1", batch=128, rounds=3, steps=8)


def test_all_take_turns_and_the_loop_is_compared_with_each(stage: Stage, workspace: Path) -> None:
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


def test_images_are_taken_as_they_are() -> None:
    assert __main__.endless(tiny(size=40), 16).sizes == (32,)


def test_ratios_are_medians_of_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    rates = {
        "loop": [10.0, 20.0, 90.0],
        "bare step": [10.0, 40.0, 30.0],
        "plain loop": [5.0] * 3,
        "matrix product": [6 * 193.1e6 * 40 / (2 * SQUARE**3)] * 3,
    }
    memory = Memory(loop=1_250_000_000, bare=1_000_000_000, data_set=150_000_000)
    figures = __main__.report(ABOUT, rates, 193_100_000, saving=0.05, count=1000, memory=memory)
    said = capsys.readouterr().out
    assert "loop / bare step   1.000" in said
    assert "loop / plain loop  4.000" in said
    assert "50% of the matrix product's 46 GFLOP/s" in said
    assert "a checkpoint takes 0.050 s, 0.10% of an epoch of 1,000 images" in said
    assert figures["peak_memory_ratio"] == 1.1


def killed(pipe: Connection) -> None:
    """Die as a process does when memory runs out, once there is work."""
    pipe.poll(timeout=60)
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_dies_is_named() -> None:
    with (
        pytest.raises(UserError, match="the loop step's process ended"),
        __main__.process("loop step", killed) as pipe,
    ):
        pipe.send(8)
        pipe.recv()


def test_what_cannot_be_measured_is_named(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.bench", "--batch", "6000")
    assert done.returncode == 1
    assert done.stderr.startswith("error: --batch is 6000; expected at most the 64 train images\nhint: ")


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
@pytest.mark.parametrize("depth", [1, 2])
def test_ctrl_c_ends_all_processes_with_one_line(workspace: Path, depth: int) -> None:
    """A terminal sends it to all: to one that has just begun, and to the workers of the plain loop's."""
    write_params(workspace, **TINY)
    run = start("-m", "train.bench", "--batch", "16", "--steps", "2", new_session=True)
    while run.poll() is None and not begun(run.pid, depth):
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)
    said, errors = run.communicate(timeout=60)  # to its end, the pipes are held by every process
    assert (run.returncode, said) == (130, "")
    assert errors == f"{STARTS_AGAIN}\n"


def begun(parent: int, depth: int) -> list[int]:
    """Return the processes that a process began; those that they began, with a depth of 2."""
    with suppress(OSError):
        told = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        found = [int(pid) for pid in told.split() if "spawn_main" in Path(f"/proc/{pid}/cmdline").read_text()]
        return found if depth == 1 else [pid for one in found for pid in begun(one, depth - 1)]
    return []


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


def test_resnet56_does_193_million_and_is_left_as_it_was() -> None:
    network = ResNet(56)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert multiply_adds(network) / 1e6 == pytest.approx(193.1, abs=0.05)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_the_smaller_last_batch_counts_as_what_it_is() -> None:
    images, labels = torch.zeros(40, 32, 32, 3, dtype=torch.uint8), torch.zeros(40, dtype=torch.int64)
    step = loop_step(Trainer(tiny(), images, labels))
    assert [step() for _ in range(4)] == [16, 16, 8, 16]
