"""CIFAR-10 as published for Python: seven files, known by their checksums and read without running code.

The set is described in Krizhevsky 2009, "Learning Multiple Layers of Features from Tiny Images", its files
at https://www.cs.toronto.edu/~kriz/cifar.html.
"""

from __future__ import annotations

import hashlib
import pickle
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from data.common.errors import UserError
from data.common.files import digest
from data.datasets.dataset import CLASSES, SIDE, Dataset

PIXELS = 3 * SIDE * SIDE  # bytes of an image: a plane each of red, green and blue, row by row

INTACT = "take an intact cifar-10-python.tar.gz; unset CIFAR10_DIR to have it downloaded."


@dataclass(frozen=True)
class File:
    """What tells a file from others: its name, its size in bytes, its md5 in hexadecimal."""

    name: str
    size: int
    md5: str


@dataclass(frozen=True)
class Official:
    """A data set as it was published: files of `batch` images each, in the order of their images.

    `archive` is a tar.gz that holds all the files in `folder`.
    """

    train: tuple[File, ...]
    test: tuple[File, ...]
    meta: File
    archive: File
    folder: str
    batch: int

    @property
    def files(self) -> tuple[File, ...]:
        """All the files that the archive must hold."""
        return (*self.train, *self.test, self.meta)

    def complaint(self, found: File, expected: File) -> str:
        """Say how a file differs from the published one; an empty string where it does not."""
        if found.md5 == expected.md5:
            return ""
        names = {file.md5: file.name for file in (*self.files, self.archive)}
        if found.md5 in names:
            what = f"this is {names[found.md5]}"
        else:
            what = "cut short" if found.size < expected.size else "altered"
        return (
            f"{what}: found {found.size:,} bytes with md5 {found.md5}, "
            f"expected {expected.size:,} bytes with md5 {expected.md5}"
        )


# Checksums as in torchvision.datasets.CIFAR10; the batches' sizes are those of files with these checksums,
# the archive's is what its home states (Content-Length).
CIFAR10 = Official(
    train=(
        File("data_batch_1", 31_035_704, "c99cafc152244af753f735de768cd75f"),
        File("data_batch_2", 31_035_320, "d4bba439e000b95fd0a9bffe97cbabec"),
        File("data_batch_3", 31_035_999, "54ebc095f3ab1f0389bbae665268c751"),
        File("data_batch_4", 31_035_696, "634d18415352ddfa80567beed471001a"),
        File("data_batch_5", 31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb"),
    ),
    test=(File("test_batch", 31_035_526, "40351d587109b95175f43aff81a1287e"),),
    meta=File("batches.meta", 158, "5ff9c542aee3614f3951f8cda6e48888"),
    archive=File("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a"),
    folder="cifar-10-batches-py",
    batch=10_000,
)


def check_bytes(content: bytes, expected: File, official: Official, where: str) -> None:
    """Raise `UserError`, with what was found and expected, if the content is not the published file's."""
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if complaint := official.complaint(File(expected.name, len(content), md5), expected):
        raise UserError(f"{where}: {complaint}", INTACT)


def check_file(path: Path, expected: File, official: Official) -> None:
    """Do the same for a file on the disk, which may be missing; it is read in pieces."""
    try:
        found = File(path.name, path.stat().st_size, digest(path, "md5"))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", INTACT) from error
    if complaint := official.complaint(found, expected):
        raise UserError(f"{path}: {complaint}", INTACT)


def check(copy: Path, official: Official = CIFAR10) -> None:
    """Raise `UserError` for the first file of a folder, or the archive, that is not the published one."""
    files = [(copy / file.name, file) for file in official.files]
    for path, file in [(copy, official.archive)] if copy.is_file() else files:
        check_file(path, file, official)


def read(folder: Path, split: str, official: Official = CIFAR10) -> Dataset:
    """Read a split, train or test, in the official order, with indices that count through its batches.

    Each file is checked again, as the very bytes that are then interpreted. Raises `UserError` for one
    that is not the published one, or whose content has not the shape and range that it should have.
    """
    files = {"train": official.train, "test": official.test}[split]
    _check_classes(folder, official)
    total = len(files) * official.batch
    images = np.empty((total, PIXELS), np.uint8)
    labels = np.empty(total, np.uint8)
    names: list[str] = []
    for number, file in enumerate(files):
        rows = slice(number * official.batch, (number + 1) * official.batch)
        images[rows], labels[rows], batch_names = _batch(folder, file, official)
        names += batch_names
    rows_columns_rgb = np.ascontiguousarray(images.reshape(total, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
    return Dataset(rows_columns_rgb, labels, np.arange(total, dtype=np.int64))


def unpickle(content: bytes, where: Path) -> dict[bytes, Any]:
    """Return the dictionary in a pickle of plain values and uint8 arrays; nothing in it is ever called.

    Raises `UserError` if the pickle asks for anything else, is cut short or is not one.
    """
    try:
        values = _Unpickler(content, where).load()
    except UserError:
        raise
    except Exception as error:  # damaged bytes can raise almost any, says the documentation of pickle
        raise UserError(f"{where}: not a readable pickle ({error})", INTACT) from error
    if not isinstance(values, dict):
        raise UserError(f"{where}: holds {reprlib.repr(values)}; expected a dictionary", INTACT)
    return {key: value.values if isinstance(value, _Array) else value for key, value in values.items()}


class _Dtype:
    """Stands in for numpy.dtype; the only one that there is has one unsigned byte."""

    def __init__(self, name: bytes | str, *_: object) -> None:
        if name not in (b"u1", "u1"):
            raise pickle.UnpicklingError(f"an array of type {reprlib.repr(name)}; expected 'u1'")

    def __setstate__(self, state: object) -> None:
        """Leave out the state: a byte has no byte order."""


class _Array:
    """Stands in for numpy's ndarray, and for the function that makes an empty one to be filled.

    numpy's own would accept any type, objects among them, from state that nobody checked.
    """

    def __init__(self, *_: object) -> None:
        self.values: NDArray[np.uint8] | None = None

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Dtype, bool, bytes]) -> None:
        _, shape, dtype, by_columns, content = state
        if by_columns or type(dtype) is not _Dtype:
            raise pickle.UnpicklingError("an array that is not made of bytes, row by row")
        self.values = np.frombuffer(content, np.uint8).reshape(shape)


_StandIn: TypeAlias = type[_Array] | type[_Dtype]

# All that the official files name, by numpy 1 and, had they been written today, by numpy 2.
_STAND_INS: dict[tuple[str, str], _StandIn] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
}


class _Unpickler(pickle.Unpickler):
    """Looks nothing up, in any module: a name that has no stand-in ends the reading."""

    def __init__(self, content: bytes, where: Path) -> None:
        # Python 2 wrote the files; its strings are bytes.
        super().__init__(BytesIO(content), encoding="bytes")
        self.where = where

    def find_class(self, module: str, name: str) -> _StandIn:
        try:
            return _STAND_INS[module, name]
        except KeyError:
            raise UserError(
                f"{self.where}: refused, since it asks for {f'{module}.{name}'!r}; expected plain arrays",
                "do not use this file; take the official one.",
            ) from None


def _open(folder: Path, file: File, official: Official) -> dict[bytes, Any]:
    path = folder / file.name
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}", INTACT) from error
    check_bytes(content, file, official, str(path))
    return unpickle(content, path)


def _batch(
    folder: Path, file: File, official: Official
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[str]]:
    content, count = _open(folder, file, official), official.batch
    data, labels, names = (content.get(key) for key in (b"data", b"labels", b"filenames"))
    if not (isinstance(data, np.ndarray) and data.shape == (count, PIXELS)):
        raise _unexpected(folder / file.name, "data", data, f"{count:,} rows of {PIXELS:,} bytes")
    if not _are(labels, count, lambda label: label in range(len(CLASSES))):
        raise _unexpected(folder / file.name, "labels", labels, f"{count:,} numbers below {len(CLASSES)}")
    if not _are(names, count, lambda name: type(name) is bytes and name.isascii()):
        raise _unexpected(folder / file.name, "filenames", names, f"{count:,} names in ASCII")
    return data, np.array(labels, np.uint8), [name.decode("ascii") for name in names]


def _are(values: Any, count: int, rule: Callable[[Any], bool]) -> TypeGuard[list[Any]]:
    return type(values) is list and len(values) == count and all(map(rule, values))


def _check_classes(folder: Path, official: Official) -> None:
    content = _open(folder, official.meta, official)
    expected = {
        "label_names": [name.encode() for name in CLASSES],
        "num_cases_per_batch": official.batch,
        "num_vis": PIXELS,
    }
    for key, value in expected.items():
        if content.get(key.encode()) != value:
            raise _unexpected(folder / official.meta.name, key, content.get(key.encode()), str(value))


def _unexpected(path: Path, key: str, value: object, rule: str) -> UserError:
    return UserError(f"{path}: {key} is {reprlib.repr(value)}; expected {rule}", INTACT)
