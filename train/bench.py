"""What the training loop costs and what it gains, all measured in the same run.

    python -m train.bench [--batch 128] [--rounds 5] [--out FILE]

Four contenders take turns, so that a busy machine slows all of them:

- the loop, with its pictures from data/cifar10/, shuffling, augmentation, schedule, sums, looks at the loss;
- the bare step: forward, backward and optimiser on one batch that is there already, in the same precision;
- the plain loop, as a PyTorch tutorial has it: DataLoader with two workers, torchvision's transforms, colours
  first, float32, memory as the system gives it; in a process of its own, since such settings are a process';
- the matrix product, of 2048 x 2048 in the same precision, which says what the machine could do at most.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F
import typer
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from data import params
from data.errors import UserError, run
from data.files import write_json
from data.interrupt import STARTS_AGAIN
from data.params import Train
from train.augment import MEAN, STD, colours_first
from train.device import autocast, choose_device, computes_bfloat16, describe, keep_large_blocks
from train.fit import LOOK_SECONDS, precision, split
from train.loop import Trainer
from train.resnet import ResNet

# Multiply-adds of ResNet56v2 for a picture of 32 x 32; a step is this forward and twice this backward.
MULTIPLY_ADDS = 193.1e6
SQUARE = 2048  # side of the matrix product
PRODUCTS = {"cpu": 8, "cuda": 1000}  # 0.2 to 0.8 s on two cores; on a GPU enough to outlast its start
# Steps of a round: on a GPU, where they take milliseconds, what workers fetch ahead must not count.
STEPS = {"cpu": 8, "cuda": 200}
WORKERS = 2  # of the plain loop's DataLoader
PAUSE = 1.0  # seconds in which the workers fetch what they fetch ahead, so that no other contender is slowed


def rate(step: Callable[[], object], batch: int, steps: int, device: torch.device) -> float:
    """Return how many pictures a second so many steps take, the device's own work included."""
    finish(device)  # what was asked for before is no part of it
    started = time.perf_counter()
    for _ in range(steps):
        step()
    finish(device)
    return batch * steps / (time.perf_counter() - started)


def finish(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bare_step(trainer: Trainer, pictures: Tensor, labels: Tensor) -> Callable[[], object]:
    """Return forward, backward and optimiser step on one batch, in the same precision and nothing more."""

    def step() -> None:
        with autocast(trainer.device, trainer.params.precision):
            answers = trainer.forward(pictures)
        loss = F.cross_entropy(answers.float(), labels)
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


class Plain(Dataset[tuple[Tensor, int]]):
    """The pictures one by one, as torchvision's CIFAR10 gives them."""

    def __init__(self, images: NDArray[np.uint8], labels: list[int]) -> None:
        """Take N x 32 x 32 x 3 and N labels."""
        from torchvision.transforms import v2  # type: ignore[import-untyped]  # a second, for this one alone

        self.images, self.labels = images, labels
        self.transform = v2.Compose(
            [
                v2.RandomCrop(32, padding=4, padding_mode="reflect"),
                v2.RandomHorizontalFlip(),
                v2.ToImage(),
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        """Return N."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return a picture, 3 x 32 x 32, cropped and flipped at random, and its label."""
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def plain_loop(pipe: Connection, images: NDArray[np.uint8], labels: list[int], recipe: Train) -> None:
    """Train as a tutorial does; for each number of steps that comes through the pipe send the rate back."""
    device = choose_device()
    torch.backends.cudnn.allow_tf32 = True  # as it is where nobody touches it
    network: nn.Module = ResNet(recipe.depth).to(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    loader = DataLoader(
        Plain(images, labels), recipe.batch, shuffle=True, num_workers=WORKERS, drop_last=True
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    source = batches()

    def step() -> None:
        pictures, answers = next(source)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(pictures.to(device)), answers.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # what a tutorial's loop adds up for its progress line

    with suppress(EOFError):
        serve(pipe, step, recipe.batch, device)


def serve(pipe: Connection, step: Callable[[], object], batch: int, device: torch.device) -> None:
    """Measure whenever a number of steps comes through the pipe, until it is 0."""
    while steps := pipe.recv():
        found = rate(step, batch, steps, device)
        time.sleep(PAUSE)
        pipe.send(found)


def product_flops(device: torch.device, recipe: Train) -> float:
    """Return how many floating-point operations a second a square matrix product does."""
    half = recipe.precision == "bfloat16" and computes_bfloat16(device)
    one = torch.randn(SQUARE, SQUARE, device=device, dtype=torch.bfloat16 if half else torch.float32)
    rounds = rate(lambda: one @ one, 1, PRODUCTS[device.type], device)
    return 2 * SQUARE**3 * rounds


def resident_mb() -> float:
    """Return how much memory this process holds, in MB, on Linux; 0 elsewhere."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS")), 0.0)


def main(
    batch: Annotated[int, typer.Option(min=1, help="pictures a step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each; the median counts")] = 5,
    steps: Annotated[int, typer.Option(min=0, help="steps a round; 0: 8 on a CPU, 200 on a GPU")] = 0,
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure the loop against torch's own step, a plain PyTorch loop and the machine's matrix product."""
    keep_large_blocks()
    device = choose_device()
    steps = steps or STEPS[device.type]
    train = (
        params.load()
        .named(recipe)
        .model_copy(update={"batch": batch, "progressive": (), "epochs": 10**6, "devices": 1})
    )
    images, labels = split(train, device)[0]
    trainer, bare = Trainer(train, images, labels), Trainer(train, images, labels)
    memory = resident_mb()
    pictures = colours_first(bare.model.normalise(images[:batch]))
    there, here = mp.get_context("spawn").Pipe()
    plain = mp.get_context("spawn").Process(
        target=plain_loop, args=(here, images.cpu().numpy(), labels.tolist(), train), daemon=False
    )
    plain.start()
    here.close()  # so that the end of that process is noticed

    def plain_rate() -> float:
        there.send(steps)
        return float(there.recv())

    bare_one, loop_one = bare_step(bare, pictures, labels[:batch]), loop_step(trainer)
    contenders: dict[str, Callable[[], float]] = {
        "bare step": lambda: rate(bare_one, batch, steps, device),
        "loop": lambda: rate(loop_one, batch, steps, device),
        "plain loop": plain_rate,
        "matrix product": lambda: product_flops(device, train),
    }
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    try:
        for number in range(rounds + 1):
            for name, measure in contenders.items():
                result = measure()
                if number:  # the first round warms up
                    rates[name].append(result)
        there.send(0)
    except (EOFError, BrokenPipeError):
        raise UserError("the plain loop's process ended", "what it said stands above.") from None
    finally:
        there.close()
        plain.join()
    report(rates, f"{describe(device)}, {precision(train, device)}", batch, memory, out)


def report(rates: dict[str, list[float]], where: str, batch: int, memory: float, out: Path | None) -> None:
    """Print what each contender did, and how the loop stands beside each; write it if that is wanted."""
    middle = {name: statistics.median(values) for name, values in rates.items()}

    def by(other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(rates["loop"], rates[other], strict=True)), 3)

    step_flops = 3 * 2 * MULTIPLY_ADDS
    product = middle.pop("matrix product")
    share = round(middle["loop"] * step_flops / product, 3)
    ratios = {"loop_by_bare_step": by("bare step"), "loop_by_plain_loop": by("plain loop")}
    print(f"{where}, torch {torch.__version__}, batch {batch}, median of {len(rates['loop'])} rounds")
    for name, value in middle.items():
        print(f"{name:<11} {value:9.1f} pictures/s")
    print(f"loop / bare step   {ratios['loop_by_bare_step']:.3f}")
    print(f"loop / plain loop  {ratios['loop_by_plain_loop']:.3f}")
    print(f"{share:.0%} of the matrix product's {product / 1e9:.0f} GFLOP/s")
    print(f"memory before the first step  {memory:.0f} MB")
    if out:
        about = {"batch": batch, "device": where, "memory_mb": round(memory), "torch": torch.__version__}
        speeds = {name.replace(" ", "_"): round(value, 1) for name, value in middle.items()}
        figures = {"pictures_per_second": speeds, "matrix_product_gflops": round(product / 1e9, 1)}
        write_json(out, about | figures | ratios | {"share_of_matrix_product": share})


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
