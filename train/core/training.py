"""A training epoch by epoch: what is printed, recorded and saved on its way, and how it stops and goes on."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import pandas as pd
from torch import Tensor

from data.common.errors import UserError
from data.common.files import write_csv
from data.common.progress import Task, progress
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.inference import logits, score
from train.core.stopping import Stop
from train.core.trainer import Trainer

CURVES = Path("train/out/plots/curves.csv")
TIMING = Path("train/out/timing.csv")

CHECKPOINT_SECONDS = 600.0  # the most that a stop may cost within an epoch
# Between two looks at the loss; each waits for the device, and a GPU does an epoch in seconds.
LOOK_SECONDS = {"cpu": 1.0, "cuda": 10.0}
# Of several processes all ask one another whether to stop, look or save: on GPUs not at each step, which
# takes milliseconds there; on CPUs it takes seconds, and a cluster waits for few.
STEPS_APART = {"cpu": 1, "cuda": 8}

Row = dict[str, Any]  # an epoch's results; None where no images are watched


class Training:
    """A trainer with what is kept of its way: the epochs' results, checkpoints, the curves on disk."""

    def __init__(
        self,
        trainer: Trainer,
        watched: tuple[Tensor, Tensor],
        fingerprint: Fingerprint,
        curves: Path = CURVES,
        timing: Path = TIMING,
    ) -> None:
        """Go on from the latest checkpoint if there is one.

        Raises `UserError` if the processes of one training found different ones.
        """
        self.trainer, self.watched, self.fingerprint = trainer, watched, fingerprint
        self.curves, self.timing = curves, timing
        state = checkpoint.resume(trainer, fingerprint)
        latest, earliest = trainer.world.agree([trainer.step, -trainer.step])
        if latest != -earliest:
            raise UserError(
                f"the processes found checkpoints of different steps, {-earliest} and {latest}",
                f"let all of them share one {checkpoint.FOLDER}, or delete it everywhere.",
            )
        self.history, self.before = state.history, state.seconds  # seconds of the epoch before a stop
        self.saved = self.started = time.monotonic()

    def to_the_end(self, stop: Stop) -> None:
        """Train epoch after epoch; print a line and write the curves after each.

        When a stop is asked for, a checkpoint is written first.
        """
        trainer = self.trainer
        if self._owed:
            self._finish(stop)
        done = self._share(trainer.step)
        begun = done, time.monotonic()
        while trainer.step < trainer.total:
            self.started = time.monotonic()
            with progress("training", 100, "%", done) as task:
                task.since(*begun)
                self._epoch(task, stop)
            done = self._share(trainer.step)
            self._finish(stop)
            self._obey(stop)

    @property
    def _owed(self) -> bool:
        """Whether the latest epoch's steps are done and its results are not there: it was stopped between."""
        trainer = self.trainer
        over = trainer.step == trainer.total or trainer.step % trainer.steps == 0
        return over and math.ceil(trainer.step / trainer.steps) > len(self.history)

    def _obey(self, stop: Stop) -> None:
        """End all processes if one of them was asked to stop."""
        (asked,) = self.trainer.world.agree([stop.asked])
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
            if trainer.world.size > 1 and trainer.step % STEPS_APART[trainer.device.type]:
                continue
            now = time.monotonic()
            due = now - looked > LOOK_SECONDS[trainer.device.type], now - self.saved > CHECKPOINT_SECONDS
            asked, look, save = trainer.world.agree([stop.asked, *due])
            if not (asked or look or save):
                continue
            loss, accuracy = trainer.totals()
            note = f"epoch {epoch + 1}/{trainer.params.epochs}  loss {loss:.4f}  acc {accuracy:.4f}"
            if save or asked:
                self._save()
            stop.obey(asked)
            # After the checkpoint: who stops a run may have closed what is written to.
            task.advance(self._share(trainer.step) - self._share(shown), note)
            looked, shown = now, trainer.step

    def _finish(self, stop: Stop) -> None:
        """Record an epoch that is over."""
        trainer, last = self.trainer, self.trainer.step - 1
        epoch = last // trainer.steps
        loss, accuracy = trainer.totals()
        if len(self.watched[0]):  # validation takes a while, and a cluster kills what is slow to stop
            self._save()
            self._obey(stop)
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
                checkpoint.withdraw(trainer, self.fingerprint)
                trainer.diverged(last)
            row |= {"val_loss": round(result.loss, 4), "val_accuracy": round(result.accuracy, 4)}
        self.history.append(row)
        write_curves(self.history, self.curves, self.timing)
        self.before, self.started = 0.0, time.monotonic()
        self._save()
        print(line(row, trainer.params.epochs), flush=True)

    def _share(self, steps: int) -> float:
        """Return how much of the whole work so many steps are, in per cent."""
        return 100 * self.trainer.work(steps) / self.trainer.work(self.trainer.total)

    def _seconds(self) -> float:
        """Return how long the present epoch has taken, with what it took before a stop."""
        return self.before + time.monotonic() - self.started

    def _save(self) -> None:
        checkpoint.write(self.trainer, self.fingerprint, ResumeState(self.history, self._seconds()))
        self.trainer.world.agree([0])  # nobody goes before it is written
        self.saved = time.monotonic()


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
