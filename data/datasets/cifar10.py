"""CIFAR-10 as published for Python, read by torchvision, which checks each file by md5 before it opens it.

In order of trust: the folder or archive that the environment variable CIFAR10_DIR names; data/raw/; a
download into data/raw/. The set is described in Krizhevsky 2009, "Learning Multiple Layers of Features from
Tiny Images".
"""

from __future__ import annotations

import os
import socket
import tarfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10  # type: ignore[import-untyped]
from torchvision.datasets.utils import check_integrity, download_url  # type: ignore[import-untyped]

from data.common.errors import UserError
from data.common.files import disk_errors, readable
from data.datasets.dataset import Dataset

RAW = Path("data/raw")
VARIABLE = "CIFAR10_DIR"
FOLDER = "cifar-10-batches-py"  # in the archive
TIMEOUT = 30.0  # seconds without an answer; torchvision would wait for ever


class Batches(CIFAR10):  # type: ignore[misc]
    """torchvision's CIFAR-10; `root` is the folder of the batches itself, not the one above it."""

    base_folder = ""


def read(folder: Path, split: str, official: type[CIFAR10] = Batches) -> Dataset:
    """Read a split ("train" or "test") from a folder of intact batches, in the official order."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's, of what Python 2 pickled
        batches = official(folder, train=split == "train")
    indices = np.arange(len(batches), dtype=np.int64)
    return Dataset(np.ascontiguousarray(batches.data), np.array(batches.targets, np.uint8), indices)


def find(raw: Path = RAW, official: type[CIFAR10] = Batches) -> Path:
    """Return a folder of intact batches, and print where they come from.

    Raises `UserError` if CIFAR10_DIR names none, if they cannot be downloaded, or if the disk is full.
    """
    named = os.environ.get(VARIABLE)
    copy, problems = _intact(Path(named or raw), official)
    if named and not copy:
        raise UserError(
            f"{VARIABLE} is {named}: {'; '.join(problems) or 'no CIFAR-10 there'}",
            f"name a folder with data_batch_1 or {FOLDER}/ in it, or an intact {official.filename}; "
            f"or unset {VARIABLE} to have it downloaded.",
        )
    for problem in problems:
        print(f"{problem}; not used", flush=True)
    if copy:
        source = f"{copy} ({VARIABLE})" if named else str(copy)
    else:
        copy, source = _download(raw, official), official.url
    print(f"CIFAR-10: {source}", flush=True)
    return copy if copy.is_dir() else _extract(copy, raw)


def _intact(place: Path, official: type[CIFAR10]) -> tuple[Path | None, list[str]]:
    """Return the first intact folder of batches or archive at a place, and the problems of those before."""
    problems: list[str] = []
    for copy in (place, place / FOLDER, place / official.filename):
        if copy.is_file() or (copy / "data_batch_1").exists():
            problem = _problem(copy, official)
            if not problem:
                return copy, problems
            problems.append(problem)
    return None, problems


def _problem(copy: Path, official: type[CIFAR10]) -> str:
    """Return the problem of an archive, or of a folder's first damaged or missing file; "" if none."""
    files = [*official.train_list, *official.test_list, (official.meta["filename"], official.meta["md5"])]
    paths = [(copy, official.tgz_md5)] if copy.is_file() else [(copy / name, md5) for name, md5 in files]
    for path, md5 in paths:
        with readable(path, ""):
            if not check_integrity(path, md5):
                state = "altered or cut short" if path.exists() else "missing"
                return f"{path} is {state} (expected md5 {md5})"
    return ""


def _download(raw: Path, official: type[CIFAR10]) -> Path:
    """Download the archive and return its path; torchvision shows a bar with the time left."""
    print(f"CIFAR-10: downloading {official.url}", flush=True)
    try:
        with disk_errors(raw), _timeout(TIMEOUT):
            download_url(official.url, raw, official.filename, official.tgz_md5)
    except (
        OSError,
        HTTPException,
        RuntimeError,
    ) as error:  # no network; a connection that broke; another file
        raise UserError(
            f"no CIFAR-10 in {raw}/, and {official.url} does not give it ({getattr(error, 'reason', error)})",
            f"connect to the network, set {VARIABLE} to a folder or archive that has it, "
            f"or put {official.filename} into {raw}/; then repeat the command.",
        ) from error
    return raw / str(official.filename)


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _extract(archive: Path, raw: Path) -> Path:
    """Extract an intact archive, and return the folder of its batches."""
    with disk_errors(raw), tarfile.open(archive) as tar:
        tar.extractall(raw, filter="data")
    return raw / FOLDER
