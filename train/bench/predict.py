"""Whether reading holds the network up: prediction from files beside the bare forward pass.

    python -m train.bench.predict [--images 5000] [--turns 10] [--rounds 4] [--out FILE]

Both take turns in the same run, so that a busy machine slows both: `batches.batches`, which is all of
train.predict but the writing, over PNG files of CIFAR-10's size in a folder of their own; and the same
network on one batch of the same size that is in memory already. Apart from train.bench.__main__, which measures
training: this one needs a model, and files. Reads data/out/dataset/train.safetensors and train/out/model.safetensors.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer
from PIL import Image

from data.common.cli import STARTS_AGAIN, run
from data.common.files import write_json
from data.common.progress import track
from data.datasets import dataset
from data.datasets.dataset import PREPARED
from train.bench.variants import rate
from train.core import model
from train.core.device import choose_device, describe, keep_large_blocks
from train.core.inference import batch_logits
from train.core.model import MODEL, Model
from train.prediction import batches
from train.prediction.batches import BATCH, Form


def write_files(folder: Path, count: int, turns: int) -> list[Path]:
    """Write as many images as PNG files, in a folder for each turn; the prepared ones, again and again."""
    images = dataset.load(PREPARED / "train.safetensors")[0]
    folders = [folder / f"{turn:02}" for turn in range(turns)]
    for one in folders:
        one.mkdir()
    for number in track(range(count), "writing images", count, "images"):
        Image.fromarray(images[number % len(images)]).save(folders[number % turns] / f"{number:05}.png")
    return folders


def from_files(folder: Path, network: Model) -> float:
    """Return how many files a second are read and classified."""
    started = time.perf_counter()
    answers = batches.batches(batches.about([str(folder)], None), network, Form())
    count = sum(len(part.table) for part in answers)
    return count / (time.perf_counter() - started)


def bare(network: Model, count: int, device: torch.device) -> float:
    """Return how many images a second the network classifies that are in memory."""
    batch = torch.randint(256, (BATCH, 32, 32, 3), dtype=torch.uint8, device=device)

    def step() -> int:
        return len(batch_logits(network, batch))

    return rate(step, max(count // BATCH, 1), device)


def report(files: Sequence[float], forward: Sequence[float], where: str, out: Path | None) -> None:
    """Print both rates and their ratio, medians of the turns; write them if that is wanted."""
    ratio = round(statistics.median(a / b for a, b in zip(files, forward, strict=True)), 3)
    rates = {"files": statistics.median(files), "forward": statistics.median(forward)}
    print(f"{where}, torch {torch.__version__}, batch {BATCH}, median of {len(files)} turns")
    print(f"from files       {rates['files']:9.1f} images/s")
    print(f"bare forward     {rates['forward']:9.1f} images/s")
    print(f"files / forward  {ratio:9.3f}")
    if out:
        speeds = {name: round(value, 1) for name, value in rates.items()}
        write_json(out, {"device": where, "images_per_second": speeds, "files_by_forward": ratio})


def main(
    count: Annotated[int, typer.Option("--images", min=1, help="how many files")] = 5000,
    turns: Annotated[int, typer.Option(min=1, help="turns that these are read in")] = 10,
    rounds: Annotated[int, typer.Option(min=1, help="how many times each is read")] = 4,
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure prediction from files against the bare forward pass."""
    keep_large_blocks()
    device = choose_device()
    network = model.load(device, MODEL)
    files, forward = [], []
    with tempfile.TemporaryDirectory() as folder:
        folders = write_files(Path(folder), count, min(turns, count))
        bare(network, BATCH, device)  # warms up
        for number in range(rounds):
            for one in folders:
                # Turns of a second, each going first in half of the rounds: a machine whose speed drifts
                # favours neither.
                for from_disk in (bool(number % 2), not number % 2):
                    if from_disk:
                        files.append(from_files(one, network))
                    else:
                        forward.append(bare(network, count // len(folders), device))
    report(files, forward, describe(device), out)


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
