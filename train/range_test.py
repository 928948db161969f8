"""Which learning rate is too much: Smith's range test.

    python -m train.range_test [--max-lr 3] [--steps 400] [--size 16]

The learning rate climbs in a straight line from 0 to --max-lr while the network trains; the accuracy on the
batches rises, slows, and falls where the rate is too high (Smith 2017, Cyclical Learning Rates for Training
Neural Networks, section 3.3). Reads params.yaml and data/cifar10/, which `dvc repro prepare` makes; writes
train/range_test/curve.csv and curve.png. The test pictures are not looked at.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from data import params
from data.errors import UserError, run
from data.files import write_csv
from data.params import SmallEpochs, Train
from data.progress import progress
from train import figures
from train.device import choose_device, keep_large_blocks
from train.fit import split
from train.loop import Trainer

FOLDER = Path("train/range_test")
SMOOTHING = 0.05  # weight of the newest step in the moving average: of about 20 steps
BLOWN_UP = (
    4.0  # times the best loss so far, smoothed: nothing is learned any more (as fastai's lr_find stops)
)
FALLS = 0.02  # below its best, the smoothed accuracy counts as falling: twice its noise at batch 128


def climbing(train: Train, count: int, max_lr: float, steps: int, size: int) -> Train:
    """Return a recipe that only climbs: so many steps on `count` pictures of `size` pixels a side."""
    epochs = math.ceil(steps / math.ceil(count / train.batch))
    return train.model_copy(
        update={
            "start_lr": 0.0,
            "max_lr": max_lr,
            "rise_epochs": steps / math.ceil(count / train.batch),
            "fall_epochs": 0.0,
            "lr_changes": "step",
            "momentum_at_peak": train.momentum,
            "epochs": epochs,
            "max_steps": steps,
            "progressive": (SmallEpochs(epochs=epochs, size=size),),
            "devices": 1,
        }
    )


def test(trainer: Trainer) -> pd.DataFrame:
    """Train until the steps are over or the loss blows up.

    Returns a row a step: step, lr, loss, accuracy, and a moving average of both.
    """
    rows = []
    loss = accuracy = 0.0
    best = math.inf
    with progress("range test", trainer.total, "steps") as task:
        while trainer.step < trainer.total:
            step = trainer.step
            within = step % trainer.steps
            trainer.take_step()
            now = trainer.losses[within].item()
            count = min(trainer.params.batch, len(trainer.images) - within * trainer.params.batch)
            right = trainer.correct[within].item() / count
            if not math.isfinite(now):
                break
            # A moving average that starts at 0, made up for that (Kingma and Ba 2015, section 3).
            loss, accuracy = (
                (1 - SMOOTHING) * old + SMOOTHING * new for old, new in ((loss, now), (accuracy, right))
            )
            whole = 1 - (1 - SMOOTHING) ** (step + 1)
            best = min(best, loss / whole)
            rows.append((step + 1, trainer.schedule.lr(step), now, right, loss / whole, accuracy / whole))
            task.advance(1, f"lr {rows[-1][1]:.3f}  loss {rows[-1][4]:.4f}  acc {rows[-1][5]:.4f}")
            if loss / whole > BLOWN_UP * best:
                break
    columns = ["step", "lr", "loss", "accuracy", "smooth_loss", "smooth_accuracy"]
    return pd.DataFrame(rows, columns=columns).round(6)


def suggestion(curve: pd.DataFrame) -> tuple[float, bool]:
    """Return the learning rate at which the smoothed accuracy is best, and whether it falls after that."""
    top = int(curve["smooth_accuracy"].to_numpy().argmax())
    after = curve["smooth_accuracy"].iloc[top:]
    return float(curve["lr"].iloc[top]), bool(after.min() < after.iloc[0] - FALLS)


def main(
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    max_lr: Annotated[float, typer.Option(min=1e-6, help="the learning rate at the end")] = 3.0,
    steps: Annotated[int, typer.Option(min=50, help="how many steps to climb")] = 400,
    size: Annotated[int, typer.Option(min=8, max=32, help="side of the pictures in pixels")] = 16,
) -> None:
    """Find the largest learning rate that a recipe's network still learns with."""
    keep_large_blocks()
    if size % 4:
        raise UserError(f"--size is {size}; expected a multiple of 4", "take 16, 24 or 32.")
    train = params.load().named(recipe)
    images, labels = split(train, choose_device())[0]
    curve = test(Trainer(climbing(train, len(images), max_lr, steps, size), images, labels))
    rate, falls = suggestion(curve)
    write_csv(FOLDER / "curve.csv", curve)
    figures.write(FOLDER / "curve.png", figures.range_test(curve, rate))
    last = curve["lr"].iloc[-1]
    print(f"{FOLDER}/curve.csv, curve.png: {len(curve)} steps up to a learning rate of {last:.3f}")
    if falls:
        print(f"max_lr {rate:.2f}: there the accuracy is best, before it falls (Smith 2017, section 3.3)")
    else:
        print(f"the accuracy does not fall up to {last:.3f}: repeat with a larger --max-lr")


if __name__ == "__main__":
    run(main)
