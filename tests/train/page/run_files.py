"""All that the stages `evaluate` and `report` read, made in seconds: real images, an untrained network."""

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
from train import report
from train.core import model
from train.page import contents, figures, labelled

LABELS = "image,class,agreed,cifar10,annotator,seconds,boxes\n"
NAMES = ("test-00000", "test-00001", "test-00002")


def prepare(few: Dataset, names: Sequence[str] = NAMES) -> None:
    """Fill the current folder: images to label under the given names, and no label yet."""
    write_params(Path(), **TINY)
    few.save(Path("data/out/dataset/test.safetensors"), "sample")
    torch.manual_seed(5)
    model.write(untrained())
    contents.CURVES.parent.mkdir(parents=True)
    head = "epoch,lr,momentum,size,loss,accuracy,val_loss,val_accuracy"
    contents.CURVES.write_text(f"{head}\n1,0.1,0.9,32,2.0,0.3,,\n")
    write_json(contents.METRICS, {"epochs": 1, "steps": 4, "equivalent_epochs": 1.0})
    figures.PUBLISHED.parent.mkdir(parents=True)
    shutil.copy(ROOT / figures.PUBLISHED, figures.PUBLISHED)
    report.IMAGES.mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(few.images[number]).save(report.IMAGES / f"{name}.png")
    label("")


def label(rows: str) -> None:
    """Write the labels of annotators."""
    labelled.LABELS.parent.mkdir(parents=True, exist_ok=True)
    labelled.LABELS.write_text(LABELS + rows)
    count = len({row.split(",")[0] for row in rows.splitlines()})
    contents.LABEL_METRICS.write_text(json.dumps({"images": 3, "labelled": count}))
