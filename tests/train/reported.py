"""All that the stage `evaluate` reads, made in seconds: real pictures, a network that was not trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image

from data.files import write_json
from data.pictures import Pictures
from tests.tiny import ROOT, TINY, untrained, write_params
from train import epochs, evaluate, labelled, model

LABELS = "picture,class,agreed,cifar10,annotator,seconds,boxes\n"
NAMES = ("test-00000", "test-00001", "test-00002")


def prepare(few: Pictures, names: Sequence[str] = NAMES) -> None:
    """Fill the current folder: pictures to label under the given names, and no label yet."""
    write_params(Path(), **TINY)
    few.save(Path("data/cifar10/test.safetensors"), "sample")
    torch.manual_seed(5)
    model.write(untrained())
    row = {"epoch": 1, "lr": 0.1, "momentum": 0.9, "size": 32, "loss": 2.0, "accuracy": 0.3}
    epochs.write_curves([row | {"val_loss": None, "val_accuracy": None, "seconds": 1.0}])
    write_json(evaluate.RUN, {"epochs": 1, "steps": 4, "full_size_epochs": 1.0})
    shutil.copy(ROOT / "train/published.csv", "train/published.csv")
    evaluate.IMAGES.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(few.images[number].transpose(1, 2, 0)).save(evaluate.IMAGES / f"{name}.png")
    label("")


def label(rows: str) -> None:
    """Write what the annotators said."""
    labelled.LABELS.parent.mkdir(exist_ok=True)
    labelled.LABELS.write_text(LABELS + rows)
    done = len({row.split(",")[0] for row in rows.splitlines()})
    evaluate.LABEL_METRICS.write_text(json.dumps({"pictures": 3, "labelled": done}))
