"""Stage `evaluate`: what the trained network makes of the test images and of those to be labelled.

    python -m train.evaluate

Reads train/out/model.safetensors, data/out/dataset/, annotate/out/images/ with annotate/out/labels/labels.csv and
annotate/metrics.json, train/out/plots/curves.csv, train/metrics.json, train/reference/published.csv and the recipe's name
in params.yaml. Writes train/test.json and train/out/report/: the page index.html with its tables and images
(train/reporting.py lists them), task_predictions.csv (all images to be labelled, with the model's checksum,
to prefill them in Label Studio) and probabilities.csv (of each class, to choose what to label next).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from data import params
from data.common.cli import run
from data.common.errors import UserError
from data.common.files import atomic, digest, readable, write_csv, write_json
from data.common.progress import track
from data.datasets import dataset
from data.datasets.dataset import CLASSES, PREPARED, SIDE, image_name
from data.images import crop, decode
from data.params import Train
from train.core import model
from train.core.device import choose_device, keep_large_blocks
from train.core.inference import logits
from train.core.model import Model
from train.evaluation import agreement
from train.evaluation.predictions import Answers, Result
from train.evaluation.results import About, Answered, Findings
from train.page import files

TEST = PREPARED / "test.safetensors"
REPORT = Path("train/out/report")
METRICS = Path("train/test.json")
IMAGES = Path("annotate/out/images")
LABEL_METRICS = Path("annotate/metrics.json")
CURVES = Path("train/out/plots/curves.csv")
RUN = Path("train/metrics.json")


def about_test(network: Model, device: torch.device) -> tuple[Answered, Result]:
    """Show the network the test images, named as `test-00042` for the official index 42."""
    images, labels, indices = dataset.load(TEST)
    names = tuple(image_name(index) for index in indices.tolist())
    answers = Answers(names, logits(network, torch.from_numpy(images).to(device)))
    result = answers.beside(
        {name: CLASSES[label] for name, label in zip(names, labels.tolist(), strict=True)}
    )
    assert result  # there is no test set without images
    return Answered(images, answers), result


def about_tasks(network: Model, device: torch.device) -> Answered:
    """Show the network the images to be labelled. Raises `UserError` if there are none."""
    paths = sorted(IMAGES.glob("*.png"))
    if not paths:
        raise UserError(f"{IMAGES}: no images to label", 'make them anew with "dvc repro -fs sample".')
    with decode.decoding():
        images = np.stack([crop.read(path) for path in track(paths, "reading", len(paths), "images")])
    names = tuple(path.stem for path in paths)
    answers = Answers(names, logits(network, torch.from_numpy(images).to(device), "images to label"))
    return Answered(images, answers)


def about() -> About:
    """Return what other stages say of the run. Raises `UserError` for a file that is wrong."""
    chosen = params.load()
    dataset.check_source(chosen.chosen.prepare.source, TEST)
    train = chosen.chosen.train
    trained = _numbers(RUN, "train", ("epochs", "steps", "equivalent_epochs"))
    labels = _numbers(LABEL_METRICS, "labels", ("images", "labelled"))
    return About(
        recipe=chosen.recipe,
        watch_test=train.watch_test,
        smoothing=train.label_smoothing,
        epochs=int(trained["epochs"]),
        cut_short=train.max_steps if is_cut_short(train, trained) else 0,
        equivalent_epochs=float(trained["equivalent_epochs"]),
        curves=agreement.read_table(CURVES, "train"),
        images=int(labels["images"]),
        labelled=int(labels["labelled"]),
    )


def is_cut_short(train: Train, trained: Mapping[str, float]) -> bool:
    """Say whether a training's metrics are of a run that ended by max_steps, before its schedule did."""
    starts = (0, *(end for end, _ in train.parts))
    whole = sum(
        (end - start) * (size / SIDE) ** 2 for start, (end, size) in zip(starts, train.parts, strict=False)
    )
    # Rounded, the last few steps are nothing; but a whole run has as many in each epoch.
    uneven = trained["steps"] % train.epochs > 0
    return trained["steps"] == train.max_steps and (uneven or trained["equivalent_epochs"] < round(whole, 2))


def _numbers(path: Path, stage: str, names: tuple[str, ...]) -> dict[str, float]:
    try:
        with readable(path, 'make it with "dvc repro".'):
            content = json.loads(path.read_text(encoding="utf-8"))
        return {name: float(content[name]) for name in names}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not the metrics of the stage {stage} ({error})",
            f'make them anew with "dvc repro -fs {stage}".',
        ) from None


def closing(found: Findings) -> str:
    """Return a pipeline run's last lines: the result, the state of the labelling, what to type next."""
    score, images = found.result.score, len(found.result.table)
    return (
        f"\naccuracy  {score.accuracy:.2%} of {images:,} test images (loss {score.loss:.4f})"
        f"\nlabelled  {found.about.labelled} of {found.about.images} images"
        "\nnext      open train/out/report/index.html; change params.yaml, then make repro and dvc metrics diff"
    )


def main() -> None:
    """Test the trained network and write what it got right and wrong."""
    keep_large_blocks()
    device = choose_device()
    # What other stages wrote comes first: what is wrong with it shows before any work.
    told, table, network = about(), agreement.read(), model.load(device)
    test, result = about_test(network, device)
    tasks = about_tasks(network, device)
    known: dict[str, str] = dict(table.dropna(subset="agreed")[["image", "agreed"]].itertuples(index=False))
    labels = tasks.answers.beside({name: label for name, label in known.items() if label in CLASSES})
    guesses = tasks.answers.table()
    beside = agreement.beside(table, guesses)
    found = Findings(told, network, test, result, tasks, beside, labels)
    # Without labels 0 images and no accuracy: no number is better than a made-up one.
    about_labels = labels.metrics() if labels else {"images": 0}
    about_labels["other_classes"] = sum(label not in CLASSES for label in known.values())
    with atomic(REPORT) as folder:
        files.write(folder, found)
        prefill = guesses.assign(model=digest(model.MODEL, "sha256")[:12])
        write_csv(folder / "task_predictions.csv", prefill)
        probabilities = pd.concat([test.answers.probabilities(), tasks.answers.probabilities()])
        write_csv(folder / "probabilities.csv", probabilities.drop_duplicates("image").sort_values("image"))
    write_json(METRICS, found.metrics | {"labelled": about_labels})
    print(closing(found))


if __name__ == "__main__":
    run(main)
