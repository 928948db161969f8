"""Stage `evaluate`: test the trained model on the test images.

    python -m train.evaluate

Reads train/out/model.safetensors and data/out/dataset/test.safetensors; writes train/test.json and
train/out/test/ (train/evaluation/results.py lists the files).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from data.common.cli import run
from data.datasets import dataset
from data.datasets.dataset import CLASSES, image_name
from train.core import model
from train.core.device import choose_device, keep_large_blocks
from train.core.model import Model, logits
from train.evaluation import gradcam, predictions, results
from train.evaluation.results import SHOWN, SIDES, TEST, TOP, Evaluation, Images


def evaluate(network: Model, device: torch.device) -> Evaluation:
    """Return the model's predictions for the test images, named as `test-00042` for the official index 42."""
    images, labels, indices = dataset.load(TEST)
    names = [image_name(index) for index in indices.tolist()]
    actual = pd.Series([CLASSES[label] for label in labels.tolist()], index=names)
    outputs = logits(network, torch.from_numpy(images).to(device))
    table, metrics = predictions.with_actual(predictions.as_table(names, outputs, TOP), outputs, actual)
    metrics |= predictions.details(table)
    return Evaluation(images, table, metrics, overlays(network, images, table, device))


def overlays(network: Model, images: Images, table: pd.DataFrame, device: torch.device) -> dict[str, Images]:
    """Return Grad-CAM of the most confident mistakes: of the predicted class and of the actual one."""
    wrong = predictions.mistakes(table)[:SHOWN]
    shown = torch.from_numpy(images[wrong.index.to_numpy(np.int64)]).to(device)
    classes = {
        side: torch.tensor([CLASSES.index(name) for name in wrong[side]], dtype=torch.int64) for side in SIDES
    }
    return {side: gradcam.overlays(network, shown, targets.to(device)) for side, targets in classes.items()}


def main() -> None:
    """Test the trained model: train/test.json and train/out/test/."""
    keep_large_blocks()
    device = choose_device()
    tested = evaluate(model.load(device), device)
    tested.write()
    accuracy = f"{tested.metrics['accuracy']:.2%} of {len(tested.images):,} test images"
    print(f"accuracy {accuracy}: {results.METRICS}, {results.FOLDER}/")


if __name__ == "__main__":
    run(main)
