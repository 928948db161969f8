from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from data import params
from data.common.errors import UserError
from data.datasets.dataset import Dataset
from tests.tiny import TINY, as_tensors, start, tiny, wait_for, weights, write_params
from train import fit
from train.core import checkpoint, distributed
from train.core.augment import Augment
from train.core.distributed import World
from train.core.trainer import Trainer

CPU = torch.device("cpu")
STEPS = 20
RECIPE: dict[str, Any] = {"batch": 24, "epochs": 20, "rise": 0.05, "fall": 0.95, "progressive": []}

# What each of the processes does: so many steps on its share of each batch. In float64, since 20 steps make
# millionths of rounding into thousandths of the weights: one thread against two in float32 differ by 0.003.
WORKER = f"""
import torch
from safetensors.torch import load_file, save_file
from tests.tiny import tiny
from train.core import trainer as module
from train.core.distributed import joined
torch.set_num_threads(1)
to_device = module.to_device
module.to_device = lambda network, device: to_device(network, device).double()
with joined() as world:
    few = load_file("few.safetensors")
    trainer = module.Trainer(tiny(**{RECIPE}), few["images"], few["labels"], world)
    augment = trainer._augment
    trainer._augment = lambda *batch: augment(*batch).double()
    for _ in range({STEPS}):
        trainer.take_step()
    weights = {{name: weight.contiguous() for name, weight in trainer.network.named_parameters()}}
    save_file(weights | {{"totals": torch.tensor(trainer.totals())}}, f"rank{{world.rank}}")
"""


def torchrun(*command: str) -> subprocess.Popen[str]:
    """Start a command in two processes, in the current folder."""
    several = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    environment = {
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",  # as README.md says of --max-restarts
    }
    return start(*several, *command, environment=environment)


@pytest.fixture
def images(few: Dataset) -> torch.Tensor:
    """Return 80 real images, 80 x 32 x 32 x 3."""
    return as_tensors(few)[0]


@pytest.mark.slow
def test_two_processes_train_as_one_that_normalises_the_halves_apart(
    few: Dataset, images: torch.Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = as_tensors(few)[1]
    save_file({"images": images, "labels": labels}, "few.safetensors")
    Path("worker.py").write_text(WORKER)
    run = torchrun("worker.py")
    _, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    first, second = load_file("rank0"), load_file("rank1")

    alone = Trainer(tiny(**RECIPE), images, labels)
    alone.network.double()
    for step in range(STEPS):
        epoch, within = divmod(step, alone.steps)
        rows = alone._rows(epoch)[within * 24 : (within + 1) * 24]
        batch_images = alone._augment(images, rows, step, epoch, 32).double()
        for group in alone.optimizer.param_groups:
            group["lr"], group["momentum"] = alone.schedule.lr(step), alone.schedule.momentum(step)
        half = len(rows) // 2
        logits = torch.cat([alone.network(part) for part in (batch_images[:half], batch_images[half:])])
        alone.optimizer.zero_grad()
        F.cross_entropy(logits, labels[rows], label_smoothing=0.1).backward()  # type: ignore[no-untyped-call]
        alone.optimizer.step()

    for name, weight in alone.network.named_parameters():
        assert torch.equal(first[name], second[name]), name
        assert torch.allclose(first[name], weight, atol=1e-5), name
    assert torch.equal(first["totals"], second["totals"])


# Does three steps of an epoch and writes a checkpoint, or resumes from it, and writes loss and accuracy.
STOPPED = """
import json
from pathlib import Path
from safetensors.torch import load_file
from tests.tiny import tiny
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.distributed import joined
from train.core.trainer import Trainer
with joined() as world:
    few = load_file("few.safetensors")
    trainer = Trainer(tiny(), few["images"], few["labels"], world)
    run = Fingerprint("recipe", "data", "code", "cpu")
    checkpoint.resume(trainer, run)
    while trainer.step < 3:
        trainer.take_step()
    Path(f"totals-{world.size}-{world.rank}.json").write_text(json.dumps(trainer.totals()))
    checkpoint.write(trainer, run, ResumeState([]))
"""


@pytest.mark.slow
def test_loss_and_accuracy_of_an_epoch_outlast_a_stop_whatever_the_number_of_processes(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images, labels = as_tensors(few)
    save_file({"images": images, "labels": labels}, "few.safetensors")
    Path("worker.py").write_text(STOPPED)
    totals = []
    for number, size in enumerate((2, 1, 2)):
        run = torchrun("worker.py") if size == 2 else start("worker.py")
        output, errors = run.communicate(timeout=300)
        assert run.returncode == 0, errors
        assert ("resuming after step 3" in output) == bool(number)
        totals += [Path(f"totals-{size}-{rank}.json").read_text() for rank in range(size)]
    assert len(set(totals)) == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_the_shares_of_a_batch_are_all_of_it_once(size: int) -> None:
    for count in (7, 16, 23):
        shares = [list(range(count))[World(rank, size, CPU).share(count)] for rank in range(size)]
        assert [row for share in shares for row in share] == list(range(count))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_share_shows_the_images_that_it_is_in_the_whole_batch(images: torch.Tensor) -> None:
    recipe = tiny(flip="random", shift=4.0, colour_jitter=0.4, cutout=8)
    augment: Augment = Trainer(recipe, images, torch.zeros(80, dtype=torch.int64))._augment
    rows = torch.randperm(80)[:23]
    whole = augment(images, rows, 5, 0, 32)
    shares = [World(rank, 3, CPU).share(23) for rank in range(3)]
    parts = [augment(images, rows, 5, 0, 32, share) for share in shares]
    assert torch.equal(torch.cat(parts), whole)


def test_a_last_batch_too_small_for_the_processes_is_refused(images: torch.Tensor) -> None:
    labels = torch.zeros(80, dtype=torch.int64)
    with pytest.raises(
        UserError,
        match="the last batch of an epoch of 80 images 1; expected at least an image for each of 2",
    ):
        Trainer(tiny(batch=79), images, labels, World(0, 2, CPU))


@pytest.mark.parametrize(("gpus", "processes"), [(0, 1), (1, 1), (4, 4)])
def test_auto_is_every_gpu_or_one_cpu_and_more_than_gpus_are_refused(
    monkeypatch: pytest.MonkeyPatch, gpus: int, processes: int
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert distributed.process_count("auto") == processes
    assert distributed.process_count(3) == 3
    if gpus:
        with pytest.raises(UserError, match=f"9 processes on this machine, with {gpus} GPUs"):
            distributed.launch(9, "train.fit")


LONG = TINY | {"epochs": 20, "rise": 0.05, "fall": 0.95}
ENDLESS = LONG | {"epochs": 4000}
ON_CPU = {"CUDA_VISIBLE_DEVICES": ""}


def children(parent: int) -> list[int]:
    """Return the processes that a process started."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_a_recipe_starts_torchrun_and_a_process_that_dies_ends_the_run_which_is_resumed(
    workspace: Path,
) -> None:
    write_params(workspace, **LONG | {"devices": 2})
    whole = start(environment=ON_CPU, new_session=True)
    output, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors
    assert output.startswith("2 processes, started by torchrun\nResNet-11 v2, recipe quick, 64 images, CPU")
    assert ", 2 processes, float32\n" in output
    assert output.count("epoch 1/20") == 1
    unstopped = weights()
    Path("train/out/model.safetensors").unlink()

    run = start(environment=ON_CPU, new_session=True)
    wait_for(run, "epoch 2/")
    os.kill(children(run.pid)[-1], signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode == 1
    assert "error: process 1 of this training was ended by SIGKILL\nhint: the same command resumes" in errors
    assert "Traceback" not in errors
    assert not Path("train/out/model.safetensors").exists()

    again = start(environment=ON_CPU, new_session=True)
    output, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    assert "resuming after step" in output
    assert weights() == unstopped


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_a_run_goes_on_with_another_number_of_processes_and_after_one_of_them_died(workspace: Path) -> None:
    """Elastic: with devices auto, torchrun decides; the schedule and the batches stay those of the recipe."""
    write_params(workspace, **LONG | {"devices": "auto"})
    run = start(environment=ON_CPU, new_session=True)
    wait_for(run, "epoch 2/")
    run.kill()
    run.communicate(timeout=300)

    run = torchrun("--max-restarts", "1", "-m", "train.fit")
    wait_for(run, "train/out/checkpoints/")  # resuming after step
    wait_for(run, "epoch ")
    os.kill(children(run.pid)[-1], signal.SIGKILL)
    output, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    assert "resuming after step" in output
    assert "epoch 20/20" in output
    assert fit.METRICS.exists()
    assert not list(checkpoint.FOLDER.glob("*.safetensors"))


@pytest.mark.slow
def test_beside_another_training_all_processes_end(workspace: Path) -> None:
    write_params(workspace, **TINY | {"devices": "auto"})
    with fit.only_training():
        run = torchrun("-m", "train.fit")
        _, errors = run.communicate(timeout=300)
    assert run.returncode == 1
    assert errors.count("error: train/out/checkpoints: another training is running here") == 1


def test_another_number_of_processes_than_the_recipe_says_is_refused(workspace: Path) -> None:
    write_params(workspace, **TINY | {"devices": 1})
    with pytest.raises(UserError, match="devices is 1, and torchrun started 2 processes"):
        fit.fit(params.load(), World(0, 2, CPU))
    assert not checkpoint.FOLDER.exists()


@pytest.mark.parametrize(
    ("local_rank", "error", "expected"),
    [
        (0, UserError("no images", "bring them there."), "no images"),
        (0, RuntimeError("Connection closed by peer"), "another process of this training has ended"),
        (1, UserError("no images", "bring them there."), None),
        (1, RuntimeError("Connection closed by peer"), None),
    ],
)
def test_the_first_process_of_each_machine_reports_an_error(
    local_rank: int, error: Exception, expected: str | None
) -> None:
    with (
        pytest.raises(UserError if expected else SystemExit, match=expected),
        distributed._errors_once(local_rank),
    ):
        raise error


@pytest.mark.slow
@pytest.mark.parametrize(("by", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 129)])
def test_a_signal_to_all_processes_ends_the_run_after_a_checkpoint(
    workspace: Path, by: signal.Signals, code: int
) -> None:
    write_params(workspace, **ENDLESS | {"devices": 2})
    run = start(environment=ON_CPU, new_session=True)
    wait_for(run, "epoch 2/")
    os.killpg(run.pid, by)  # as a terminal and a cluster do; torchrun passes it on besides
    _, errors = run.communicate(timeout=300)
    assert run.returncode == code
    assert "stopping after this step" in errors
    assert list(checkpoint.FOLDER.glob("*-*.safetensors"))
    assert not list(checkpoint.FOLDER.glob(".*.part"))


@pytest.mark.slow
def test_under_nohup_it_goes_on_when_the_terminal_is_closed(workspace: Path) -> None:
    write_params(workspace, **ENDLESS | {"devices": 2})
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # what nohup does; the run inherits it
    try:
        run = start(environment=ON_CPU, new_session=True)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for(run, "epoch 2/")
    os.killpg(run.pid, signal.SIGHUP)
    wait_for(run, "epoch 5/")
    os.killpg(run.pid, signal.SIGTERM)
    _, errors = run.communicate(timeout=300)
    assert run.returncode == 143, errors
    assert list(checkpoint.FOLDER.glob("*-*.safetensors"))
