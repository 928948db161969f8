"""Measure prediction from files against the bare forward pass.

    python -m train.bench.prediction [--images 5000] [--rounds 10] [--out FILE]

Both are measured in turn, so that a busy machine slows both: all of train.predict but the writing, over PNG
files of 32 x 32 pixels; and the same network on a batch in memory. Reads data/out/dataset/train.safetensors
and train/out/model.safetensors.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Annotated

import torch
import typer
from PIL import Image

from data.common.cli import STARTS_AGAIN, run
from data.common.files import write_json
from data.common.progress import track
from data.datasets import dataset
from data.datasets.dataset import PREPARED
from train import predict
from train.bench.variants import rate
from train.core.device import choose_device, describe
from train.core.inference import batch_logits
from train.core.model import Model
from train.prediction.batches import BATCH


def write_files(folder: Path, count: int) -> list[str]:
    """Write so many images as PNG files: the prepared ones, again and again."""
    images = dataset.load(PREPARED / "train.safetensors")[0]
    names = [str(folder / f"{number:06}.png") for number in range(count)]
    for number, name in enumerate(track(names, "writing images", count, "images")):
        Image.fromarray(images[number % len(images)]).save(name)
    return names


def from_files(names: Sequence[str], model: Model) -> float:
    """Return how many files a second are read and classified."""
    started = time.perf_counter()
    return len(predict.predict(names, model=model).table) / (time.perf_counter() - started)


def forward(model: Model, count: int, device: torch.device) -> float:
    """Return how many images a second are classified that are in memory."""
    batch = torch.randint(256, (BATCH, 32, 32, 3), dtype=torch.uint8, device=device)
    return rate(lambda: len(batch_logits(model, batch)), max(count // BATCH, 1), device)


def main(
    count: Annotated[int, typer.Option("--images", min=1, help="how many files")] = 5000,
    rounds: Annotated[int, typer.Option(min=1, help="parts of the files, each read once")] = 10,
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure prediction from files against the bare forward pass."""
    device, model, rounds = choose_device(), predict.load(), min(rounds, count)
    files, bare = [], []
    with tempfile.TemporaryDirectory() as folder:
        names = write_files(Path(folder), count)
        forward(model, BATCH, device)  # warms up
        for part in (names[number::rounds] for number in range(rounds)):
            bare.append(forward(model, len(part), device))
            files.append(from_files(part, model))
    rates = {"files": round(median(files), 1), "forward": round(median(bare), 1)}
    ratio = round(median(a / b for a, b in zip(files, bare, strict=True)), 3)
    print(f"{describe(device)}, torch {torch.__version__}, batch {BATCH}, median of {rounds} rounds")
    print(f"from files {rates['files']} images/s, bare forward {rates['forward']} images/s, ratio {ratio}")
    if out:
        write_json(out, {"device": describe(device), "images_per_second": rates, "files_by_forward": ratio})


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
