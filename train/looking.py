"""From the names of picture files to the network's answers: threads read ahead, the network never waits."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from data import decode
from data.errors import UserError
from data.pictures import CLASSES
from train import finding, reading, regions
from train.ahead import ahead
from train.finding import Problem
from train.inference import answer
from train.model import Model
from train.regions import Region

BATCH = 128  # pictures at once: more are no faster on two cores, and the first answer takes longer
CHUNK = 16  # pictures that a thread reads at a time
AHEAD = 4 * BATCH  # pictures read before the network asks for them
# Each may hold a picture of 89 million pixels while it is decoded: 0.4 GB, as much again while it changes.
THREADS = min(4, os.cpu_count() or 1)

Asked = tuple[str, "tuple[Region, ...] | None"]  # a file, and its regions; None for the picture as a whole


@dataclass(frozen=True)
class Form:
    """Which columns an answer has: what is known before, how many classes, and all probabilities or not."""

    known: tuple[str, ...] = ("picture",)
    top: int = 1
    probabilities: bool = False


@dataclass(frozen=True)
class Predictions:
    """What the network said: a row a picture or region, what could not be used, and what else to know."""

    table: pd.DataFrame
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    files: int  # how many names or files this is about


@dataclass(frozen=True)
class Look:
    """What became of one file: rows with their pixels, problems, remarks."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    pixels: list[reading.Pixels] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def about(
    given: Sequence[str], drawn: Sequence[Region] | None, on_list: Sequence[str] = ()
) -> Iterator[Asked | Problem]:
    """Yield each file that is meant, as a whole or, if boxes were drawn, those that have some, with them.

    `on_list` is what "-" among the given names stands for.
    """
    found = finding.find(given, on_list)
    if drawn is not None:
        yield from regions.by_picture(drawn, found)
        return
    for one in found:
        yield one if isinstance(one, Problem) else (one, None)


def known(drawn: Sequence[Region] | None) -> tuple[str, ...]:
    """Return the columns that are known before the network has looked."""
    return ("picture",) if drawn is None else ("picture", "box", *drawn[0].about)


def look(asked: Asked | Problem) -> Look:
    """Read a file and cut out what is asked about."""
    if isinstance(asked, Problem):
        return Look(problems=[asked])
    (name, wanted), found = asked, Look()
    try:
        image = decode.read(Path(name), found.notes.append)
    except UserError as error:
        why = error.what.removeprefix(f"{Path(name)}: ")
        return Look(problems=[Problem(name, why)] if wanted is None else [box.problem(why) for box in wanted])
    if wanted is None:
        found.rows.append({"picture": name})
        found.pixels.append(reading.whole(image))
    for region in wanted or ():
        try:
            edges = region.within(*image.size)
        except ValueError as error:
            found.problems.append(region.problem(str(error)))
            continue
        found.rows.append({"picture": region.picture, "box": region.row, **region.about})
        found.pixels.append(reading.region(image, *edges))
    return found


def batches(asked: Iterable[Asked | Problem], network: Model, form: Form) -> Iterator[Predictions]:
    """Yield answers as the network gives them, while other threads read what comes next.

    The last ones are yielded even if they are none, so that a table has its columns. To be used within
    `decode.decoding`.
    """
    looks: list[Look] = []
    size = 0
    for one in ahead(look, asked, threads=THREADS, most=AHEAD, chunk=CHUNK):
        looks.append(one)
        size += max(len(one.pixels), 1)
        if size >= BATCH:
            yield answered(looks, network, form)
            looks, size = [], 0
    yield answered(looks, network, form)


def answered(looks: Sequence[Look], network: Model, form: Form) -> Predictions:
    """Show the network what was read."""
    rows = [row for one in looks for row in one.rows]
    pixels = [picture for one in looks for picture in one.pixels]
    table = pd.DataFrame(rows, columns=list(form.known), dtype=object).infer_objects()
    table = pd.concat([table, _columns(_probabilities(pixels, network), form)], axis=1)
    problems = tuple(problem for one in looks for problem in one.problems)
    return Predictions(table, problems, tuple(note for one in looks for note in one.notes), len(looks))


def _probabilities(pixels: list[reading.Pixels], network: Model) -> torch.Tensor:
    """Return N x classes."""
    if not pixels:
        return torch.empty(0, len(CLASSES))
    device = network.normalise.mean.device
    parts = torch.split(torch.from_numpy(np.stack(pixels)), BATCH)
    return torch.cat([answer(network, part.to(device)).softmax(1) for part in parts]).double().cpu()


def _columns(probabilities: torch.Tensor, form: Form) -> pd.DataFrame:
    shares, places = probabilities.topk(form.top)
    columns: dict[str, Any] = {}
    for rank in range(form.top):
        ending = f"_{rank + 1}" if rank else ""
        columns[f"predicted{ending}"] = [CLASSES[place] for place in places[:, rank].tolist()]
        columns[f"confidence{ending}"] = shares[:, rank].numpy().round(4)
    if form.probabilities:
        columns |= dict(zip(CLASSES, probabilities.numpy().round(4).T, strict=True))
    return pd.DataFrame(columns)
