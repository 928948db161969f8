"""What `train.bench` lets take turns: the training loop, torch's bare step, a plain PyTorch loop, a product.

A contender is a function that does one step and returns for how many images.
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from data.datasets.dataset import SIDE
from data.params import Train
from train.core.augment import MEAN, STD
from train.core.device import autocast, choose_device, in_bfloat16, keep_large_blocks
from train.core.network import ResNet
from train.core.trainer import Trainer
from train.core.training import LOOK_SECONDS
from train.fit import split

Step = Callable[[], int]

SQUARE = 2048  # side of the matrix product
WORKERS = 2  # of the plain loop's DataLoader
# Steps of a turn; on a GPU enough that its waiting at their end does not count.
TURN = {"cpu": 1, "cuda": 20}
PAUSE = 1.0  # seconds in which the workers fetch what they fetch ahead, so that no other contender is slowed
STATUS = Path("/proc/self/status")
STEPS_TO_PEAK = 6  # the second has momentum besides gradients; after a few the allocator takes no more


def rate(step: Step, steps: int, device: torch.device) -> float:
    """Return how many images a second so many steps take, the device's own work included."""
    images, seconds = timed(step, steps, device)
    return images / seconds


def rates(one: Step, other: Step, steps: int, device: torch.device) -> tuple[float, float]:
    """Return the rates of two contenders that take turns after few steps, in changing order.

    What slows the machine for seconds slows both: blocks of steps one after the other differed by a tenth
    where nothing else did.
    """
    done = {one: (0, 0.0), other: (0, 0.0)}
    for number in range(max(steps // TURN[device.type], 1)):
        for step in Random(number).sample((one, other), 2):
            images, seconds = timed(step, TURN[device.type], device)
            done[step] = done[step][0] + images, done[step][1] + seconds
    (first, first_seconds), (second, second_seconds) = done[one], done[other]
    return first / first_seconds, second / second_seconds


def timed(step: Step, steps: int, device: torch.device) -> tuple[int, float]:
    """Return the images of so many steps and the seconds that they took."""
    finish(device)  # what was asked for before is no part of it
    started = time.perf_counter()
    images = sum(step() for _ in range(steps))
    finish(device)
    return images, time.perf_counter() - started


def finish(device: torch.device) -> None:
    """Wait until a GPU has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def bare_step(trainer: Trainer) -> Step:
    """Return forward, backward and optimiser step on the set's first batch and nothing more."""
    batch = min(trainer.params.batch, len(trainer.images))
    images = trainer.model.inputs(trainer.images[:batch])
    labels = trainer.labels[:batch]

    def step() -> int:
        trainer.optimizer.zero_grad()  # before the forward, whose CUDA graph overwrites the gradients
        with autocast(trainer.device, trainer.params.precision):
            answers = trainer.forward(images)
        loss = F.cross_entropy(answers.float(), labels)
        loss.backward()  # type: ignore[no-untyped-call]
        trainer.optimizer.step()
        return batch

    return step


def loop_step(trainer: Trainer) -> Step:
    """Return the loop's step with its look at the loss."""
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


class Plain(Dataset[tuple[Tensor, int]]):
    """The images one by one, as torchvision's CIFAR10 gives them."""

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
        """Return an image, 3 x 32 x 32, cropped and flipped at random, and its label."""
        return self.transform(Image.fromarray(self.images[index])), self.labels[index]


def plain_loop(pipe: Connection, images: NDArray[np.uint8], labels: list[int], recipe: Train) -> None:
    """Train as a tutorial does; for each number of steps that comes through the pipe send the rate back."""
    device = choose_device()
    torch.backends.cudnn.allow_tf32 = True  # as it is where nobody touches it
    network: nn.Module = ResNet(recipe.depth).to(device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    loader = DataLoader(
        Plain(images, labels),
        recipe.batch,
        shuffle=True,
        num_workers=WORKERS,
        drop_last=True,
        # As in a process that nobody started: in this one workers would begin anew, and end with tracebacks.
        multiprocessing_context="fork" if sys.platform == "linux" else None,
    )

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield from loader

    source = batches()

    def step() -> int:
        batch, answers = next(source)
        optimizer.zero_grad()
        loss = F.cross_entropy(network(batch.to(device)), answers.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        loss.item()  # what a tutorial's loop adds up for its progress line
        return len(batch)

    with suppress(EOFError):
        while steps := pipe.recv():
            found = rate(step, steps, device)
            time.sleep(PAUSE)
            pipe.send(found)


def product(device: torch.device, recipe: Train) -> Step:
    """Return a square matrix product in the recipe's precision; it does 2 SQUARE^3 operations."""
    dtype = torch.bfloat16 if in_bfloat16(device, recipe.precision) else torch.float32
    one = torch.randn(SQUARE, SQUARE, device=device, dtype=dtype)

    def step() -> int:
        one @ one
        return 1

    return step


def multiply_adds(network: nn.Module) -> int:
    """Return how many multiplications convolutions and dense layers do for an image of 32 x 32.

    193.1 million for ResNet56v2; a step is this forward and twice this backward.
    """
    counted: list[int] = []

    def count(layer: nn.Module, _: object, answer: Tensor) -> None:
        weight = layer.get_parameter("weight")
        counted.append(weight.numel() * answer[0].numel() // len(weight))

    layers = [one for one in network.modules() if isinstance(one, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    parameter = next(network.parameters())
    training = network.training
    network.eval()
    with torch.no_grad():
        network(torch.zeros(1, 3, SIDE, SIDE, device=parameter.device, dtype=parameter.dtype))
    network.train(training)
    for hook in hooks:
        hook.remove()
    return sum(counted)


def peak(pipe: Connection, recipe: Train, which: str) -> None:
    """Send the most memory, in bytes, that this process held while it trained by "loop" or "bare" step.

    The loop holds the data set, the bare step one batch. On a GPU what lies there counts.
    """
    keep_large_blocks()
    device = choose_device()
    if which == "loop":
        images, labels = split(recipe, device)[0]
    else:
        images = torch.zeros(recipe.batch, SIDE, SIDE, 3, dtype=torch.uint8, device=device)
        labels = torch.zeros(recipe.batch, dtype=torch.int64, device=device)
    trainer = Trainer(recipe, images, labels)
    step = {"loop": loop_step, "bare": bare_step}[which](trainer)
    for _ in range(STEPS_TO_PEAK):
        step()
    pipe.send(peak_bytes(device))


def peak_bytes(device: torch.device) -> int:
    """Return the most memory that this process has held so far, on a GPU if there is one."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    if STATUS.exists():  # what getrusage says on Linux begins with the process that started this one
        lines = STATUS.read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
