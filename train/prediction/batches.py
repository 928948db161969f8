"""From the names of image files to the network's answers: threads read ahead while the network works."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import torch

from data.common.errors import UserError
from data.datasets.dataset import CLASSES
from data.images import crop, decode
from data.images.walk import Skipped
from train.core.inference import batch_logits
from train.core.model import Model
from train.prediction import regions, sources
from train.prediction.regions import BoxRow, Remark

BATCH = 128  # images at once: more are no faster on two cores, and the first answer takes longer
CHUNK = 4  # images that a thread reads at a time: handing over a task costs as much as a small image
AHEAD = 4 * BATCH  # images read before the network asks for them
# Beside the caller, which reads too where it would wait: with it two on two cores, four at most, since each
# may hold an image of 89 million pixels, 0.4 GB, as much again while it changes.
THREADS = max(min(4, os.cpu_count() or 1) - 1, 1)
# Reading that takes so many times what it costs the processor waits for a disk or a network.
WAITS = 4

T = TypeVar("T")
R = TypeVar("R")

File = tuple[str, "tuple[BoxRow, ...] | None"]  # a file, and its regions; None for the image as a whole


@dataclass(frozen=True)
class Form:
    """Which columns an answer has: what is known before, how many classes, and all probabilities or not."""

    known: tuple[str, ...] = ("image",)
    top: int = 1
    probabilities: bool = False


@dataclass(frozen=True)
class Predictions:
    """What the network said: a row an image or region, what could not be used, and what else to know."""

    table: pd.DataFrame
    problems: tuple[Skipped, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What became of one file: rows with their pixels, problems, remarks."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pixels: list[crop.Pixels] = field(default_factory=list)
    problems: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def about(
    given: Sequence[str],
    drawn: Sequence[BoxRow] | None,
    on_list: Sequence[str] = (),
    output: Path | None = None,
    *,
    some: bool = False,
) -> Iterator[File | Skipped | Remark]:
    """Yield each file that is meant, as a whole or, if boxes were drawn, those that have some, with them.

    `on_list` is what "-" among the given names stands for; `output` is none of them. `some` says that the
    names choose among the images that have boxes.
    """
    found = sources.find(given, on_list)
    if output:
        found = sources.without(output, found)
    if drawn is not None:
        yield from regions.by_image(drawn, found, some=some)
        return
    for one in found:
        yield one if isinstance(one, Skipped) else (one, None)


def known(drawn: Sequence[BoxRow] | None) -> tuple[str, ...]:
    """Return the columns that are known before the network has looked."""
    return ("image",) if drawn is None else ("image", "box", *drawn[0].about)


def look(asked: File | Skipped | Remark) -> Look:
    """Read a file and cut out what is asked about."""
    if isinstance(asked, Skipped):
        return Look(problems=[asked])
    if isinstance(asked, Remark):
        return Look(notes=[asked.text])
    (name, wanted), found = asked, Look()
    try:
        image = decode.read(Path(name), found.notes.append)
    except UserError as error:
        why = error.what.removeprefix(f"{Path(name)}: ")
        return Look(problems=[Skipped(name, why)] if wanted is None else [box.problem(why) for box in wanted])
    if wanted is None:
        found.rows.append({"image": name})
        found.pixels.append(crop.whole(image))
    for region in wanted or ():
        try:
            edges = region.within(*image.size)
        except ValueError as error:
            found.problems.append(region.problem(str(error)))
            continue
        found.rows.append({"image": region.image, "box": region.row, **region.about})
        found.pixels.append(crop.region(image, *edges))
    return found


def batches(
    asked: Iterable[File | Skipped | Remark],
    network: Model,
    form: Form,
    advance: Callable[[int], None] = lambda files: None,
) -> Generator[Predictions, None, None]:
    """Yield answers as the network gives them; what comes next is read meanwhile if that costs it no time.

    On a CPU a core that decodes images keeps those waiting that work for the network: there reading goes on
    only while it waits for the files. The last answers are yielded even if they are none, so that a table has
    its columns. `advance` is called with 1 for each file, or what is none.
    """
    looks: list[Look] = []
    size, seconds, worked = 0, 0.0, 0.0
    may = threading.Event()

    def answers() -> Predictions:
        if network.normalise.mean.device.type == "cpu" and seconds < WAITS * worked:
            may.clear()
        try:
            return answered(looks, network, form)
        finally:
            may.set()

    reading_ahead = ahead(timed, asked, threads=THREADS, most=AHEAD, chunk=CHUNK, may=may)
    with decode.decoding(), closing(reading_ahead) as read:
        for one, took, cost in read:
            advance(1)
            looks.append(one)
            seconds, worked = seconds + took, worked + cost
            size += max(len(one.pixels), 1)
            if size >= BATCH:
                yield answers()
                looks, size = [], 0
        yield answers()


def timed(asked: File | Skipped | Remark) -> tuple[Look, float, float]:
    """Return what `look` does, the seconds that it took, and those of them that the processor worked."""
    started, before = time.perf_counter(), time.thread_time()
    found = look(asked)
    return found, time.perf_counter() - started, time.thread_time() - before


def ahead(
    work: Callable[[T], R],
    items: Iterable[T],
    *,
    threads: int,
    most: int,
    chunk: int = 1,
    may: threading.Event | None = None,
) -> Generator[R, None, None]:
    """Yield `work(item)` of each item, in order, done in other threads while the caller is busy.

    Where the caller would wait for a result, it takes part. Of results and items no more than `most` and a
    chunk are in memory; a thread takes `chunk` of them at a time, and begins none while `may` is not set.
    What `work` raises is raised here. When it is closed, each thread ends after its present item.
    """
    pieces, closed, may = iter(items), threading.Event(), may or threading.Event()
    may.set()

    def each(piece: list[T]) -> list[R]:
        return [work(item) for item in piece if may.wait() and not closed.is_set()]

    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[list[T], Future[list[R]]]] = deque()

        def oldest() -> list[R]:
            for place in range(len(waiting)):
                piece, begun = waiting[place]
                if waiting[0][1].done():
                    break
                if begun.cancel():  # which cannot be done once a thread is at it
                    waiting[place] = piece, _done(each, piece)
            return waiting.popleft()[1].result()

        try:
            while piece := list(itertools.islice(pieces, chunk)):
                waiting.append((piece, pool.submit(each, piece)))
                if len(waiting) * chunk >= most:
                    yield from oldest()
            while waiting:
                yield from oldest()
        finally:
            closed.set()
            may.set()


def _done(work: Callable[[T], R], item: T) -> Future[R]:
    """Return the result of work that was done at once, as that of a thread."""
    future: Future[R] = Future()
    try:
        future.set_result(work(item))
    except Exception as error:  # raised where its turn comes
        future.set_exception(error)
    return future


def answered(looks: Sequence[Look], network: Model, form: Form) -> Predictions:
    """Show the network what was read."""
    rows = [row for one in looks for row in one.rows]
    pixels = [image for one in looks for image in one.pixels]
    # As objects, so that tables of several batches go together, whatever one of them lacks.
    table = pd.DataFrame(rows, columns=list(form.known), dtype=object)
    table = pd.concat([table, _columns(_probabilities(pixels, network), form)], axis=1)
    problems = tuple(problem for one in looks for problem in one.problems)
    return Predictions(table, problems, tuple(note for one in looks for note in one.notes))


def _probabilities(pixels: list[crop.Pixels], network: Model) -> torch.Tensor:
    """Return N x classes."""
    if not pixels:
        return torch.empty(0, len(CLASSES))
    device = network.normalise.mean.device
    parts = torch.split(torch.from_numpy(np.stack(pixels)), BATCH)
    return torch.cat([batch_logits(network, part.to(device)).softmax(1) for part in parts]).double().cpu()


def _columns(probabilities: torch.Tensor, form: Form) -> pd.DataFrame:
    # Stable, as in train/answers.py: of equally likely classes the first counts, here and in the report.
    shares, places = probabilities.sort(dim=1, descending=True, stable=True)
    columns: dict[str, Any] = {}
    for rank in range(form.top):
        ending = f"_{rank + 1}" if rank else ""
        columns[f"predicted{ending}"] = [CLASSES[place] for place in places[:, rank].tolist()]
        columns[f"confidence{ending}"] = shares[:, rank].numpy().round(4)
    if form.probabilities:
        columns |= dict(zip(CLASSES, probabilities.numpy().round(4).T, strict=True))
    return pd.DataFrame(columns)
