"""What the training loop costs and what it gains, all measured in the same run.

    python -m train.bench [--batch 128] [--rounds 5] [--out FILE]

Four contenders take turns, so that a busy machine slows all of them, in another order each round, loop and
bare step after each step:

- the loop, with its images from data/out/dataset/, shuffling, augmentation, schedule, sums, looks at the loss;
- the bare step: forward, backward and optimiser on one batch that is there already, in the same precision;
- the plain loop, as a PyTorch tutorial has it: DataLoader with two workers, torchvision's transforms, colours
  first, float32, memory as the system gives it; in a process of its own, since such settings are a process';
- the matrix product, of 2048 x 2048 in the same precision, a yardstick and no bound: convolutions of 3 x 3
  in float32 may be faster, by what is counted.

The first three take images of 32 x 32, whatever the recipe's `size` and `progressive`. Besides, what a
checkpoint takes, and the most memory that loop and bare step hold, in processes of their own.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random
from typing import Annotated

import torch
import torch.multiprocessing as mp
import typer

from data import params
from data.common.cli import STARTS_AGAIN, current_handlers, handled, run
from data.common.errors import UserError
from data.common.files import write_json
from data.datasets.dataset import PREPARED, SIDE, check_source
from data.params import Train
from train.bench.variants import (
    SQUARE,
    bare_step,
    loop_step,
    multiply_adds,
    peak,
    plain_loop,
    product,
    rate,
    rates,
)
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.device import choose_device, describe, keep_large_blocks
from train.core.trainer import Trainer
from train.fit import precision, split

PRODUCTS = {"cpu": 8, "cuda": 1000}  # 0.2 to 0.8 s on two cores; on a GPU enough to outlast its start
# Steps of a round: on a GPU, where they take milliseconds, what workers fetch ahead must not count.
STEPS = {"cpu": 8, "cuda": 200}
CHECKPOINTS = 5


@dataclass(frozen=True)
class Settings:
    """What was measured, and how."""

    recipe: str
    optimiser: str
    precision: str
    device: str
    torch: str
    batch: int
    rounds: int
    steps: int


@dataclass(frozen=True)
class Memory:
    """The most that a process held, in bytes; of the loop also the data set, which is in it."""

    loop: int
    bare: int
    data_set: int

    @property
    def ratio(self) -> float:
        """The loop's without the data set, by the bare step's."""
        return (self.loop - self.data_set) / self.bare


@contextmanager
def process(name: str, work: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Let `work` do its part in a process of its own, at the other end of the pipe that is yielded.

    Raises `UserError` if it ended before it answered.
    """
    context = mp.get_context("spawn")
    there, here = context.Pipe()
    other = context.Process(target=_apart, args=(work, here, *arguments), daemon=False)
    try:
        with _held_back():
            other.start()
        here.close()  # so that the end of that process is noticed
        yield there
    except (EOFError, ConnectionError):
        hint = "what it said stands above; if it said nothing, did memory run out?"
        raise UserError(f"the {name}'s process ended", hint) from None
    except BaseException:
        _end(other)
        raise
    finally:
        there.close()
        if other.pid is not None:
            other.join()


@contextmanager
def _held_back() -> Iterator[None]:
    """Answer signals after a block, and keep Ctrl-C for good from the processes that begin there.

    A terminal sends it to all, and this one ends the others.
    """
    came: list[int] = []
    resource_tracker.ensure_running()  # when the first process begins, which would let the signal through
    with handled(current_handlers(), by=lambda number, _: came.append(number)):
        # Of this thread, and so of what it starts.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    for number in came:
        signal.raise_signal(number)


def _apart(work: Callable[..., None], *arguments: object) -> None:
    """Do a process' work as the first of a group, so that it can be ended with what it begins."""
    os.setpgid(0, 0)
    work(*arguments)


def _end(process: BaseProcess) -> None:
    """End a process and its group, without a word of theirs."""
    if process.pid is not None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it is not yet the first of one
            process.kill()


def peak_memory(train: Train, data_set: int) -> Memory:
    """Measure loop and bare step, each in a process that does nothing else."""
    found = {}
    for which in ("loop", "bare"):
        with process(f"{which} step", peak, train, which) as pipe:
            found[which] = int(pipe.recv())
    return Memory(found["loop"], found["bare"], data_set)


def checkpoint_seconds(trainer: Trainer) -> float:
    """Return how long it takes to save a checkpoint, the median of five."""
    fingerprint = Fingerprint.of(trainer.params, PREPARED / "train.safetensors", trainer.device, "bench")
    taken = []
    try:
        for _ in range(CHECKPOINTS):
            started = time.perf_counter()
            checkpoint.write(trainer, fingerprint, ResumeState([]))
            taken.append(time.perf_counter() - started)
    finally:
        checkpoint.clear(fingerprint)
    return statistics.median(taken)


def main(
    batch: Annotated[int, typer.Option(min=1, help="images a step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each; the median counts")] = 5,
    steps: Annotated[int, typer.Option(min=0, help="steps a round; 0: 8 on a CPU, 200 on a GPU")] = 0,
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure the loop against torch's own step, a plain PyTorch loop and the machine's matrix product."""
    keep_large_blocks()
    device = choose_device()
    steps = steps or STEPS[device.type]
    chosen = params.load()
    train = endless(chosen.named(recipe), batch)
    check_source(chosen.chosen.prepare.source)
    images, labels = split(train, device)[0]
    if batch > len(images):
        raise UserError(f"--batch is {batch}; expected at most the {len(images)} train images", "take fewer.")
    trainer = Trainer(train, images, labels)
    memory = peak_memory(train, images.nbytes + labels.nbytes)  # before this process takes as much
    found = taking_turns(trainer, rounds, steps)
    saving = checkpoint_seconds(trainer)
    name, where = recipe or chosen.recipe, describe(device)
    optimiser = type(trainer.optimizer).__name__
    about = Settings(
        name, optimiser, precision(train, device), where, str(torch.__version__), batch, rounds, steps
    )
    work = multiply_adds(trainer.network)
    figures = report(about, found, work, saving, len(images), memory)
    if out:
        write_json(out, figures)


def endless(train: Train, batch: int) -> Train:
    """Return a recipe whose every step takes so many images as they are, for longer than is measured."""
    changes = {"batch": batch, "size": SIDE, "progressive": (), "epochs": 10**6, "devices": 1}
    return train.model_copy(update=changes)


def taking_turns(trainer: Trainer, rounds: int, steps: int) -> dict[str, list[float]]:
    """Return the contenders' rates by name, one a round: images a second, of the product products."""
    train, device = trainer.params, trainer.device
    bare_one = bare_step(Trainer(train, trainer.images, trainer.labels))
    loop_one, product_one = loop_step(trainer), product(device, train)
    images = trainer.images.cpu().numpy(), trainer.labels.tolist()
    with process("plain loop", plain_loop, *images, train) as pipe:

        def plain_rate() -> float:
            pipe.send(steps)
            return float(pipe.recv())

        contenders: dict[tuple[str, ...], Callable[[], tuple[float, ...]]] = {
            ("bare step", "loop"): lambda: rates(bare_one, loop_one, steps, device),
            ("plain loop",): lambda: (plain_rate(),),
            ("matrix product",): lambda: (rate(product_one, PRODUCTS[device.type], device),),
        }
        found: dict[str, list[float]] = {name: [] for names in contenders for name in names}
        for number in range(rounds + 1):
            # Who comes after whom changes: nobody always rests before, or follows the hottest work.
            for names, measure in Random(number).sample(list(contenders.items()), len(contenders)):
                for name, result in zip(names, measure(), strict=True):
                    if number:  # the first round warms up
                        found[name].append(result)
        pipe.send(0)
    return found


def report(
    about: Settings, found: dict[str, list[float]], work: int, saving: float, count: int, memory: Memory
) -> dict[str, object]:
    """Print what each contender did, and how the loop stands beside each; return the figures.

    `work` is the multiply-adds of an image, `saving` the seconds of a checkpoint, `count` the images of
    an epoch.
    """
    middle = {name: statistics.median(values) for name, values in found.items()}

    def by(other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(found["loop"], found[other], strict=True)), 3)

    flops = middle.pop("matrix product") * 2 * SQUARE**3
    share = round(middle["loop"] * 3 * 2 * work / flops, 3)
    of_an_epoch = round(saving * middle["loop"] / count, 5)
    ratios = {"loop_by_bare_step": by("bare step"), "loop_by_plain_loop": by("plain loop")}
    print(f"recipe {about.recipe}, {about.optimiser}, {about.precision}, {about.device}, torch {about.torch}")
    print(f"batch {about.batch}, median of {about.rounds} rounds of {about.steps} steps")
    for name, value in middle.items():
        print(f"{name:<11} {value:9.1f} images/s")
    print(f"loop / bare step   {ratios['loop_by_bare_step']:.3f}")
    print(f"loop / plain loop  {ratios['loop_by_plain_loop']:.3f}")
    print(f"{share:.0%} of the matrix product's {flops / 1e9:.0f} GFLOP/s")
    print(f"a checkpoint takes {saving:.3f} s, {of_an_epoch:.2%} of an epoch of {count:,} images")
    print(f"peak memory  loop {memory.loop / 1e9:.2f} GB, bare step {memory.bare / 1e9:.2f} GB,", end=" ")
    print(f"without the data set's {memory.data_set / 1e6:.0f} MB {memory.ratio:.3f} times")
    speeds = {name.replace(" ", "_"): round(value, 1) for name, value in middle.items()}
    figures: dict[str, object] = asdict(about) | ratios | {"share_of_matrix_product": share}
    figures |= {"images_per_second": speeds, "matrix_product_gflops": round(flops / 1e9, 1)}
    figures |= {"checkpoint_seconds": round(saving, 4), "checkpoint_share_of_epoch": of_an_epoch}
    mega = {name: round(value / 1e6) for name, value in asdict(memory).items()}
    return figures | {"peak_memory_mb": mega, "peak_memory_ratio": round(memory.ratio, 3)}


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
