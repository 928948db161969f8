"""The same recipe from several seeds: how much of a result is chance, and whether a change is one.

    python -m train.trials --recipe fast --seeds 5
    python -m train.trials --recipe fast --seeds 1 --set validation=5000 --set max_lr=1.0

Reads params.yaml and data/out/dataset/, which `dvc repro prepare` makes. Writes train/out/trials/trials.csv, a row
for each run as soon as it is over, and train/out/trials/<run>/curves.csv. Runs that are there already are not
repeated, and one that was stopped goes on. A recipe is tuned on images held out of train, as by
`--set validation=5000`; with none, the test images are shown to the network after its last epoch.
One process, on the first device.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import torch
import typer
from scipy import stats

from data import params
from data.common.cli import run
from data.common.errors import UserError
from data.common.files import write_csv
from data.datasets.dataset import PREPARED, check_source
from data.params import Train
from train.core import checkpoint
from train.core.checkpoint import Fingerprint
from train.core.device import choose_device, describe, keep_large_blocks, on_device
from train.core.inference import logits, score
from train.core.stopping import stoppable
from train.core.trainer import Trainer
from train.core.training import Training
from train.fit import only_training, split

FOLDER = Path("train/out/trials")
TABLE = FOLDER / "trials.csv"


def recipes(train: Train, settings: list[str], seeds: range) -> Iterator[Train]:
    """Yield a recipe's parameters with other settings and each of the seeds.

    Raises `UserError` for a setting that there is not or that is there twice, and for a seed among them.
    """
    if seed := next((setting for setting in settings if setting.startswith("seed=")), None):
        raise UserError(f"--set {seed}: the seeds are those of --seeds, from 1 on", "leave it out.")
    for number in seeds:
        yield params.changed(train, [*settings, f"seed={number}"])


def finished() -> list[dict[str, Any]]:
    """Return the runs that are over. Raises `UserError` if their table is another one."""
    if not TABLE.exists():
        return []
    try:
        table = pd.read_csv(TABLE, dtype={"run": str, "accuracy": float}, keep_default_na=False)
    except ValueError as error:
        raise UserError(f"{TABLE}: not a table of trials ({error})", "move it away to begin anew.") from None
    if not {"run", "accuracy", "images", "shown"} <= set(table):
        raise UserError(f"{TABLE}: not a table of trials", "move it away to begin anew.")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def result(trainer: Trainer, watched: tuple[torch.Tensor, torch.Tensor]) -> dict[str, object]:
    """Return how well the last epoch's network knows the images that it was not trained on."""
    shown, (images, labels) = "validation", watched
    if trainer.params.watch_test or not len(images):
        shown, (images, labels) = "test", on_device(PREPARED / "test.safetensors", trainer.device)
    found = score(logits(trainer.model, images, "testing"), labels)
    return {
        "shown": shown,
        "images": len(images),
        "accuracy": round(found.accuracy, 4),
        "loss": round(found.loss, 4),
    }


def interval_of_mean(results: pd.Series[float]) -> tuple[float, float]:
    """Return the ends of the 95 % confidence interval of the mean of two runs' results or more.

    By Student's t distribution, which takes the results to be normally distributed.
    """
    half = float(stats.t.ppf(0.975, len(results) - 1) * stats.sem(results))
    return float(results.mean()) - half, float(results.mean()) + half


def summary(rows: list[dict[str, Any]]) -> str:
    """Return mean, standard deviation and, of two runs or more, the mean's 95 % confidence interval."""
    values = pd.Series([float(row["accuracy"]) for row in rows])
    said = f"accuracy  {values.mean():.2%} on {rows[0]['images']} {rows[0]['shown']} images"
    if len(values) < 2:
        return f"{said}, one run"
    low, high = interval_of_mean(values)
    scatter = f"standard deviation {values.std():.2%}, 95 % from {low:.2%} to {high:.2%}"
    return f"{said}, mean of {len(values)} runs ({scatter})"


def main(
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="how many runs, from seed 1 on")] = 5,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="another value of a parameter, as max_lr=1.0")
    ] = None,
) -> None:
    """Train a recipe from several seeds and say how far the results scatter."""
    keep_large_blocks()
    settings, device = sorted(set_ or []), choose_device()
    about = params.load()
    name, chosen = recipe or about.recipe, list(recipes(about.named(recipe), settings, range(1, seeds + 1)))
    check_source(about.chosen.prepare.source)
    rows = []
    trainer: Trainer | None = None
    with only_training(), stoppable() as stop:
        done = finished()
        for train in chosen:
            fingerprint = Fingerprint.of(train, PREPARED / "train.safetensors", device, "trials")
            if old := next((row for row in done if row["run"] == fingerprint.name), None):
                checkpoint.clear(fingerprint)  # of a run that was killed just after its row was written
                rows.append(old)
                continue
            (images, labels), watched = split(train, device)
            if trainer is None:
                trainer = Trainer(train, images, labels)
            else:
                trainer.restart(train, images, labels)
            print(
                f"recipe {name}, seed {train.seed}, {len(images):,} images, {describe(device)}",
                flush=True,
            )
            folder = FOLDER / fingerprint.name
            whole = Training(trainer, watched, fingerprint, folder / "curves.csv", folder / "timing.csv")
            whole.to_the_end(stop)
            row: dict[str, Any] = {"recipe": name, "settings": " ".join(settings), "seed": train.seed}
            row |= result(trainer, watched) | {"equivalent_epochs": trainer.equivalent_epochs}
            row |= {
                "seconds": round(sum(epoch["seconds"] for epoch in whole.history)),
                "run": fingerprint.name,
            }
            rows.append(row)
            done.append(row)
            write_csv(TABLE, pd.DataFrame(done))
            checkpoint.clear(fingerprint)
            print(f"seed {train.seed}  accuracy {row['accuracy']:.4f}  loss {row['loss']:.4f}", flush=True)
    print(summary(rows))


if __name__ == "__main__":
    run(main)
