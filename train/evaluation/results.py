"""The test of a model: what the stage `evaluate` writes and `report` reads.

| file | content |
| --- | --- |
| train/test.json | images, accuracy, loss, calibration_error, by_class |
| train/out/test/predictions.csv | a row a test image: image, actual, the three likeliest classes, margin |
| train/out/test/gradcam.safetensors | Grad-CAM of mistakes: `predicted` and `actual`, K x 64 x 64 x 3 |
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from data.common.files import atomic, write_bytes, write_csv, write_json
from data.datasets import dataset
from data.datasets.dataset import PREPARED
from train.evaluation.inputs import damaged, read_metrics, read_table

TEST = PREPARED / "test.safetensors"
METRICS = Path("train/test.json")
FOLDER = Path("train/out/test")
PREDICTIONS = FOLDER / "predictions.csv"
GRADCAM = FOLDER / "gradcam.safetensors"

TOP = 3  # likeliest classes of each image
SHOWN = 24  # mistakes with Grad-CAM, and least certain images
SIDES = ("predicted", "actual")  # the classes with Grad-CAM

Images = NDArray[np.uint8]  # N x S x S x 3


@dataclass(frozen=True)
class Evaluation:
    """The test images with the model's predictions."""

    images: Images
    predictions: pd.DataFrame
    metrics: dict[str, Any]
    overlays: dict[str, Images]  # of the first `SHOWN` mistakes, by `SIDES`

    def write(self) -> None:
        """Write train/test.json and train/out/test/."""
        with atomic(FOLDER) as folder:
            write_csv(folder / PREDICTIONS.name, self.predictions)
            write_bytes(folder / GRADCAM.name, save(self.overlays))
        write_json(METRICS, self.metrics)


def read() -> Evaluation:
    """Read what `Evaluation.write` wrote. Raises `UserError` if a file is missing or damaged."""
    table = read_table(PREDICTIONS, "evaluate", ("image", "actual", "predicted"))
    metrics = read_metrics(METRICS, "evaluate", ("accuracy", "loss", "calibration_error"))
    try:
        overlays = load_file(GRADCAM)
    except (OSError, SafetensorError) as error:
        raise damaged(GRADCAM, "evaluate", error) from None
    images, _, _ = dataset.load(TEST)
    return Evaluation(images, table, metrics, overlays)
