"""Runs the training: prints and records its epochs, saves checkpoints, stops and resumes."""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from data.common.cli import RESUMES, current_handlers, handled
from data.common.errors import UserError
from data.common.files import write_csv
from data.common.progress import ProgressTask, progress
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.model import logits, score
from train.core.threads import ProcessorTime
from train.core.trainer import Trainer

CURVES = Path("train/out/plots/curves.csv")
TIMING = Path("train/out/timing.csv")

CHECKPOINT_SECONDS = 600.0  # the most that a kill may cost
VALIDATION_SECONDS = 60.0  # the same before an epoch's last step, which a long validation may follow
# Between two reads of the loss; each waits for the device, and a GPU does an epoch in seconds.
LOOK_SECONDS = {"cpu": 1.0, "cuda": 10.0}
# Several processes agree whether to stop, look or save: on GPUs not at each step, which takes milliseconds
# there; on CPUs it takes seconds, and a cluster waits for few.
STEPS_APART = {"cpu": 1, "cuda": 8}

Row = dict[str, Any]  # an epoch's results; None where no images are watched


class Training:
    """Runs the training, records its history, saves checkpoints."""

    def __init__(
        self,
        trainer: Trainer,
        watched: tuple[Tensor, Tensor],
        fingerprint: Fingerprint,
        curves: Path = CURVES,
        timing: Path = TIMING,
    ) -> None:
        """Resume from the latest checkpoint if there is one.

        Raises `UserError` if the processes of one training have different ones.
        """
        self.trainer, self.watched, self.fingerprint = trainer, watched, fingerprint
        self.curves, self.timing = curves, timing
        state = checkpoint.resume(trainer, fingerprint)
        latest, earliest = trainer.world.largest([trainer.step, -trainer.step])
        if latest != -earliest:
            raise UserError(
                f"the processes have checkpoints of different steps, {-earliest} and {latest}",
                f"let all of them share one {checkpoint.FOLDER}, or delete it everywhere.",
            )
        self.history, self.before = state.history, state.seconds  # seconds of the epoch before a stop
        self.saved = self.started = time.monotonic()
        self.processor = ProcessorTime()

    def run(self, stop: Stop) -> None:
        """Train epoch after epoch; print a line and write the curves after each.

        If a stop is requested, a checkpoint is written first.
        """
        trainer = self.trainer
        done = self._percent(trainer.step)
        begun = done, time.monotonic()
        while trainer.step < trainer.total:
            self.started = time.monotonic()
            with progress("training", 100, "%", done) as task:
                task.since(*begun)
                self._epoch(task, stop)
            done = self._percent(trainer.step)
            self._finish()
            (received,) = trainer.world.largest([stop.received])
            stop.obey(received)

    def _epoch(self, task: ProgressTask, stop: Stop) -> None:
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
            most = CHECKPOINT_SECONDS if trainer.step < end - 1 else VALIDATION_SECONDS
            due = now - looked > LOOK_SECONDS[trainer.device.type], now - self.saved > most
            received, look, save = trainer.world.largest([stop.received, *due])
            if not (received or look or save):
                continue
            loss, accuracy = trainer.totals()
            if save or received:
                self._save()
            stop.obey(received)
            # After the checkpoint: the terminal may be gone.
            note = f"epoch {epoch + 1}/{trainer.params.epochs}  loss {loss:.4f}  acc {accuracy:.4f}"
            if trainer.device.type == "cpu" and trainer.world.size == 1:
                note += self.processor.note()
            task.advance(self._percent(trainer.step) - self._percent(shown), note)
            looked, shown = now, trainer.step

    def _finish(self) -> None:
        """Validate and record an epoch that is over, then save a checkpoint."""
        loss, accuracy = self.trainer.totals()
        if self.trainer.world.first:
            self.history.append(self._row(loss, accuracy))
            write_curves(self.history, self.curves, self.timing)
        self.before, self.started = 0.0, time.monotonic()
        self._save()
        if self.trainer.world.first:
            print(line(self.history[-1], self.trainer.params.epochs), flush=True)

    def _row(self, loss: float, accuracy: float) -> Row:
        """Return the results of the epoch that is over."""
        trainer, last = self.trainer, self.trainer.step - 1
        epoch = last // trainer.steps
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
            "threads": torch.get_num_threads(),
        }
        if len(self.watched[0]):
            result = score(logits(trainer.model, self.watched[0], "validating"), self.watched[1])
            if not math.isfinite(result.loss):
                trainer.diverged(last)
            row |= {"val_loss": round(result.loss, 4), "val_accuracy": round(result.accuracy, 4)}
        return row

    def _percent(self, steps: int) -> float:
        """Return the cost of the first steps, in per cent of the whole training."""
        return 100 * self.trainer.work(steps) / self.trainer.work(self.trainer.total)

    def _seconds(self) -> float:
        """Return how long the present epoch has taken, with its time before a stop."""
        return self.before + time.monotonic() - self.started

    def _save(self) -> None:
        checkpoint.write(self.trainer, self.fingerprint, ResumeState(self.history, self._seconds()))
        self.trainer.world.largest([0])  # no process continues before it is written
        self.saved = time.monotonic()


def line(row: Row, epochs: int) -> str:
    """Return an epoch's results in one line, in the words of the published log."""
    parts = [f"epoch {row['epoch']}/{epochs}", f"lr {row['lr']:.4f}"]
    parts += [f"loss {row['loss']:.4f}", f"acc {row['accuracy']:.4f}"]
    if row["val_loss"] is not None:
        parts += [f"val_loss {row['val_loss']:.4f}", f"val_acc {row['val_accuracy']:.4f}"]
    return "  ".join([*parts, f"{row['seconds']:.0f} s"])


def write_curves(history: list[Row], curves: Path = CURVES, timing: Path = TIMING) -> None:
    """Write the epochs' results, and apart from them what differs from run to run."""
    table = pd.DataFrame(history).astype({"epoch": int, "size": int})
    write_csv(curves, table.drop(columns=["seconds", "threads"]))
    write_csv(timing, table[["epoch", "size", "seconds", "threads"]])


@dataclass
class Stop:
    """The first signal that asks the training to stop, 0 for none."""

    received: int = 0

    def obey(self, number: int) -> None:
        """End the process if there is a signal: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP."""
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number:
            with suppress(OSError):  # nobody may read it any more
                print(RESUMES, file=sys.stderr, flush=True)
            raise SystemExit(128 + number)


@contextmanager
def stoppable(patient: bool = False) -> Iterator[Stop]:
    """Note the first signal, to be obeyed after the present step; a second Ctrl-C or SIGTERM acts at once.

    `patient` ignores the second, too: torchrun passes on what each of its processes may have received. SIGHUP
    never acts at once, since terminal, shell and system all send it; a terminal is not written to after it.
    What is ignored already, as SIGHUP under nohup, stays ignored.
    """
    stop, before = Stop(), current_handlers()
    terminals = [stream for stream in (1, 2) if os.isatty(stream)]

    def note(number: int, _: FrameType | None) -> None:
        stop.received = stop.received or number
        if number == signal.SIGHUP:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in terminals:
                os.dup2(nowhere, stream)
            os.close(nowhere)
        elif not patient:
            for other in before.keys() - {signal.SIGHUP}:
                signal.signal(other, before[other])
        more = "" if patient or number == signal.SIGHUP else "; once more to stop at once"
        with suppress(OSError):
            print(f"\nstopping after this step{more}", file=sys.stderr, flush=True)

    with handled(before, by=note):
        yield stop
