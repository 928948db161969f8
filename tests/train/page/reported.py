"""All that the stage `evaluate` reads, made in seconds: real images, a network that was not trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from data.common.files import write_json
from data.datasets.dataset import Dataset
from tests.tiny import ROOT, TINY, untrained, write_params
from train import evaluate
from train.core import model, training
from train.evaluation import agreement

LABELS = "image,class,agreed,cifar10,annotator,seconds,boxes\n"
NAMES = ("test-00000", "test-00001", "test-00002")


def prepare(few: Dataset, names: Sequence[str] = NAMES) -> None:
    """Fill the current folder: images to label under the given names, and no label yet."""
    write_params(Path(), **TINY)
    few.save(Path("data/out/dataset/test.safetensors"), "sample")
    torch.manual_seed(5)
    model.write(untrained())
    row = {"epoch": 1, "lr": 0.1, "momentum": 0.9, "size": 32, "loss": 2.0, "accuracy": 0.3}
    training.write_curves([row | {"val_loss": None, "val_accuracy": None, "seconds": 1.0}])
    write_json(evaluate.RUN, {"epochs": 1, "steps": 4, "equivalent_epochs": 1.0})
    shutil.copy(ROOT / "train/reference/published.csv", "train/reference/published.csv")
    evaluate.IMAGES.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(few.images[number]).save(evaluate.IMAGES / f"{name}.png")
    label("")


def label(rows: str) -> None:
    """Write what the annotators said."""
    agreement.LABELS.parent.mkdir(exist_ok=True)
    agreement.LABELS.write_text(LABELS + rows)
    done = len({row.split(",")[0] for row in rows.splitlines()})
    evaluate.LABEL_METRICS.write_text(json.dumps({"images": 3, "labelled": done}))
