"""The speed of the training loop beside two other variants, all measured in the same run.

    python -m train.bench [--recipe fast] [--batch 128] [--rounds 5] [--steps 8] [--out FILE]

- the loop: images from data/out/dataset/, shuffling, augmentation, schedule, sums, reads of the loss;
- the bare step: forward, backward and optimiser on one batch in memory, in the same precision;
- the plain loop of a PyTorch tutorial: DataLoader with two workers, torchvision's transforms, NCHW, float32.

Variants are interleaved in changing order, loop and bare step after each step, so that a busy machine slows
all. Images are 32 x 32, whatever the recipe's `size` and `progressive`.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import torch.nn.functional as F
import typer
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from data import params
from data.common.cli import STARTS_AGAIN, run
from data.common.files import write_json
from data.datasets.dataset import SIDE, check_source
from data.recipe import Train
from train.core.augment import MEAN, STD
from train.core.device import autocast, choose_device, describe, keep_large_blocks
from train.core.network import ResNet
from train.core.threads import take_idle_cores
from train.core.trainer import Trainer
from train.core.training import LOOK_SECONDS
from train.fit import precision, split

# Steps a round: on a GPU, where they take milliseconds, what workers fetch ahead must not count.
STEPS = {"cpu": 8, "cuda": 200}
# Steps of loop and bare step between changes; on a GPU enough that waiting for it does not count.
BLOCK = {"cpu": 1, "cuda": 20}
PAUSE = 1.0  # seconds in which the plain loop's workers fetch ahead, so that they slow no other variant

WORKERS = 2  # of the plain loop's DataLoader

Rates = dict[str, list[float]]  # of each variant, images a second, one a round
Step = Callable[[], int]  # does one step, and returns for how many images


def timed(step: Step, steps: int, device: torch.device) -> tuple[int, float]:
    """Return the images of so many steps and their seconds, including a GPU's own work."""
    wait: Callable[[], object] = torch.cuda.synchronize if device.type == "cuda" else (lambda: None)
    wait()
    started = time.perf_counter()
    images = sum(step() for _ in range(steps))
    wait()
    return images, time.perf_counter() - started


def bare_step(trainer: Trainer) -> Step:
    """Return forward, backward and optimiser step on the set's first batch, and nothing more."""
    batch = min(trainer.params.batch, len(trainer.images))
    images, labels = trainer.model.inputs(trainer.images[:batch]), trainer.labels[:batch]

    def step() -> int:
        trainer.optimizer.zero_grad()  # before the forward, whose CUDA graph overwrites the gradients
        with autocast(trainer.device, trainer.params.precision):
            logits = trainer.forward(images)
        F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
        trainer.optimizer.step()
        return batch

    return step


def loop_step(trainer: Trainer) -> Step:
    """Return the loop's step with its reads of the loss."""
    looked = time.monotonic()

    def step() -> int:
        nonlocal looked
        count = trainer.count(trainer.step)
        trainer.take_step()
        if time.monotonic() - looked > LOOK_SECONDS[trainer.device.type]:
            trainer.totals()
            looked = time.monotonic()
        return count

    return step


def plain_step(trainer: Trainer) -> Step:
    """Return a step as in a PyTorch tutorial: DataLoader, torchvision's transforms, NCHW, float32."""
    device, batches = trainer.device, plain_batches(trainer)
    network = ResNet(trainer.params.depth).to(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)

    def step() -> int:
        images, labels = next(batches)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(images.to(device)), labels.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # which a tutorial adds up for its progress line
        return len(images)

    return step


def plain_batches(trainer: Trainer) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches, N x 3 x 32 x 32 and N, without end, augmented image by image in two workers."""
    from torchvision.transforms import v2  # type: ignore[import-untyped]  # takes a second

    crop = v2.RandomCrop(SIDE, padding=4, padding_mode="reflect")
    as_float = v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)
    transform = v2.Compose([crop, v2.RandomHorizontalFlip(), *as_float])

    def collate(samples: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        images = [transform(Image.fromarray(image.numpy())) for image, _ in samples]
        return torch.stack(images), torch.stack([label for _, label in samples])

    loader: DataLoader[tuple[Tensor, ...]] = DataLoader(
        TensorDataset(trainer.images.cpu(), trainer.labels.cpu()),
        trainer.params.batch,
        shuffle=True,
        drop_last=True,
        num_workers=WORKERS,
        collate_fn=collate,
    )
    while True:
        yield from loader


def endless(train: Train, batch: int) -> Train:
    """Return a recipe of equal steps at 32 x 32, more than are measured."""
    changes = {"batch": batch, "size": SIDE, "progressive": (), "epochs": 10**6, "devices": 1}
    return train.model_copy(update=changes)


def interleaved(trainer: Trainer, rounds: int, steps: int) -> Rates:
    """Return the rates of all variants, round by round."""
    train, device = trainer.params, trainer.device
    bare, loop = bare_step(Trainer(train, trainer.images, trainer.labels)), loop_step(trainer)
    plain = plain_step(trainer)
    rates: Rates = {name: [] for name in ("loop", "bare_step", "plain_loop")}

    def measure_both() -> None:
        """Measure loop and bare step in short blocks: what slows the machine for seconds slows both."""
        blocks: dict[str, list[tuple[int, float]]] = {"loop": [], "bare_step": []}
        for _ in range(max(steps // BLOCK[device.type], 1)):
            for name, step in random.sample([("loop", loop), ("bare_step", bare)], 2):
                blocks[name].append(timed(step, BLOCK[device.type], device))
        for name, pairs in blocks.items():
            images, seconds = zip(*pairs, strict=True)
            rates[name].append(sum(images) / sum(seconds))

    def measure_plain() -> None:
        images, seconds = timed(plain, steps, device)
        rates["plain_loop"].append(images / seconds)
        time.sleep(PAUSE)

    for number in range(rounds + 1):
        random = Random(number)
        for measure in random.sample([measure_both, measure_plain], 2):
            measure()
    return {name: values[1:] for name, values in rates.items()}  # the first round warms up


def compared(rates: Rates) -> dict[str, object]:
    """Return the medians, and the loop's ratio to the others, the median of the rounds'."""

    def ratio(other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(rates["loop"], rates[other], strict=True)), 3)

    return {
        "images_per_second": {name: round(statistics.median(values), 1) for name, values in rates.items()},
        "loop_by_bare_step": ratio("bare_step"),
        "loop_by_plain_loop": ratio("plain_loop"),
    }


def main(
    batch: Annotated[int, typer.Option(min=1, help="images a step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each; the median counts")] = 5,
    steps: Annotated[int, typer.Option(min=0, help="steps a round; 0: 8 on a CPU, 200 on a GPU")] = 0,
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure the loop against torch's own step and a plain PyTorch loop."""
    keep_large_blocks()
    device, chosen = choose_device(), params.load()
    train = endless(chosen.named(recipe), batch)
    check_source(chosen.chosen.prepare.source)
    images, labels = split(train, device)[0]
    take_idle_cores(device)
    trainer = Trainer(train, images, labels)
    steps = steps or STEPS[device.type]
    rates = interleaved(trainer, rounds, steps)
    figures: dict[str, Any] = {
        "recipe": recipe or chosen.recipe,
        "optimiser": type(trainer.optimizer).__name__,
        "precision": precision(train, device),
        "device": describe(device),
        "torch": str(torch.__version__),
        "batch": batch,
        "rounds": rounds,
        "steps": steps,
        **compared(rates),
    }
    print(json.dumps(figures, indent=2))
    if out:
        write_json(out, figures)


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
