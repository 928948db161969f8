"""The speed of the training loop beside three other variants, all measured in the same run.

    python -m train.bench [--recipe fast] [--batch 128] [--rounds 5] [--steps 8] [--out FILE]

- the loop: images from data/out/dataset/, shuffling, augmentation, schedule, sums, reads of the loss;
- the bare step: forward, backward and optimiser on one batch in memory, in the same precision;
- the plain loop of a PyTorch tutorial: DataLoader with two workers, torchvision's transforms, NCHW, float32;
- the matrix product, of 2048 x 2048 in the same precision, a yardstick and no bound.

Variants are interleaved in changing order, loop and bare step after each step, so that a busy machine slows
all. Images are 32 x 32, whatever the recipe's `size` and `progressive`. Besides: the time of a checkpoint,
and the peak memory of loop and bare step, in processes of their own.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Annotated, Any

import torch
import typer

from data import params
from data.common.cli import STARTS_AGAIN, run
from data.common.errors import UserError
from data.common.files import write_json
from data.datasets.dataset import PREPARED, SIDE, check_source
from data.params import Train
from train.bench.variants import (
    SQUARE,
    bare_step,
    loop_step,
    matrix_product,
    multiply_adds,
    plain_step,
    rate,
    timed,
)
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.device import choose_device, describe, keep_large_blocks
from train.core.threads import take_idle_cores
from train.core.trainer import Trainer
from train.fit import precision, split

PRODUCTS = {"cpu": 8, "cuda": 1000}  # 0.2 to 0.8 s on two cores; on a GPU enough to outlast its start
# Steps a round: on a GPU, where they take milliseconds, what workers fetch ahead must not count.
STEPS = {"cpu": 8, "cuda": 200}
# Steps of loop and bare step between changes; on a GPU enough that waiting for it does not count.
BLOCK = {"cpu": 1, "cuda": 20}
PAUSE = 1.0  # seconds in which the plain loop's workers fetch ahead, so that they slow no other variant
CHECKPOINTS = 5

Rates = dict[str, list[float]]  # of each variant, one a round: images, or products, a second


def endless(train: Train, batch: int) -> Train:
    """Return a recipe of equal steps at 32 x 32, more than are measured."""
    changes = {"batch": batch, "size": SIDE, "progressive": (), "epochs": 10**6, "devices": 1}
    return train.model_copy(update=changes)


def interleaved(trainer: Trainer, rounds: int, steps: int) -> Rates:
    """Return the rates of all variants, round by round."""
    train, device = trainer.params, trainer.device
    bare, loop = bare_step(Trainer(train, trainer.images, trainer.labels)), loop_step(trainer)
    plain, product = plain_step(trainer), matrix_product(device, train)
    rates: Rates = {name: [] for name in ("loop", "bare_step", "plain_loop", "matrix_product")}

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
        rates["plain_loop"].append(rate(plain, steps, device))
        time.sleep(PAUSE)

    def measure_product() -> None:
        rates["matrix_product"].append(rate(product, PRODUCTS[device.type], device))

    for number in range(rounds + 1):
        random = Random(number)
        for measure in random.sample([measure_both, measure_plain, measure_product], 3):
            measure()
    return {name: values[1:] for name, values in rates.items()}  # the first round warms up


def compared(rates: Rates, work: int) -> dict[str, object]:
    """Return the medians, and the loop's ratio to the others; `work` is the multiply-adds of an image."""
    medians = {name: statistics.median(values) for name, values in rates.items()}

    def ratio(other: str) -> float:
        return round(statistics.median(a / b for a, b in zip(rates["loop"], rates[other], strict=True)), 3)

    flops = medians.pop("matrix_product") * 2 * SQUARE**3
    return {
        "images_per_second": {name: round(value, 1) for name, value in medians.items()},
        "loop_by_bare_step": ratio("bare_step"),
        "loop_by_plain_loop": ratio("plain_loop"),
        "matrix_product_gflops": round(flops / 1e9, 1),
        "share_of_matrix_product": round(medians["loop"] * 3 * 2 * work / flops, 3),
    }


def checkpoint_time(trainer: Trainer, images_per_second: float) -> dict[str, object]:
    """Return the seconds that a checkpoint takes, the median of five, and their share of an epoch."""
    fingerprint = Fingerprint.of(trainer.params, PREPARED / "train.safetensors", trainer.device, "bench")
    times = [time.perf_counter()]
    for _ in range(CHECKPOINTS):
        checkpoint.write(trainer, fingerprint, ResumeState([]))
        times.append(time.perf_counter())
    checkpoint.clear(fingerprint)
    seconds = statistics.median(after - before for before, after in pairwise(times))
    share = seconds * images_per_second / len(trainer.images)
    return {"checkpoint_seconds": round(seconds, 4), "checkpoint_share_of_epoch": round(share, 5)}


def peak_memory(train: Train, data_set: int) -> dict[str, object]:
    """Return the peak memory of loop and bare step, and its ratio without the data set's bytes.

    Raises `UserError` if one of their processes ended early.
    """
    peaks = {"data_set": data_set}
    for which in ("loop", "bare"):
        command = [sys.executable, "-m", "train.bench.variants", which, train.model_dump_json()]
        # In a session of its own it does not receive the terminal's Ctrl-C, after which `run` kills it.
        process = subprocess.run(command, stdout=subprocess.PIPE, start_new_session=True, check=False)
        if process.returncode:
            hint = "its error stands above; if there is none, did memory run out?"
            raise UserError(f"the process that measures the memory of the {which} step ended", hint)
        peaks[which] = int(process.stdout)
    ratio = (peaks["loop"] - data_set) / peaks["bare"]
    mega = {name: round(size / 1e6) for name, size in peaks.items()}
    return {"peak_memory_mb": mega, "peak_memory_ratio": round(ratio, 3)}


def report(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    lines = [
        "recipe {recipe}, {optimiser}, {precision}, {device}, torch {torch}",
        "batch {batch}, median of {rounds} rounds of {steps} steps",
        *(f"{name:<10} {value:9.1f} images/s" for name, value in figures["images_per_second"].items()),
        "loop / bare step   {loop_by_bare_step:.3f}",
        "loop / plain loop  {loop_by_plain_loop:.3f}",
        "{share_of_matrix_product:.0%} of the matrix product's {matrix_product_gflops:.0f} GFLOP/s",
        "a checkpoint takes {checkpoint_seconds:.3f} s, {checkpoint_share_of_epoch:.2%} of an epoch",
        "peak memory  loop {loop} MB, bare step {bare} MB, without the data set's {data_set} MB "
        "{peak_memory_ratio:.3f} times",
    ]
    return "\n".join(lines).format_map(figures | figures["peak_memory_mb"])


def main(
    batch: Annotated[int, typer.Option(min=1, help="images a step")] = 128,
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each; the median counts")] = 5,
    steps: Annotated[int, typer.Option(min=0, help="steps a round; 0: 8 on a CPU, 200 on a GPU")] = 0,
    recipe: Annotated[str, typer.Option(help="another recipe than the chosen one")] = "",
    out: Annotated[Path | None, typer.Option(help="also write the figures as JSON here")] = None,
) -> None:
    """Measure the loop against torch's own step, a plain PyTorch loop and the machine's matrix product."""
    keep_large_blocks()
    device, chosen = choose_device(), params.load()
    train = endless(chosen.named(recipe), batch)
    check_source(chosen.chosen.prepare.source)
    images, labels = split(train, device)[0]
    take_idle_cores(device)
    memory = peak_memory(train, images.nbytes + labels.nbytes)  # before this process takes as much
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
        **compared(rates, multiply_adds(trainer.network)),
        **checkpoint_time(trainer, statistics.median(rates["loop"])),
        **memory,
    }
    print(report(figures))
    if out:
        write_json(out, figures)


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
