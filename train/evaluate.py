"""Stage `evaluate`: what the trained network makes of the test pictures and of those to be labelled.

    python -m train.evaluate

Reads train/model.safetensors, data/cifar10/, annotate/images/ with annotate/labels/labels.csv and
annotate/metrics.json, train/plots/curves.csv, train/published.csv. Writes train/test.json and train/report/:
predictions.csv, confusion.csv, confusion.png and curves.png; the first two for the labelled pictures too;
task_predictions.csv (all pictures to be labelled, with the model's checksum, to prefill them in Label Studio)
and probabilities.csv (of each class, for the choice of what to label next).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from data import decode, pictures
from data.errors import UserError, run
from data.files import atomic, digest, write_csv, write_json
from data.pictures import CLASSES, PREPARED, picture_name
from train import figures, model, reading
from train.answers import Answers, Result
from train.device import choose_device, keep_large_blocks, on_device
from train.inference import logits
from train.model import Model

REPORT = Path("train/report")
METRICS = Path("train/test.json")
CURVES = Path("train/plots/curves.csv")
IMAGES = Path("annotate/images")
LABELS = Path("annotate/labels/labels.csv")
LABEL_METRICS = Path("annotate/metrics.json")


def about_test(network: Model, device: torch.device) -> tuple[Answers, Result]:
    """Show the network the test pictures, named as `test-00042` for the official index 42."""
    path = PREPARED / "test.safetensors"
    images, labels = on_device(path, device)
    indices = pictures.load(path)[2]
    names = tuple(picture_name(index) for index in indices.tolist())
    answers = Answers(names, logits(network, images))
    result = answers.beside(
        {name: CLASSES[label] for name, label in zip(names, labels.tolist(), strict=True)}
    )
    assert result  # there is no test set without pictures
    return answers, result


def about_tasks(network: Model, device: torch.device) -> Answers:
    """Show the network the pictures to be labelled."""
    paths = sorted(IMAGES.glob("*.png"))
    if not paths:
        raise UserError(f"{IMAGES}: no pictures to label", 'make them anew with "dvc repro -f sample".')
    with decode.decoding():
        images = torch.from_numpy(np.stack([reading.read(path) for path in paths])).to(device)
    return Answers(tuple(path.stem for path in paths), logits(network, images, "pictures to label"))


def agreed() -> dict[str, str]:
    """Return the class of each picture on which its annotators agree."""
    labels = read_table(LABELS, "labels").dropna(subset="agreed")
    return dict(zip(labels["picture"], labels["agreed"], strict=True))


def read_table(path: Path, stage: str) -> pd.DataFrame:
    """Read a table that a stage wrote. Raises `UserError` if it is missing or no table."""
    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a table ({error})", f'make it anew with "dvc repro -f {stage}".'
        ) from None


def closing(result: Result) -> str:
    """Return a pipeline run's last lines: the result, the state of the labelling, what to type next."""
    try:
        labels = json.loads(LABEL_METRICS.read_text())
        labelled = f"{labels['labelled']} of {labels['pictures']} pictures"
    except (OSError, ValueError, KeyError) as error:
        hint = 'make it anew with "dvc repro -f labels".'
        raise UserError(f"{LABEL_METRICS}: not the metrics of the labels ({error})", hint) from None
    return (
        f"\naccuracy  {result.score.accuracy:.2%} of {len(result.table):,} test pictures"
        f" (loss {result.score.loss:.4f})"
        f"\nlabelled  {labelled}"
        "\nnext      look into train/report/; change params.yaml, then make repro and dvc metrics diff"
    )


def report(folder: Path, test: Result, labels: Result | None) -> None:
    """Write every answer, the confusion matrices and the pictures of the run."""
    write_csv(folder / "predictions.csv", test.table)
    write_csv(folder / "confusion.csv", test.confusion().reset_index())
    figures.write(folder / "confusion.png", figures.confusion(test.confusion()))
    figures.write(folder / "curves.png", figures.curves(read_table(CURVES, "train")))
    if labels:
        write_csv(folder / "labelled_predictions.csv", labels.table)
        write_csv(folder / "labelled_confusion.csv", labels.confusion().reset_index())


def main() -> None:
    """Test the trained network and write what it got right and wrong."""
    keep_large_blocks()
    device = choose_device()
    network = model.load(device)
    test_answers, test = about_test(network, device)
    task_answers = about_tasks(network, device)
    known = agreed()
    labels = task_answers.beside({name: label for name, label in known.items() if label in CLASSES})
    # Without labels 0 pictures and no accuracy: no number is better than a made-up one.
    about_labels = labels.metrics() if labels else {"pictures": 0}
    about_labels["other_classes"] = sum(label not in CLASSES for label in known.values())
    write_json(METRICS, test.metrics() | {"labelled": about_labels})
    with atomic(REPORT) as folder:
        report(folder, test, labels)
        prefill = task_answers.table().assign(model=digest(model.MODEL, "sha256")[:12])
        write_csv(folder / "task_predictions.csv", prefill)
        probabilities = pd.concat([test_answers.probabilities(), task_answers.probabilities()])
        write_csv(
            folder / "probabilities.csv", probabilities.drop_duplicates("picture").sort_values("picture")
        )
    print(closing(test))


if __name__ == "__main__":
    run(main)
