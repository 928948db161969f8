"""A training that is stopped, by whatever, ends in the same weights when it is started again."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import resource
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

from data import params
from data.common.errors import UserError
from tests.tiny import ROOT, TINY, Stage, start, wait_for, weights, write_params
from train import fit
from train.core import checkpoint, training
from train.core.distributed import ALONE

LONG = TINY | {"epochs": 20, "rise": 0.05, "fall": 0.95}
SLOW = TINY | {"depth": 56, "progressive": [], "batch": 1}  # seconds an epoch

# The stage with a look at the loss, shown, after every step.
LOOKS = """
from data.common import progress
from data.common.cli import run
from train import fit
from train.core import training
training.LOOK_SECONDS = {"cpu": -1.0, "cuda": -1.0}
progress.PIPE_SECONDS = -1.0
run(fit.main)
"""


def forget() -> None:
    """Remove the outputs, as DVC does before it runs the stage."""
    for path in ("train/out/model.safetensors", "train/metrics.json", str(training.CURVES)):
        Path(path).unlink(missing_ok=True)


def saved() -> list[int]:
    """Return the steps after which there is a checkpoint; an epoch has four."""
    return [int(path.stem.split("-")[1]) for path in checkpoint.FOLDER.glob("*-*.safetensors")]


def limit_file_size() -> None:
    """Make the kernel refuse files above 100 kB in this process, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.slow
def test_stopped_by_signals_and_a_full_disk_it_ends_in_the_same_weights(
    stage: Stage, workspace: Path
) -> None:
    write_params(workspace, **LONG)
    assert stage("train.fit").returncode == 0
    unstopped = weights(), training.CURVES.read_bytes()
    forget()

    stops = [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
    for by, code in stops:
        process = start()
        wait_for(process, "epoch ")
        process.send_signal(by)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code
        assert "Traceback" not in errors
        assert not Path("train/out/model.safetensors").exists()

    before = saved()
    full = stage("train.fit", preexec_fn=limit_file_size)
    assert full.returncode == 1
    assert ".safetensors: cannot be written (File too large)" in full.stderr
    assert "Traceback" not in full.stderr
    assert saved() == before

    resumed = stage("train.fit")
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming after step" in resumed.stdout
    assert (weights(), training.CURVES.read_bytes()) == unstopped


@pytest.mark.slow
def test_a_closed_terminal_stops_it_with_a_checkpoint_after_the_present_step(workspace: Path) -> None:
    write_params(workspace, **SLOW)
    ours, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", LOOKS],
        env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm", "TTY_COMPATIBLE": "1"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    output = b""
    while b"epoch 1/5" not in output:
        output += os.read(ours, 1000)
    os.close(ours)  # the kernel sends SIGHUP, and whatever is written from now on fails
    assert process.wait(timeout=60) == 129
    (step,) = saved()
    assert 0 < step < 64, "in the first epoch"


@pytest.mark.slow
def test_stopped_after_its_output_was_closed_it_still_writes_a_checkpoint(workspace: Path) -> None:
    """As Ctrl-C does that also ends what reads the output, such as `tee`."""
    write_params(workspace, **SLOW)
    process = start("-c", LOOKS)
    assert process.stdout is not None
    assert process.stderr is not None
    assert any("epoch 1/5" in line for line in process.stdout)
    process.stdout.close()
    process.stderr.close()
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    assert 0 < max(saved()) < 64, "in the first epoch"


# A training that is killed and started again, many times, by a process that has PyTorch loaded already: each
# run is one of its children. One thread, since OpenMP's do not survive a fork.
MANY = """
import os, random, signal, sys, time
import torch
from train import fit
from train.core import checkpoint, training
torch.set_num_threads(1)
torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)  # loads a second's worth of modules, once
training.LOOK_SECONDS = {"cpu": -1.0, "cuda": -1.0}
moments = random.Random(int(sys.argv[1]))
def start():
    sys.stdout.flush()
    child = os.fork()
    if not child:
        fit.main()
        sys.stdout.flush()
        os._exit(0)
    return child
def steps():
    return max((int(path.stem[13:]) for path in checkpoint.FOLDER.glob("*-*.safetensors")), default=0)
training.CHECKPOINT_SECONDS = -1.0
for _ in range(int(sys.argv[2])):
    before, more = steps(), moments.randint(0, 2)
    child = start()
    while steps() < before + more:
        if os.waitpid(child, os.WNOHANG)[0]:
            sys.exit("ended before it was killed")
        time.sleep(0.001)
    time.sleep(moments.uniform(0, 0.05))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
training.CHECKPOINT_SECONDS = 600.0
_, status = os.waitpid(start(), 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.slow
def test_killed_fifty_times_at_random_moments_it_ends_in_the_same_weights(workspace: Path) -> None:
    write_params(workspace, **LONG | {"epochs": 50})
    ends = []
    for kills in (0, 50):
        process = start("-c", MANY, "4", str(kills), environment={"OMP_NUM_THREADS": "1"})
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        ends.append((weights(), training.CURVES.read_bytes(), fit.METRICS.read_bytes()))
        forget()
    steps = [int(step) for step in re.findall(r"resuming after step (\d+)", output)]
    assert len(steps) > 25  # the others were killed before that
    assert any(step % 4 for step in steps), "within an epoch"
    assert ends[0] == ends[1]


@pytest.mark.parametrize(
    ("changes", "step", "checkpoints"),
    [  # fine for an epoch, then a rate at which every network diverges; weights that the very last step ruins
        ({"start_lr": 0.01}, "step 6 of 20 (epoch 2, learning rate 1e+30)", [4]),
        ({"start_lr": 1e30, "max_steps": 1}, "step 1 of 1", []),
    ],
)
def test_a_loss_that_becomes_nan_keeps_the_last_good_checkpoint(
    workspace: Path, changes: dict[str, float], step: str, checkpoints: list[int]
) -> None:
    write_params(workspace, **TINY | {"lr_changes": "epoch", "max_lr": 1e30} | changes)
    with pytest.raises(UserError, match=re.escape(f"the loss became NaN or infinite at {step}")) as caught:
        fit.fit(params.load(), ALONE)
    assert "max_lr" in caught.value.hint
    assert saved() == checkpoints
    assert not Path("train/out/model.safetensors").exists()


def test_a_long_epoch_is_saved_before_it_is_validated(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "VALIDATION_SECONDS", -1.0)
    monkeypatch.setattr(training, "logits", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(params.load(), ALONE)
    assert saved() == [3]


@pytest.mark.parametrize(
    ("values", "shown"), [((10.7191, 0.2004), "  val_loss 10.7191  val_acc 0.2004"), ((None, None), "")]
)
def test_an_epochs_line_reads_like_the_published_log(values: tuple[float | None, ...], shown: str) -> None:
    row: training.Row = {"epoch": 12, "lr": 0.7695652, "loss": 0.6654, "accuracy": 0.7682, "seconds": 35.2}
    row |= dict(zip(("val_loss", "val_accuracy"), values, strict=True))
    assert training.line(row, epochs=50) == f"epoch 12/50  lr 0.7696  loss 0.6654  acc 0.7682{shown}  35 s"
