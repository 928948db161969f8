"""What a training loses when it is stopped, by whatever: nothing."""

from __future__ import annotations

import fcntl
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from tests.tiny import ROOT, TINY, Stage, start, weights, write_params
from train import fit
from train.core import checkpoint, training

# The stage with a checkpoint after every step that it looks at, which is every one.
EAGER = """
from data.common.cli import run
from train import epochs, fit
training.CHECKPOINT_SECONDS = -1.0
training.LOOK_SECONDS = {"cpu": -1.0, "cuda": -1.0}
run(fit.main)
"""


def stop_after_epoch(epoch: int, by: signal.Signals) -> tuple[int, str]:
    """Start the stage, stop it in the epoch after the given one; return its exit code and errors."""
    process = start()
    assert process.stdout is not None
    for said in process.stdout:
        if said.startswith(f"epoch {epoch}/"):
            break
    process.send_signal(by)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


LONG = TINY | {
    "epochs": 20,
    "fall_epochs": 19.0,
    "progressive": [{"epochs": 20, "size": 8}],
    "average_epochs": 10.0,
}


def forget() -> None:
    """Remove the outputs, as DVC does before it runs the stage."""
    for path in ("train/out/model.safetensors", "train/metrics.json", str(training.CURVES)):
        Path(path).unlink(missing_ok=True)


def ended(stage: Stage) -> tuple[str, bytes]:
    """Train to the end; return the weights' checksum and the curves, and remove what was written."""
    done = stage("train.fit")
    assert done.returncode == 0, done.stderr
    found = weights(), training.CURVES.read_bytes()
    forget()
    return found


def goes_on_to(stage: Stage, unstopped: tuple[str, bytes], after: str = "") -> None:
    """Start the stage that was stopped; it goes on `after` a step and ends as one that was not."""
    resumed = stage("train.fit")
    assert resumed.returncode == 0, resumed.stderr
    assert f"going on after step {after}" in resumed.stdout
    assert (weights(), training.CURVES.read_bytes()) == unstopped


def saved() -> list[int]:
    """Return the steps after which there is a checkpoint; an epoch has four."""
    return [int(path.stem.split("-")[1]) for path in checkpoint.FOLDER.glob("*-*.safetensors")]


def limit_file_size() -> None:
    """Make the kernel refuse files above 100 kB in this process, as a full disk would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize(
    ("by", "code"),
    [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_stopped_in_mid_training_and_started_again_it_ends_in_the_same_weights(
    stage: Stage, workspace: Path, by: signal.Signals, code: int
) -> None:
    write_params(workspace, **LONG)
    unstopped = ended(stage)

    returned, errors = stop_after_epoch(2, by)
    assert returned == code
    assert "Traceback" not in errors
    assert not Path("train/out/model.safetensors").exists()
    goes_on_to(stage, unstopped)


def test_killed_within_an_epoch_it_goes_on_within_that_epoch(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **LONG)
    unstopped = ended(stage)

    process = start("-c", EAGER)
    while process.poll() is None and not any(steps % 4 for steps in saved()):
        time.sleep(0.01)
    process.kill()
    process.communicate()
    goes_on_to(stage, unstopped)


# The stage that looks at the loss at every step, and shows it.
LOOKS = """
from data import progress
from data.common.cli import run
from train import epochs, fit
training.LOOK_SECONDS = {"cpu": -1.0, "cuda": -1.0}
progress.PIPE_SECONDS = -1.0
run(fit.main)
"""


def test_a_terminal_that_is_closed_stops_it_with_a_checkpoint_after_the_present_step(workspace: Path) -> None:
    write_params(workspace, **TINY | {"depth": 56, "progressive": [], "batch": 1})  # seconds an epoch
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
    said = b""
    while b"epoch 1/5" not in said:
        said += os.read(ours, 1000)
    os.close(ours)  # the kernel sends SIGHUP, and whatever is written from now on fails
    assert process.wait(timeout=60) == 129
    (step,) = saved()
    assert 0 < step < 64, "in the first epoch"
    assert not list(checkpoint.FOLDER.glob(".*.part"))


@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_stopped_after_the_reader_of_what_it_says_it_still_writes_a_checkpoint(
    workspace: Path, by: signal.Signals, code: int
) -> None:
    write_params(workspace, **TINY | {"depth": 56, "progressive": [], "batch": 1})  # seconds an epoch
    process = start("-c", LOOKS)
    assert process.stdout is not None
    assert process.stderr is not None
    assert any("epoch 1/5" in said for said in process.stdout)
    process.stdout.close()
    process.stderr.close()
    process.send_signal(by)
    assert process.wait(timeout=60) == code
    assert 0 < max(saved()) < 64, "in the first epoch"


# The stage, where looking at the watched images takes long enough to be killed in.
SLOW_TO_LOOK = """
import time
from data.common.cli import run
from train import epochs, fit
logits = training.logits
def slow(*given):
    print("looking", flush=True)
    time.sleep(5)
    return logits(*given)
training.logits = slow
run(fit.main)
"""


@pytest.mark.parametrize(("by", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143)])
def test_stopped_while_it_looks_at_the_watched_images_it_has_lost_no_step(
    stage: Stage, workspace: Path, by: signal.Signals, code: int
) -> None:
    unstopped = ended(stage)

    process = start("-c", SLOW_TO_LOOK)
    assert process.stdout is not None
    assert any(said == "looking\n" for said in process.stdout)
    assert saved() == [4]  # all of the first epoch's steps
    process.send_signal(by)
    process.communicate(timeout=60)
    assert process.returncode == code
    goes_on_to(stage, unstopped, after="4 of 20")


# A training that is killed and started again, 50 times, by a process that has PyTorch loaded already: each
# run is one of its children. One thread, since OpenMP's do not survive a fork.
FIFTY = """
import os, random, signal, sys, time
import torch
from train import checkpoint, epochs, fit
torch.set_num_threads(1)
torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1)  # loads a second's worth of modules, once
training.CHECKPOINT_SECONDS = -1.0
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
_, status = os.waitpid(start(), 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_killed_fifty_times_at_random_moments_it_ends_in_the_same_weights(workspace: Path) -> None:
    small = [{"epochs": 50, "size": 8}]
    write_params(workspace, **TINY | {"epochs": 50, "fall_epochs": 49.0, "progressive": small})
    ends = []
    for kills in (0, 50):
        process = start("-c", FIFTY, "4", str(kills))
        said, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
        ends.append((weights(), training.CURVES.read_bytes(), fit.METRICS.read_bytes()))
        forget()
    assert said.count("going on after step") > 25  # the others died before they came to it
    assert ends[0] == ends[1]


def test_a_loss_that_is_not_a_number_keeps_the_last_good_checkpoint(stage: Stage, workspace: Path) -> None:
    # Fine for an epoch, then a rate that no network bears.
    write_params(workspace, **TINY | {"lr_changes": "epoch", "max_lr": 1e30, "start_lr": 0.01})
    done = stage("train.fit")
    assert done.returncode == 1
    assert "error: the loss is not a number at step 6 of 20 (epoch 2, learning rate 1e+30)" in done.stderr
    assert "hint: lower max_lr" in done.stderr
    assert [path.name[13:] for path in checkpoint.FOLDER.glob("*.safetensors")] == ["00000004.safetensors"]
    assert not Path("train/out/model.safetensors").exists()


def test_weights_that_the_very_last_step_ruined_are_not_saved(stage: Stage, workspace: Path) -> None:
    write_params(
        workspace, **TINY | {"lr_changes": "epoch", "max_lr": 1e30, "start_lr": 1e30, "max_steps": 1}
    )
    done = stage("train.fit")
    assert done.returncode == 1
    assert "the loss is not a number at step 1 of 1" in done.stderr
    assert not saved()
    assert not Path("train/out/model.safetensors").exists()


def test_a_full_disk_is_named_and_the_run_goes_on_when_it_is_not(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **LONG)
    stage("train.fit")
    unstopped = weights()
    forget()

    stop_after_epoch(2, signal.SIGTERM)
    before = saved()
    done = stage("train.fit", preexec_fn=limit_file_size)
    assert done.returncode == 1
    assert ".safetensors: cannot be written (File too large)" in done.stderr
    assert "Traceback" not in done.stderr
    assert saved() == before
    assert stage("train.fit").returncode == 0
    assert weights() == unstopped


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            {"val_loss": 10.7191, "val_accuracy": 0.2004},
            "epoch 12/50  lr 0.7696  loss 0.6654  acc 0.7682  val_loss 10.7191  val_acc 0.2004  35 s",
        ),
        (
            {"val_loss": None, "val_accuracy": None},
            "epoch 12/50  lr 0.7696  loss 0.6654  acc 0.7682  35 s",
        ),
    ],
)
def test_an_epochs_line_reads_like_the_published_log(row: dict[str, Any], said: str) -> None:
    measured = {"epoch": 12, "lr": 0.7695652, "loss": 0.6654, "accuracy": 0.7682, "seconds": 35.2}
    assert training.line(measured | row, epochs=50) == said
