"""Stage `evaluate`: what the trained network makes of the test pictures and of the labelled ones.

    python -m train.evaluate

Reads train/model.safetensors, data/cifar10/, annotate/labels/labels.csv with annotate/images/ and
annotate/metrics.json, train/plots/curves.csv, train/published.csv; writes train/test.json and train/report/
(predictions.csv, confusion.csv, curves.png, confusion.png; the first two for the labelled pictures too).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from torch import Tensor

from data.errors import run
from data.files import atomic, write_csv, write_json
from data.pictures import CLASSES, PREPARED, SIDE
from train import figures, model
from train.device import choose_device, keep_large_blocks, on_device
from train.inference import Score, logits, score
from train.resnet import ResNet

REPORT = Path("train/report")
METRICS = Path("train/test.json")
CURVES = Path("train/plots/curves.csv")
IMAGES = Path("annotate/images")
LABELS = Path("annotate/labels/labels.csv")
LABEL_METRICS = Path("annotate/metrics.json")


@dataclass(frozen=True)
class Result:
    """What the network answered about some pictures, beside what they are said to show."""

    table: pd.DataFrame  # picture, actual, predicted, confidence: a row each
    score: Score

    @classmethod
    def of(cls, names: Sequence[str], answers: Tensor, labels: Tensor) -> Result:
        """Take the pictures' names, the logits (N x classes) and the labels (N)."""
        confidence, predicted = answers.softmax(1).max(1)
        columns = {
            "picture": list(names),
            "actual": [CLASSES[label] for label in labels.tolist()],
            "predicted": [CLASSES[label] for label in predicted.tolist()],
            "confidence": confidence.double().cpu().numpy().round(4),
        }
        return cls(pd.DataFrame(columns), score(answers, labels))

    def confusion(self) -> pd.DataFrame:
        """Count answers: a row an actual class, a column a predicted one, in the order of CIFAR-10."""
        counts = pd.crosstab(self.table["actual"], self.table["predicted"])
        return counts.reindex(index=CLASSES, columns=CLASSES, fill_value=0)

    def metrics(self) -> dict[str, Any]:
        """Return accuracy, loss and the accuracy of each class that occurs, as shares of 1."""
        right = self.table["actual"] == self.table["predicted"]
        by_class = right.groupby(self.table["actual"]).mean().round(4)
        return {
            "pictures": len(self.table),
            "accuracy": round(self.score.accuracy, 4),
            "loss": round(self.score.loss, 4),
            "by_class": {str(name): float(share) for name, share in by_class.items()},
        }


def tested(network: ResNet, device: torch.device) -> Result:
    """Show the network the test pictures, named as `test-00042` for the official index 42."""
    images, labels = on_device(PREPARED / "test.safetensors", device)
    index = pd.read_csv(PREPARED / "index.csv")
    names = [f"test-{number:05}" for number in index.loc[index["split"] == "test", "index"]]
    return Result.of(names, logits(network, images), labels)


def labelled(network: ResNet, device: torch.device) -> Result | None:
    """Show the network the pictures on whose class the annotators agree; None without any."""
    labels = pd.read_csv(LABELS).drop_duplicates("picture")
    labels = labels[labels["agreed"].notna()]
    if labels.empty:
        return None
    images = np.stack([_read(IMAGES / f"{name}.png") for name in labels["picture"]])
    answers = logits(network, torch.from_numpy(images).to(device), "labelled pictures")
    classes = torch.tensor([CLASSES.index(name) for name in labels["agreed"]], device=device)
    return Result.of(list(labels["picture"]), answers, classes)


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Read a picture as 32 x 32 x 3; a larger one is cropped to a square in its middle and shrunk."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS))


def closing(result: Result) -> str:
    """Return a pipeline run's last lines: the result, the state of the labelling, what to type next."""
    labels = json.loads(LABEL_METRICS.read_text())
    return (
        f"\naccuracy  {result.score.accuracy:.2%} of {len(result.table):,} test pictures"
        f" (loss {result.score.loss:.4f})"
        f"\nlabelled  {labels['labelled']} of {labels['pictures']} pictures"
        "\nnext      dvc metrics show, dvc plots show; change params.yaml, then dvc repro, dvc metrics diff"
    )


def report(test: Result, labels: Result | None) -> None:
    """Write every answer, the confusion matrices and the pictures of the run."""
    with atomic(REPORT) as folder:
        write_csv(folder / "predictions.csv", test.table)
        write_csv(folder / "confusion.csv", test.confusion().reset_index())
        figures.write(folder / "confusion.png", figures.confusion(test.confusion()))
        figures.write(folder / "curves.png", figures.curves(pd.read_csv(CURVES)))
        if labels:
            write_csv(folder / "labelled_predictions.csv", labels.table)
            write_csv(folder / "labelled_confusion.csv", labels.confusion().reset_index())


def main() -> None:
    """Test the trained network and write what it got right and wrong."""
    keep_large_blocks()
    device = choose_device()
    network = model.load(device)
    test, labels = tested(network, device), labelled(network, device)
    # Without labels 0 pictures and no accuracy: no number is better than a made-up one.
    write_json(METRICS, test.metrics() | {"labelled": labels.metrics() if labels else {"pictures": 0}})
    report(test, labels)
    print(closing(test))


if __name__ == "__main__":
    run(main)
