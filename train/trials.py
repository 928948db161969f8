"""The same recipe from several seeds: how much of a result is chance, and whether a change matters.

    python -m train.trials --recipe fast --seeds 5
    python -m train.trials --recipe fast --seeds 1 --set validation=5000 --set max_lr=1.0

Reads params.yaml and data/out/dataset/, which `dvc repro prepare` makes. Writes train/out/trials/trials.csv,
a row a run as soon as it is over, and train/out/trials/<run>/curves.csv. Finished runs are not repeated, and
a stopped one resumes. Tune a recipe on images held out of train, as by `--set validation=5000`; without them
the network is tested on the test images after its last epoch. One process, on the first device.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pandas as pd
import torch
import typer
from scipy import stats

from data import params
from data.common.cli import run
from data.common.errors import UserError
from data.common.files import write_csv
from data.datasets.dataset import PREPARED, check_source
from data.recipe import Train
from train.core import checkpoint
from train.core.checkpoint import Fingerprint
from train.core.device import choose_device, keep_large_blocks, on_device
from train.core.model import logits, score
from train.core.threads import take_idle_cores
from train.core.trainer import Trainer
from train.core.training import Row, Stop, Training, stoppable
from train.fit import Split, introduce, only_training, split

FOLDER = Path("train/out/trials")
TABLE = FOLDER / "trials.csv"


def recipes(train: Train, settings: list[str], seeds: range) -> Iterator[Train]:
    """Yield a recipe's parameters with other settings and each of the seeds.

    Raises `UserError` for an unknown or repeated setting, and for a seed among them.
    """
    if seed := next((setting for setting in settings if setting.startswith("seed=")), None):
        raise UserError(f"--set {seed}: the seeds are those of --seeds, from 1 on", "leave it out.")
    for number in seeds:
        yield params.changed(train, [*settings, f"seed={number}"])


def finished() -> list[Row]:
    """Return the rows of finished runs. Raises `UserError` if their table is another one."""
    if not TABLE.exists():
        return []
    try:
        columns = ["run", "accuracy", "images", "shown"]
        table = pd.read_csv(TABLE, dtype={"run": str, "accuracy": float}, keep_default_na=False)
        table = table.dropna(subset=columns)  # a KeyError where one is missing
    except (ValueError, KeyError):
        raise UserError(f"{TABLE}: not a table of trials", "move it away to begin anew.") from None
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def train_once(trainer: Trainer, watched: Split, fingerprint: Fingerprint, stop: Stop) -> Row:
    """Train to the end; return accuracy and loss on images that were not trained on, cost and seconds."""
    folder = FOLDER / fingerprint.name
    training = Training(trainer, watched, fingerprint, folder / "curves.csv", folder / "timing.csv")
    training.run(stop)
    shown, (images, labels) = "validation", watched
    if trainer.params.watch_test or not len(images):
        shown, (images, labels) = "test", on_device(PREPARED / "test.safetensors", trainer.device)
    scored = score(logits(trainer.model, images, "testing"), labels)
    return {
        "shown": shown,
        "images": len(images),
        "accuracy": round(scored.accuracy, 4),
        "loss": round(scored.loss, 4),
        "equivalent_epochs": trainer.equivalent_epochs,
        "seconds": round(sum(epoch["seconds"] for epoch in training.history)),
        "run": fingerprint.name,
    }


def interval_of_mean(results: pd.Series[float]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the mean of at least two normally distributed results.

    By Student's t distribution.
    """
    half = float(stats.t.ppf(0.975, len(results) - 1) * stats.sem(results))
    return float(results.mean()) - half, float(results.mean()) + half


def summary(rows: list[Row]) -> str:
    """Return mean, standard deviation and, of two runs or more, the mean's 95 % confidence interval."""
    values = pd.Series([float(row["accuracy"]) for row in rows])
    mean = f"accuracy  {values.mean():.2%} on {rows[0]['images']} {rows[0]['shown']} images"
    if len(values) < 2:
        return f"{mean}, one run"
    low, high = interval_of_mean(values)
    scatter = f"standard deviation {values.std():.2%}, 95 % from {low:.2%} to {high:.2%}"
    return f"{mean}, mean of {len(values)} runs ({scatter})"


def repeat(trains: list[Train], labels: Row, device: torch.device, stop: Stop) -> list[Row]:
    """Return the rows of runs, of the table or by training; `labels` are the first columns of new rows."""
    rows, done = [], finished()
    trainer: Trainer | None = None
    for train in trains:
        fingerprint = Fingerprint.of(train, PREPARED / "train.safetensors", device, "trials")
        row = next((row for row in done if row["run"] == fingerprint.name), None)
        if row is None:
            data, watched = split(train, device)
            if trainer is None:
                trainer = Trainer(train, *data)
            else:
                trainer.restart(train, *data)  # without compiling again
            introduce(f"recipe {labels['recipe']}, seed {train.seed}", trainer)
            row = labels | {"seed": train.seed} | train_once(trainer, watched, fingerprint, stop)
            done.append(row)
            write_csv(TABLE, pd.DataFrame(done))
            print(f"seed {train.seed}  accuracy {row['accuracy']:.4f}  loss {row['loss']:.4f}", flush=True)
        checkpoint.clear(fingerprint)
        rows.append(row)
    return rows


def main(
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="how many runs, from seed 1 on")] = 5,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="another value of a parameter, as max_lr=1.0")
    ] = None,
) -> None:
    """Train a recipe from several seeds and show how far the results scatter."""
    keep_large_blocks()
    settings, device = sorted(set_ or []), choose_device()
    chosen = params.load()
    trains = list(recipes(chosen.named(recipe), settings, range(1, seeds + 1)))
    check_source(chosen.chosen.prepare.source)
    take_idle_cores(device)
    with only_training(), stoppable() as stop:
        labels = {"recipe": recipe or chosen.recipe, "settings": " ".join(settings)}
        rows = repeat(trains, labels, device, stop)
    print(summary(rows))


if __name__ == "__main__":
    run(main)
