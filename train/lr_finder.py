"""Which learning rate is too high: Smith's LR range test.

    python -m train.lr_finder [--max-lr 3] [--steps 400] [--size 16]

The learning rate rises linearly from 0 to --max-lr while the network trains; the accuracy on the batches
rises, slows, and falls where the rate is too high (Smith 2017, Cyclical Learning Rates for Training Neural
Networks, section 3.3). Reads params.yaml and data/out/dataset/, which `dvc repro prepare` makes, but not the
test images; writes train/out/lr_finder/curve.csv and curve.png.
"""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean
from typing import Annotated

import pandas as pd
import typer

from data import params
from data.common.cli import STARTS_AGAIN, run
from data.common.errors import UserError
from data.common.files import write_csv
from data.common.progress import progress
from data.datasets.dataset import check_source
from data.recipe import MOST_RATE, SmallImages, Train
from train.core.device import choose_device, keep_large_blocks
from train.core.trainer import Trainer
from train.fit import split
from train.page import figures

FOLDER = Path("train/out/lr_finder")
WINDOW = 41  # steps of the moving average, centred
BLOWN_UP = 4.0  # times the smallest mean loss so far: it diverges (as fastai's lr_find)
FALLS = 0.02  # below its best, the mean accuracy counts as falling: three times its noise at batch 128


def rising(train: Train, count: int, max_lr: float, steps: int, size: int) -> Train:
    """Return a recipe of so many steps on `count` images of `size` pixels, whose learning rate only rises."""
    epochs = math.ceil(steps / math.ceil(count / train.batch))
    return train.model_copy(
        update={
            "start_lr": 0.0,
            "max_lr": max_lr,
            "muon_lr": train.muon_lr * max_lr / train.max_lr,  # as in training, at each learning rate
            "rise": steps / math.ceil(count / train.batch) / epochs,
            "fall": 0.0,
            "lr_changes": "step",
            "momentum_at_peak": train.momentum,
            "epochs": epochs,
            "max_steps": steps,
            "progressive": (SmallImages(share=1.0, size=size),),
            "devices": 1,
        }
    )


def measure(trainer: Trainer) -> pd.DataFrame:
    """Train until the last step, or until the loss diverges.

    Returns a row a step: step, lr, loss, accuracy, and the moving averages of both.
    """
    rows: list[tuple[int, float, float, float]] = []
    best = math.inf
    with progress("LR finder", trainer.total, "steps") as task:
        while trainer.step < trainer.total:
            step, within = trainer.step, trainer.step % trainer.steps
            trainer.take_step()
            loss = trainer.losses[within].item()
            if not math.isfinite(loss):
                break
            accuracy = trainer.correct[within].item() / trainer.count(step)
            rows.append((step + 1, trainer.schedule.lr(step), loss, accuracy))
            latest = fmean(row[2] for row in rows[-WINDOW:])
            best = min(best, latest)
            task.advance(1, f"lr {rows[-1][1]:.4g}  loss {latest:.4f}")
            if latest > BLOWN_UP * best:
                break
    curve = pd.DataFrame(rows, columns=["step", "lr", "loss", "accuracy"])
    curve["lr"] = [float(f"{lr:.6g}") for lr in curve["lr"]]  # which may be far below 1
    smooth = curve[["loss", "accuracy"]].rolling(WINDOW, center=True, min_periods=1).mean()
    curve = curve.join(smooth.add_prefix("smooth_"))
    return curve.round({name: 6 for name in curve if name != "lr"})


def suggestion(curve: pd.DataFrame) -> tuple[float, bool]:
    """Return the learning rate at which the mean accuracy is best, and whether it falls after that."""
    top = int(curve["smooth_accuracy"].to_numpy().argmax())
    after = curve["smooth_accuracy"].iloc[top:]
    return float(curve["lr"].iloc[top]), bool(after.min() < after.iloc[0] - FALLS)


def main(
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    max_lr: Annotated[float, typer.Option(min=1e-6, max=MOST_RATE, help="the last rate")] = 3.0,
    steps: Annotated[int, typer.Option(min=50, help="how many steps")] = 400,
    size: Annotated[int, typer.Option(min=8, max=64, help="side of the images in pixels")] = 16,
) -> None:
    """Find the largest learning rate that a recipe's network still learns with."""
    keep_large_blocks()
    if size % 4:
        raise UserError(f"--size is {size}; expected a multiple of 4", "take 16, 24 or 32.")
    chosen = params.load()
    train = chosen.named(recipe)
    check_source(chosen.chosen.prepare.source)
    images, labels = split(train, choose_device())[0]
    curve = measure(Trainer(rising(train, len(images), max_lr, steps, size), images, labels))
    rate, falls = suggestion(curve)
    write_csv(FOLDER / "curve.csv", curve)
    figures.write(FOLDER / "curve.png", figures.lr_finder(curve, rate if falls else None))
    last = curve["lr"].iloc[-1]
    print(f"{FOLDER}/curve.csv, curve.png: {len(curve)} steps up to a learning rate of {last:.4g}")
    if falls:
        print(f"max_lr {rate:.3g}: the accuracy is best there and then falls (Smith 2017, section 3.3)")
    elif len(curve) < steps:
        print(f"the loss diverged at {last:.4g}, too early: repeat with --max-lr {last / 10:.2g}")
    else:
        print(f"the accuracy does not fall up to {last:.4g}: repeat with a larger --max-lr")


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
