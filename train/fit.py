"""Stage `train`: ResNet v2 by the recipe that params.yaml names.

    python -m train.fit
    torchrun --nproc-per-node 2 -m train.fit

Reads params.yaml (recipes.<recipe>.train) and data/cifar10/; writes train/model.safetensors, train/plots/
(curves.csv, a row each epoch as soon as it is over), train/metrics.json and train/timing.csv. Stopped at any
moment, it goes on from train/checkpoints/ when it is started again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from data import params
from data.errors import UserError, run
from data.files import write_csv, write_json
from data.params import Params, Train
from data.pictures import PREPARED
from data.progress import Task, progress
from train import checkpoint, model
from train.checkpoint import Fingerprint, Story
from train.device import computes_bfloat16, describe, keep_large_blocks, on_device
from train.distributed import World, joined, launch
from train.inference import logits, score
from train.loop import Trainer
from train.stopping import Stop, stoppable

CURVES = Path("train/plots/curves.csv")
METRICS = Path("train/metrics.json")
TIMING = Path("train/timing.csv")

CHECKPOINT_SECONDS = 600.0  # the most that a stop may cost within an epoch
# Between two looks at the loss; each waits for the device, and a GPU does an epoch in seconds.
LOOK_SECONDS = {"cpu": 1.0, "cuda": 10.0}

Row = dict[str, Any]  # an epoch's results; None where no pictures are watched


def split(recipe: Train, device: torch.device) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
    """Return images (N x 32 x 32 x 3, uint8) and labels (N, int64) to train on and to watch, on the device.

    Raises `UserError` if more pictures are held out than there are.
    """
    train = on_device(PREPARED / "train.safetensors", device)
    if recipe.watch_test:
        return train, on_device(PREPARED / "test.safetensors", device)
    if recipe.validation >= len(train[0]):
        raise UserError(
            f"params.yaml: validation is {recipe.validation}; expected fewer than train's {len(train[0])}",
            "hold out fewer.",
        )
    order = np.random.default_rng(recipe.seed).permutation(len(train[0]))
    held, kept = (torch.from_numpy(np.sort(rows)).to(device) for rows in np.split(order, [recipe.validation]))
    return (train[0][kept], train[1][kept]), (train[0][held], train[1][held])


class Run:
    """A trainer with what is kept of its way: the epochs' results, checkpoints, the curves on disk."""

    def __init__(
        self,
        trainer: Trainer,
        watched: tuple[Tensor, Tensor],
        fingerprint: Fingerprint,
        curves: Path = CURVES,
        timing: Path = TIMING,
    ) -> None:
        """Go on from the latest checkpoint if there is one."""
        self.trainer, self.watched, self.fingerprint = trainer, watched, fingerprint
        self.curves, self.timing = curves, timing
        story = checkpoint.resume(trainer, fingerprint)
        latest, earliest = trainer.world.agree([trainer.step, -trainer.step])
        if latest != -earliest:
            raise UserError(
                f"the processes found checkpoints of different steps, {-earliest} and {latest}",
                f"let all of them share one {checkpoint.FOLDER}, or delete it everywhere.",
            )
        self.history, self.before = story.history, story.seconds  # seconds of the epoch before a stop
        self.saved = self.started = time.monotonic()

    def to_the_end(self, stop: Stop) -> None:
        """Train epoch after epoch; print a line and write the curves after each.

        When a stop is asked for, a checkpoint is written first.
        """
        trainer = self.trainer
        done = self._share(trainer.step)
        while trainer.step < trainer.total:
            self.started = time.monotonic()
            with progress("training", 100, "%", done) as task:
                self._epoch(task, stop)
            done = self._share(trainer.step)
            self._finish()
            (asked,) = trainer.world.agree([stop.asked])
            stop.obey(asked)

    def _epoch(self, task: Task, stop: Stop) -> None:
        """Train to the end of the epoch, with a look at the loss, and a checkpoint, now and then."""
        trainer = self.trainer
        epoch, looked, shown = trainer.epoch, time.monotonic(), trainer.step
        end = min((epoch + 1) * trainer.steps, trainer.total)
        while trainer.step < end:
            trainer.take_step()
            if trainer.step == end:  # the epoch's results belong into its last checkpoint
                return
            now = time.monotonic()
            due = now - looked > LOOK_SECONDS[trainer.device.type], now - self.saved > CHECKPOINT_SECONDS
            asked, look, save = trainer.world.agree([stop.asked, *due])
            if not (asked or look or save):
                continue
            loss, accuracy = trainer.totals()
            note = f"epoch {epoch + 1}/{trainer.params.epochs}  loss {loss:.4f}  acc {accuracy:.4f}"
            task.advance(self._share(trainer.step) - self._share(shown), note)
            looked, shown = now, trainer.step
            if save or asked:
                self._save()
            stop.obey(asked)

    def _finish(self) -> None:
        """Record an epoch that is over."""
        trainer, last = self.trainer, self.trainer.step - 1
        epoch = last // trainer.steps
        loss, accuracy = trainer.totals()
        if not trainer.world.first:
            self._save()
            return
        row: Row = {
            "epoch": epoch + 1,
            "lr": round(trainer.schedule.lr(last), 6),
            "momentum": round(trainer.schedule.momentum(last), 6),
            "size": trainer.size(epoch),
            "loss": round(loss, 4),
            "accuracy": round(accuracy, 4),
            "val_loss": None,
            "val_accuracy": None,
            "seconds": round(self._seconds(), 1),
        }
        if len(self.watched[0]):
            result = score(logits(trainer.model, self.watched[0], "validating"), self.watched[1])
            if not math.isfinite(result.loss):
                trainer.diverged(last)
            row |= {"val_loss": round(result.loss, 4), "val_accuracy": round(result.accuracy, 4)}
        self.history.append(row)
        print(line(row, trainer.params.epochs), flush=True)
        write_curves(self.history, self.curves, self.timing)
        self.before, self.started = 0.0, time.monotonic()
        self._save()

    def _share(self, steps: int) -> float:
        """Return how much of the whole work so many steps are, in per cent."""
        return 100 * self.trainer.work(steps) / self.trainer.work(self.trainer.total)

    def _seconds(self) -> float:
        """Return how long the present epoch has taken, with what it took before a stop."""
        return self.before + time.monotonic() - self.started

    def _save(self) -> None:
        if self.trainer.world.first:
            checkpoint.write(self.trainer, self.fingerprint, Story(self.history, self._seconds()))
        self.trainer.world.agree([0])  # nobody goes before it is written
        self.saved = time.monotonic()


def precision(recipe: Train, device: torch.device) -> str:
    """Return what a log says about the precision: the recipe's, or why it is another one."""
    if recipe.precision == "bfloat16" and not computes_bfloat16(device):
        return "float32 (no bfloat16 on this device)"
    return recipe.precision


def line(row: Row, epochs: int) -> str:
    """Return an epoch's results in one line, in the words of the published log."""
    parts = [f"epoch {row['epoch']}/{epochs}", f"lr {row['lr']:.4f}"]
    parts += [f"loss {row['loss']:.4f}", f"acc {row['accuracy']:.4f}"]
    if row["val_loss"] is not None:
        parts += [f"val_loss {row['val_loss']:.4f}", f"val_acc {row['val_accuracy']:.4f}"]
    return "  ".join([*parts, f"{row['seconds']:.0f} s"])


def write_curves(history: list[Row], curves: Path = CURVES, timing: Path = TIMING) -> None:
    """Write the epochs' results; what a clock says goes into a file of its own: it differs each time."""
    table = pd.DataFrame(history).astype({"epoch": int, "size": int})
    write_csv(curves, table.drop(columns="seconds"))
    write_csv(timing, table[["epoch", "size", "seconds"]])


def metrics(trainer: Trainer, history: list[Row]) -> dict[str, object]:
    """Return what `dvc metrics` shows of the training."""
    last = history[-1]
    result: dict[str, object] = {
        "epochs": int(last["epoch"]),
        "steps": trainer.step,
        "full_size_epochs": trainer.full_size_epochs,
        "train": {"accuracy": last["accuracy"], "loss": last["loss"]},
    }
    if last["val_loss"] is not None:
        result["validation"] = {"accuracy": last["val_accuracy"], "loss": last["val_loss"]}
    return result


def fit(chosen: Params, world: World) -> None:
    """Train the chosen recipe's network, as one of the processes that do."""
    recipe = chosen.chosen.train
    (images, labels), watched = split(recipe, world.device)
    trainer = Trainer(recipe, images, labels, world)
    with locked(world):
        fingerprint = Fingerprint.of(recipe, PREPARED / "train.safetensors", world.device)
        what = f"ResNet-{recipe.depth} v2, recipe {chosen.recipe}, {len(images):,} pictures"
        print(f"{what}, {describe(world.device)}, {precision(recipe, world.device)}", flush=True)
        training = Run(trainer, watched, fingerprint)
        with stoppable(patient=world.size > 1) as stop:
            training.to_the_end(stop)
        if world.first:
            model.write(trainer.model)
            write_json(METRICS, metrics(trainer, training.history))
            write_curves(training.history)
            checkpoint.clear(fingerprint)


@contextmanager
def locked(world: World) -> Iterator[None]:
    """Keep other trainings out for all processes of this one: nobody reads a checkpoint before that."""
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
    """Keep other trainings out of this folder. Raises `UserError` if there is one."""
    checkpoint.FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(checkpoint.FOLDER / "lock", timeout=0):
            yield
    except Timeout:
        raise UserError(
            f"{checkpoint.FOLDER}: another training is at work here",
            "wait for it, or stop it with Ctrl-C first.",
        ) from None


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
