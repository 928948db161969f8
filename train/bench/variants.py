"""What `train.bench` measures: the training loop, torch's bare step, a plain PyTorch loop.

A variant is a function that does one step and returns for how many images.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from data.datasets.dataset import SIDE
from train.core.augment import MEAN, STD
from train.core.device import autocast
from train.core.network import ResNet
from train.core.trainer import Trainer
from train.core.training import LOOK_SECONDS

Step = Callable[[], int]

WORKERS = 2  # of the plain loop's DataLoader


def rate(step: Step, steps: int, device: torch.device) -> float:
    """Return how many images a second so many steps process."""
    images, seconds = timed(step, steps, device)
    return images / seconds


def timed(step: Step, steps: int, device: torch.device) -> tuple[int, float]:
    """Return the images of so many steps and their seconds, including a GPU's own work."""
    synchronise(device)
    started = time.perf_counter()
    images = sum(step() for _ in range(steps))
    synchronise(device)
    return images, time.perf_counter() - started


def synchronise(device: torch.device) -> None:
    """Wait until a GPU has done its work."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


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
