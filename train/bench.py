"""What the training loop costs, measured against torch's own step in the same run.

    python -m train.bench [--batch 128] [--rounds 5]

The loop takes its pictures from data/cifar10/ as the stage does, with shuffling, augmentation, the
schedule, the sums of loss and accuracy and a look at them every second; the bare step is forward, backward
and optimiser on one batch that is there already. Rounds of both take turns, so that a busy machine slows
both.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import torch
import torch.nn.functional as F
import typer
from torch import Tensor

from data import params
from data.errors import run
from data.files import write_json
from train.augment import colours_first
from train.device import autocast, choose_device, describe, keep_large_blocks
from train.fit import LOOK_SECONDS, split
from train.loop import Trainer


def rate(step: Callable[[], object], batch: int, steps: int, device: torch.device) -> float:
    """Return how many pictures a second so many steps take, the device's own work included."""
    started = time.perf_counter()
    for _ in range(steps):
        step()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return batch * steps / (time.perf_counter() - started)


def bare_step(trainer: Trainer, pictures: Tensor, labels: Tensor) -> Callable[[], object]:
    """Return forward, backward and optimiser step on one batch, in the same precision and nothing more."""

    def step() -> None:
        with autocast(trainer.device, trainer.params.precision):
            loss = F.cross_entropy(trainer.network(pictures), labels)
        trainer.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        trainer.optimizer.step()

    return step


def loop_step(trainer: Trainer) -> Callable[[], object]:
    """Return the loop's step with its look at the loss."""
    looked = time.monotonic()

    def step() -> None:
        nonlocal looked
        trainer.take_step()
        if time.monotonic() - looked > LOOK_SECONDS[trainer.device.type]:
            trainer.totals()
            looked = time.monotonic()

    return step


def resident_mb() -> float:
    """Return how much memory this process holds, in MB, on Linux; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS")), 0.0)


def main(
    batch: Annotated[int, typer.Option(min=1, help="pictures a step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each; the median counts")] = 5,
    steps: Annotated[int, typer.Option(min=1, help="steps a round")] = 8,
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure the loop against torch's own step."""
    keep_large_blocks()
    device = choose_device()
    recipe = params.load().chosen.train.model_copy(
        update={"batch": batch, "progressive": (), "epochs": 10**6}
    )
    images, labels = split(recipe, device)[0]
    trainer = Trainer(recipe, images, labels)
    memory = resident_mb()
    bare = Trainer(recipe, images, labels)
    pictures = colours_first(bare.model.normalise(images[:batch]))
    contenders = {"bare step": bare_step(bare, pictures, labels[:batch]), "loop": loop_step(trainer)}
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, step in contenders.items():
            result = rate(step, batch, steps, device)
            if number:  # the first round warms up
                rates[name].append(result)
    figures = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    ratio = statistics.median(a / b for a, b in zip(rates["loop"], rates["bare step"], strict=True))
    print(f"{describe(device)}, torch {torch.__version__}, batch {batch}, {rounds} rounds of {steps} steps")
    for name, value in figures.items():
        print(f"{name:<10} {value:8.1f} pictures/s")
    print(f"loop / bare step  {ratio:.3f}    memory before the first step  {memory:.0f} MB")
    if out:
        about = {
            "batch": batch,
            "device": describe(device),
            "memory_mb": round(memory),
            "torch": torch.__version__,
        }
        write_json(out, {**about, "pictures_per_second": figures, "loop_by_bare_step": round(ratio, 3)})


if __name__ == "__main__":
    run(main)
