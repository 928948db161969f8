"""Stage `train`: ResNet v2 by the recipe that params.yaml names.

    python -m train.fit
    torchrun --nproc-per-node 2 -m train.fit

Reads params.yaml (recipes.<recipe>.train) and data/out/dataset/; writes train/out/model.safetensors, train/out/plots/
(curves.csv, a row each epoch as soon as it is over), train/metrics.json and train/out/timing.csv. Stopped at any
moment, it goes on from train/out/checkpoints/ when it is started again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
from data.params import Params, Train
from train.core import checkpoint, model
from train.core.checkpoint import Fingerprint
from train.core.device import describe, in_bfloat16, keep_large_blocks, on_device
from train.core.distributed import World, joined, launch
from train.core.stopping import stoppable
from train.core.trainer import Trainer
from train.core.training import Row, Training, write_curves

METRICS = Path("train/metrics.json")


def split(recipe: Train, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images (N x 32 x 32 x 3, uint8) and labels (N, int64) to train on and to watch, on the device.

    Raises `UserError` if there are none, or if more are held out than there are.
    """
    train = on_device(PREPARED / "train.safetensors", device)
    if recipe.watch_test:
        return train, on_device(PREPARED / "test.safetensors", device)
    if recipe.validation >= len(train[0]):
        raise UserError(
            f"validation is {recipe.validation}; expected fewer than train's {len(train[0])}",
            "hold out fewer, in params.yaml or in --set of trials.",
        )
    order = np.random.default_rng(recipe.seed).permutation(len(train[0]))
    held, kept = (torch.from_numpy(np.sort(rows)).to(device) for rows in np.split(order, [recipe.validation]))
    return (train[0][kept], train[1][kept]), (train[0][held], train[1][held])


def precision(recipe: Train, device: torch.device) -> str:
    """Return what a log says about the precision: the recipe's, or why it is another one."""
    if recipe.precision == "float32" or in_bfloat16(device, recipe.precision):
        return recipe.precision
    return "float32 (no bfloat16 on this device)"


def metrics(trainer: Trainer, history: list[Row]) -> dict[str, object]:
    """Return what `dvc metrics` shows of the training."""
    last = history[-1]
    result: dict[str, object] = {
        "epochs": int(last["epoch"]),
        "steps": trainer.step,
        "equivalent_epochs": trainer.equivalent_epochs,
        "train": {"accuracy": last["accuracy"], "loss": last["loss"]},
    }
    if last["val_loss"] is not None:
        result["validation"] = {"accuracy": last["val_accuracy"], "loss": last["val_loss"]}
    return result


def fit(chosen: Params, world: World) -> None:
    """Train the chosen recipe's network, as one of the processes that do.

    Raises `UserError` for another number of processes than the recipe's, for images that are missing or do
    not fit it, and for a run that no number is left of.
    """
    recipe = chosen.chosen.train
    if recipe.devices not in ("auto", world.size):
        raise UserError(
            f"params.yaml: devices is {recipe.devices}, and torchrun started {world.size} processes",
            "set devices to auto, or to that number: batch norm, so the result, depends on it.",
        )
    check_source(chosen.chosen.prepare.source)
    (images, labels), watched = split(recipe, world.device)
    trainer = Trainer(recipe, images, labels, world)
    with locked(world):
        fingerprint = Fingerprint.of(recipe, PREPARED / "train.safetensors", world.device)
        what = f"ResNet-{recipe.depth} v2, recipe {chosen.recipe}, {len(images):,} images"
        where = describe(world.device) + (f", {world.size} processes" if world.size > 1 else "")
        print(f"{what}, {where}, {precision(recipe, world.device)}", flush=True)
        if trainer.total < trainer.schedule.total:
            print(
                f"a trial: the first {trainer.total:,} of {trainer.schedule.total:,} steps (max_steps)",
                flush=True,
            )
        training = Training(trainer, watched, fingerprint)
        with stoppable(patient=world.size > 1) as stop:
            training.to_the_end(stop)
        if world.first:
            model.write(trainer.model)
            write_json(METRICS, metrics(trainer, training.history))
            write_curves(training.history)
            checkpoint.clear(fingerprint)


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Keep other trainings out for all processes of this one: nobody reads a checkpoint before that.

    Raises `UserError` in the first process, and ends the others, as `only_training` does.
    """
    with ExitStack() as stack:
        problem = None
        if world.first:
            try:
                stack.enter_context(only_training())
            except UserError as error:
                problem = error
        world.fail_together(problem)
        yield


@contextmanager
def only_training() -> Iterator[None]:
    """Keep other trainings out of this folder.

    Raises `UserError` if there is one, or if nothing can be written there.
    """
    lock = FileLock(checkpoint.FOLDER / "lock", timeout=0)
    try:
        with disk_errors(checkpoint.FOLDER):
            checkpoint.FOLDER.mkdir(parents=True, exist_ok=True)
            lock.acquire()
    except Timeout:
        raise UserError(
            f"{checkpoint.FOLDER}: another training is at work here",
            "wait for it, or stop it with Ctrl-C first.",
        ) from None
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
