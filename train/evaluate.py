"""Stage `evaluate`: what the trained network makes of the test pictures and of the labelled ones.

    python -m train.evaluate

Reads train/model.safetensors, data/cifar10/, annotate/labels/labels.csv with annotate/images/ and
annotate/metrics.json, train/plots/curves.csv; writes train/test.json and train/report/ (predictions.csv,
confusion.csv, curves.png, confusion.png).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image, ImageOps
from torch import Tensor

from data.errors import run
from data.files import atomic, write_csv, write_json
from data.pictures import CLASSES, SIDE
from data.prepare import OUT as PREPARED
from train import figures, model
from train.device import choose_device, keep_large_blocks
from train.fit import CURVES, on_device
from train.inference import logits, score
from train.resnet import ResNet

REPORT = Path("train/report")
METRICS = Path("train/test.json")
IMAGES = Path("annotate/images")
LABELS = Path("annotate/labels/labels.csv")
LABEL_METRICS = Path("annotate/metrics.json")


def predictions(answers: Tensor, labels: Tensor, names: pd.Series[str]) -> pd.DataFrame:
    """Return a row a picture: its name, its actual and predicted class, and the confidence in the latter."""
    confidence, predicted = answers.softmax(1).max(1)
    return pd.DataFrame(
        {
            "picture": names.to_numpy(),
            "actual": [CLASSES[label] for label in labels.tolist()],
            "predicted": [CLASSES[label] for label in predicted.tolist()],
            "confidence": confidence.double().cpu().numpy().round(4),
        }
    )


def confusion(table: pd.DataFrame) -> pd.DataFrame:
    """Count predictions: a row an actual class, a column a predicted one, in the order of CIFAR-10."""
    counts = pd.crosstab(table["actual"], table["predicted"])
    return counts.reindex(index=CLASSES, columns=CLASSES, fill_value=0)


def names() -> pd.Series[str]:
    """Return the test pictures' names, as `test-00042` for the official index 42."""
    index = pd.read_csv(PREPARED / "index.csv")
    test = index.loc[index["split"] == "test", "index"]
    return test.map("test-{:05}".format)


def labelled(network: ResNet, device: torch.device) -> dict[str, float]:
    """Compare the network's answers with the classes that people gave to pictures.

    Without any label that is 0 pictures and no accuracy: no number is better than a made-up one.
    """
    labels = pd.read_csv(LABELS)
    labels = labels[labels["class"].notna()]
    if labels.empty:
        return {"annotations": 0}
    with_class = sorted(labels["picture"].unique())
    images = torch.from_numpy(np.stack([_read(IMAGES / f"{name}.png") for name in with_class])).to(device)
    answers = logits(network, images, "labelled pictures").argmax(1).tolist()
    said = dict(zip(with_class, (CLASSES[answer] for answer in answers), strict=True))
    agree = labels["picture"].map(said) == labels["class"]
    return {"annotations": len(labels), "accuracy": round(float(agree.mean()), 4)}


def _read(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Read a picture as 32 x 32 x 3; a larger one is cropped to a square in its middle and shrunk."""
    with Image.open(path) as image:
        return np.asarray(ImageOps.fit(image.convert("RGB"), (SIDE, SIDE), Image.Resampling.LANCZOS))


def closing(metrics: dict[str, float], pictures: int) -> str:
    """Return the last lines of a pipeline run: the result, the state of the labelling, what to type next."""
    labels = json.loads(LABEL_METRICS.read_text())
    return (
        f"\naccuracy  {metrics['accuracy']:.2%} of {pictures:,} test pictures (loss {metrics['loss']:.4f})"
        f"\nlabelled  {labels['labelled']} of {labels['pictures']} pictures"
        "\nnext      dvc metrics show | dvc plots show | change a value in params.yaml, then dvc repro and"
        "\n          dvc metrics diff"
    )


def main() -> None:
    """Test the trained network and write what it got right and wrong."""
    keep_large_blocks()
    device = choose_device()
    network = model.load(device)
    images, labels = on_device(PREPARED / "test.safetensors", device)
    answers = logits(network, images)
    table = predictions(answers, labels, names())
    counts = confusion(table)
    result = score(answers, labels)
    metrics = {"accuracy": round(result.accuracy, 4), "loss": round(result.loss, 4)}
    right = np.diag(counts) / counts.sum(axis=1).clip(lower=1)
    by_class = {name: round(float(right[name]), 4) for name in CLASSES}
    write_json(METRICS, {**metrics, "by_class": by_class, "labelled": labelled(network, device)})
    with atomic(REPORT) as report:
        write_csv(report / "predictions.csv", table)
        write_csv(report / "confusion.csv", counts.reset_index())
        figures.write(report / "confusion.png", figures.confusion(counts))
        figures.write(report / "curves.png", figures.curves(pd.read_csv(CURVES)))
    print(closing(metrics, len(table)))


if __name__ == "__main__":
    run(main)
