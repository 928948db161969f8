"""From image files to predictions: a DataLoader reads them batch by batch, the network classifies them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader

from data.common.errors import UserError
from data.common.progress import progress
from data.datasets.dataset import CLASSES
from data.images import crop, decode
from data.images.walk import Skipped
from train.core.model import Model, batch_logits
from train.prediction.regions import ImageFile

BATCH = 128  # images at once; more are no faster on two cores
CORES = os.cpu_count() or 1
# A thread may hold an image of 89 million pixels, 0.4 GB, as much again while it is converted.
THREADS = min(4, CORES)
WORKERS = min(8, CORES)  # processes that read ahead for a GPU, each 3,000 to 4,000 small files a second


@dataclass
class Loaded:
    """What was read: rows (image, or image, box and its values) with their pixels, problems, notes."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)
    pixels: list[crop.Pixels] = field(default_factory=list)
    problems: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def load(file: ImageFile) -> Loaded:
    """Read a file and crop it, or its boxes, to what the network takes."""
    (name, boxes), loaded = file, Loaded()
    try:
        image = decode.read(Path(name), loaded.notes.append)
    except UserError as error:
        why = error.what.removeprefix(f"{Path(name)}: ")
        loaded.problems += [Skipped(name, why)] if boxes is None else [box.skipped(why) for box in boxes]
        return loaded
    if boxes is None:
        loaded.rows.append((name,))
        loaded.pixels.append(crop.whole(image))
    for box in boxes or ():
        try:
            bounds = box.bounds(image.size)
        except ValueError as error:
            loaded.problems.append(box.skipped(str(error)))
            continue
        loaded.rows.append((box.image, box.row, *box.values.values()))
        loaded.pixels.append(crop.region(image, *bounds))
    return loaded


def load_batch(files: Sequence[ImageFile], threads: int) -> list[Loaded]:
    """Read a batch of files by some threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(load, files))


def loader(files: Sequence[ImageFile], device: torch.device) -> DataLoader[list[Loaded]]:
    """Return what reads the files, in order, `BATCH` at a time.

    For a GPU, processes read ahead. On a CPU all cores read a batch, then all classify it: a core that
    decodes images meanwhile would keep the others waiting in each layer of the network.
    """
    threads, workers = (THREADS, 0) if device.type == "cpu" else (1, WORKERS)
    batches = [files[start : start + BATCH] for start in range(0, len(files), BATCH)]
    return DataLoader(
        batches,  # type: ignore[arg-type]  # any sequence will do
        batch_size=None,
        collate_fn=partial(load_batch, threads=threads),
        num_workers=min(workers, len(batches)),
    )


def classify_files(files: Sequence[ImageFile], model: Model) -> tuple[Loaded, NDArray[np.float32]]:
    """Return what was read, without its pixels, and the probabilities of each row, N x classes."""
    result, shares = Loaded(), [classify(model, [])]
    with decode.decoding(), progress("predicting", len(files), "images", stderr=True) as task:
        for batch in loader(files, model.normalise.mean.device):
            shares.append(classify(model, [pixels for loaded in batch for pixels in loaded.pixels]))
            for loaded in batch:
                result.rows += loaded.rows
                result.problems += loaded.problems
                result.notes += loaded.notes
            task.advance(len(batch))
    return result, np.concatenate(shares)


def classify(model: Model, images: Sequence[crop.Pixels]) -> NDArray[np.float32]:
    """Return the probability of each class, N x classes, for N images, 32 x 32 x 3, uint8."""
    device = model.normalise.mean.device
    shares: list[NDArray[np.float32]] = [np.empty((0, len(CLASSES)), np.float32)]
    for start in range(0, len(images), BATCH):
        batch = torch.from_numpy(np.stack(images[start : start + BATCH])).to(device)
        shares.append(batch_logits(model, batch).softmax(1).cpu().numpy())
    return np.concatenate(shares)
