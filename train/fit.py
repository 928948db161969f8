"""Stage `train`: ResNet v2 by the recipe that params.yaml names.

    python -m train.fit
    torchrun --nproc-per-node 2 -m train.fit

Reads params.yaml (recipes.<recipe>.train) and data/out/dataset/; writes train/out/model.safetensors,
train/out/plots/curves.csv (a row an epoch), train/metrics.json and train/out/timing.csv. Stopped at any
moment, it resumes from train/out/checkpoints/ when it is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from data import params
from data.common.cli import run
from data.common.errors import UserError
from data.common.files import disk_errors, write_json
from data.datasets.dataset import PREPARED, check_source
from data.params import Params
from data.recipe import Train, too_few
from train.core import checkpoint, model
from train.core.checkpoint import Fingerprint
from train.core.device import describe, in_bfloat16, keep_large_blocks, on_device
from train.core.distributed import ALONE, World, joined, launch
from train.core.threads import take_idle_cores
from train.core.trainer import Trainer
from train.core.training import Row, Training, stoppable, write_curves

METRICS = Path("train/metrics.json")

Split = tuple[Tensor, Tensor]  # images, N x 32 x 32 x 3, uint8, and labels, N, int64


def split(recipe: Train, device: torch.device) -> tuple[Split, Split]:
    """Return what to train on and what to watch, on the device.

    Raises `UserError` if there are too few images for the recipe's batch and validation.
    """
    train = on_device(PREPARED / "train.safetensors", device)
    if problem := too_few(recipe, len(train[0])):
        raise UserError(problem, "choose a smaller number, in params.yaml or as an option.")
    if recipe.watch_test:
        return train, on_device(PREPARED / "test.safetensors", device)
    order = np.random.default_rng(recipe.seed).permutation(len(train[0]))
    held, kept = (torch.from_numpy(np.sort(rows)).to(device) for rows in np.split(order, [recipe.validation]))
    return (train[0][kept], train[1][kept]), (train[0][held], train[1][held])


def precision(recipe: Train, device: torch.device) -> str:
    """Return the recipe's precision, or why it is another one."""
    if recipe.precision == "float32" or in_bfloat16(device, recipe.precision):
        return recipe.precision
    return "float32 (no bfloat16 on this device)"


def metrics(trainer: Trainer, history: list[Row]) -> dict[str, object]:
    """Return what `dvc metrics` shows of the training."""
    last = history[-1]
    values: dict[str, object] = {
        "epochs": int(last["epoch"]),
        "steps": trainer.step,
        "equivalent_epochs": trainer.equivalent_epochs,
        "train": {"accuracy": last["accuracy"], "loss": last["loss"]},
    }
    if last["val_loss"] is not None:
        values["validation"] = {"accuracy": last["val_accuracy"], "loss": last["val_loss"]}
    return values


def fit(chosen: Params, world: World) -> None:
    """Train the chosen recipe's network, as one of its processes.

    Raises `UserError` for another number of processes than the recipe's, for images that are missing or too
    few, and for a loss that is NaN or infinite.
    """
    recipe = chosen.chosen.train
    if recipe.devices not in ("auto", world.size):
        raise UserError(
            f"params.yaml: devices is {recipe.devices}, and torchrun started {world.size} processes",
            "set devices to auto, or to that number: batch norm, so the result, depends on it.",
        )
    check_source(chosen.chosen.prepare.source)
    (images, labels), watched = split(recipe, world.device)
    take_idle_cores(world.device)
    trainer = Trainer(recipe, images, labels, world)
    with only_training(world):
        fingerprint = Fingerprint.of(recipe, PREPARED / "train.safetensors", world.device)
        introduce(f"recipe {chosen.recipe}", trainer)
        training = Training(trainer, watched, fingerprint)
        with stoppable(patient=world.size > 1) as stop:
            training.run(stop)
        if world.first:
            model.write(trainer.model)
            write_json(METRICS, metrics(trainer, training.history))
            write_curves(training.history)
            checkpoint.clear(fingerprint)


def introduce(what: str, trainer: Trainer) -> None:
    """Print a training's first line: network, recipe, images, machine, precision."""
    train, world = trainer.params, trainer.world
    where = describe(world.device) + (f", {world.size} processes" if world.size > 1 else "")
    images, digits = f"{len(trainer.images):,} images", precision(train, world.device)
    print(f"ResNet-{train.depth} v2, {what}, {images}, {where}, {digits}", flush=True)
    if trainer.total < trainer.schedule.total:
        print(f"only {trainer.total:,} of {trainer.schedule.total:,} steps (max_steps)", flush=True)


@contextmanager
def only_training(world: World = ALONE) -> Iterator[None]:
    """Keep other trainings out of this folder: no process reads a checkpoint before that.

    Raises `UserError` in the first process, and ends the others, if there is another training.
    """
    lock = FileLock(checkpoint.FOLDER / "lock", timeout=0)
    problem = None
    try:
        with disk_errors(checkpoint.FOLDER):
            checkpoint.FOLDER.mkdir(parents=True, exist_ok=True)
            if world.first:
                lock.acquire()
    except Timeout:
        hint = "wait for it, or stop it with Ctrl-C first."
        problem = UserError(f"{checkpoint.FOLDER}: another training is running here", hint)
    except UserError as error:
        problem = error
    world.fail_together(problem)
    try:
        yield
    finally:
        lock.release()


def main() -> None:
    """Train the network of the recipe that params.yaml names."""
    keep_large_blocks()
    chosen = params.load()
    if launch(chosen.chosen.train.devices, "train.fit"):
        return
    with joined() as world:
        fit(chosen, world)


if __name__ == "__main__":
    run(main)
