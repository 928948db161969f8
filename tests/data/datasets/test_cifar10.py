from __future__ import annotations

import dataclasses
import hashlib
import os
import pickle
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from data.common.errors import UserError
from data.datasets import cifar10, fetch
from data.datasets.cifar10 import CIFAR10, PIXELS, File, Official
from data.datasets.dataset import CLASSES

HERE = Path("somewhere")
BATCH = 3  # images in each file of the small set


def python2(value: Any) -> bytes:
    """Pickle a value, all but the frame, in the words of Python 2 and numpy 1, as the official files are."""
    if isinstance(value, int):
        return b"J" + value.to_bytes(4, "little", signed=True)
    if isinstance(value, bytes):
        return b"T" + len(value).to_bytes(4, "little") + value
    if isinstance(value, list):
        return b"](" + b"".join(map(python2, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(python2(key) + python2(item) for key, item in value.items()) + b"u"
    empty = b"cnumpy.core.multiarray\n_reconstruct\n" + b"cnumpy\nndarray\n" + b"K\x00\x85U\x01b\x87R"
    dtype = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(map(python2, value.shape)) + b"\x86"
    return empty + b"(K\x01" + shape + dtype + b"\x89" + python2(value.tobytes()) + b"tb"


def framed(value: Any) -> bytes:
    return b"\x80\x02" + python2(value) + b"."


def content_of(number: int) -> dict[bytes, Any]:
    """Return what the batch of that number holds in the small set: no two images are alike."""
    pixels = np.random.default_rng(number).integers(0, 256, (BATCH, PIXELS), np.uint8)
    return {
        b"batch_label": b"batch %d" % number,
        b"labels": [(number + n) % len(CLASSES) for n in range(BATCH)],
        b"data": pixels,
        b"filenames": [b"image_%d_%d.png" % (number, n) for n in range(BATCH)],
    }


META = {
    b"num_cases_per_batch": BATCH,
    b"label_names": [name.encode() for name in CLASSES],
    b"num_vis": PIXELS,
}


def known(path: Path) -> File:
    content = path.read_bytes()
    return File(path.name, len(content), hashlib.md5(content).hexdigest())


def small(folder: Path) -> Official:
    """Write a set of six batches of three images and return what it is known by."""
    folder.mkdir(parents=True)
    names = [file.name for file in (*CIFAR10.train, *CIFAR10.test)]
    for number, name in enumerate(names, 1):
        (folder / name).write_bytes(framed(content_of(number)))
    (folder / "batches.meta").write_bytes(framed(META))
    *train, test = (known(folder / name) for name in names)
    archive = File(CIFAR10.archive.name, 0, "")
    return Official(tuple(train), (test,), known(folder / "batches.meta"), archive, CIFAR10.folder, BATCH)


def publish(folder: Path, official: Official, name: str, content: bytes) -> Official:
    """Write a file anew, and let that be the published one."""
    (folder / name).write_bytes(content)
    file = known(folder / name)
    if name == official.meta.name:
        return dataclasses.replace(official, meta=file)
    return dataclasses.replace(official, train=(file, *official.train[1:]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "batches"


@pytest.fixture
def official(folder: Path) -> Official:
    return small(folder)


def test_files_are_those_that_torchvision_knows() -> None:
    theirs = pytest.importorskip("torchvision.datasets").CIFAR10
    assert [[file.name, file.md5] for file in CIFAR10.train] == theirs.train_list
    assert [[file.name, file.md5] for file in CIFAR10.test] == theirs.test_list
    assert (CIFAR10.meta.name, CIFAR10.meta.md5) == (theirs.meta["filename"], theirs.meta["md5"])
    assert (CIFAR10.archive.name, CIFAR10.archive.md5) == (theirs.filename, theirs.tgz_md5)
    assert CIFAR10.folder == theirs.base_folder


def test_reads_train_in_official_order(folder: Path, official: Official) -> None:
    dataset = cifar10.read(folder, "train", official)
    batches = [content_of(number) for number in range(1, 6)]
    assert dataset.images.shape == (15, 3, 32, 32)
    assert dataset.images.dtype == dataset.labels.dtype == np.uint8
    np.testing.assert_array_equal(
        dataset.images.reshape(15, PIXELS), np.concatenate([batch[b"data"] for batch in batches])
    )
    assert dataset.labels.tolist() == [label for batch in batches for label in batch[b"labels"]]
    assert dataset.indices.tolist() == list(range(15))
    assert dataset.files[:4] == (
        "image_1_0.png",
        "image_1_1.png",
        "image_1_2.png",
        "image_2_0.png",
    )


def test_reads_test(folder: Path, official: Official) -> None:
    dataset = cifar10.read(folder, "test", official)
    np.testing.assert_array_equal(dataset.images.reshape(3, PIXELS), content_of(6)[b"data"])
    assert dataset.indices.tolist() == [0, 1, 2]
    assert dataset.files == ("image_6_0.png", "image_6_1.png", "image_6_2.png")


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    path.write_bytes(path.with_name("data_batch_2").read_bytes())


def folder_instead(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "found"),
    [
        (remove, "No such file"),
        (folder_instead, "directory"),
        (cut, "cut short"),
        (empty, "cut short: found 0 bytes with md5 d41d8cd98f00b204e9800998ecf8427e"),
        (lengthen, "altered"),
        (alter, "altered"),
        (swap, "this is data_batch_2"),
    ],
)
@pytest.mark.parametrize("use", [cifar10.check, lambda *args: cifar10.read(args[0], "train", args[1])])
def test_damaged_file_is_named(
    folder: Path,
    official: Official,
    use: Callable[[Path, Official], object],
    damage: Callable[[Path], None],
    found: str,
) -> None:
    damage(folder / "data_batch_3")
    with pytest.raises(UserError) as caught:
        use(folder, official)
    assert caught.value.what.startswith(f"{folder / 'data_batch_3'}: ")
    assert found in caught.value.what
    if (folder / "data_batch_3").is_file():
        expected = official.train[2]
        assert f"expected {expected.size:,} bytes with md5 {expected.md5}" in caught.value.what


@pytest.mark.parametrize("name", [file.name for file in CIFAR10.files])
def test_every_file_is_checked(folder: Path, official: Official, name: str) -> None:
    cifar10.check(folder, official)
    alter(folder / name)
    with pytest.raises(UserError, match=f"{name}: altered"):
        cifar10.check(folder, official)


@given(data=st.data())
def test_any_flipped_bit_is_found(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("flipped") / "batches"
    official = small(folder)
    name = data.draw(st.sampled_from([file.name for file in official.files]))
    content = bytearray((folder / name).read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name}: altered"):
        cifar10.check(folder, official)


class Caller:
    """Pickles as the call of a function."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("function", [os.mkdir, os.system, eval, np.load, np.zeros, getattr])
def test_pickle_that_calls_a_function_is_refused(
    folder: Path, official: Official, function: Callable[..., Any], protocol: int
) -> None:
    mark = folder / "called"
    command = {os.mkdir: str(mark), os.system: f"touch {mark}", eval: f"open({str(mark)!r}, 'w')"}
    evil = Caller(function, command.get(function, 3))
    # Its checksum is the official one, so that the unpickler alone stands between it and the call.
    official = publish(folder, official, "data_batch_1", pickle.dumps({1: evil}, protocol))
    with pytest.raises(UserError, match=r"data_batch_1: refused, since it asks for") as caught:
        cifar10.read(folder, "train", official)
    assert function.__name__ in caught.value.what
    assert not mark.exists()


def test_the_same_pickle_would_have_called_it(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Caller(os.mkdir, str(tmp_path / "called"))))  # noqa: S301  # this test's own
    assert (tmp_path / "called").exists()


@pytest.mark.parametrize(
    "name",
    [
        "numpy.core.multiarray\nscalar",
        "numpy\nmatrix",
        "numpy\nload",
        "builtins\ndict",
        "copyreg\n_reconstructor",
    ],
)
def test_names_that_the_official_files_do_not_have_are_refused(name: str) -> None:
    with pytest.raises(UserError, match="refused, since it asks for"):
        cifar10.unpickle(b"c" + name.encode() + b"\n.", HERE)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("module", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_reads_what_newer_versions_write(module: bytes, protocol: int) -> None:
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    content = pickle.dumps({b"data": array, b"labels": [1, 2]}, protocol)
    if protocol == 3:  # later ones say how long the name is
        content = content.replace(b"numpy._core.multiarray", module).replace(b"numpy.core.multiarray", module)
    values = cifar10.unpickle(content, HERE)
    np.testing.assert_array_equal(values[b"data"], array)
    assert values[b"labels"] == [1, 2]


@pytest.mark.parametrize(
    "array",
    [
        np.array([[1, "two"]], object),
        np.array([os.mkdir], object),
        np.zeros((2, 2), np.float32),
        np.zeros((2, 2), np.int8),
        np.zeros(2, [("x", np.uint8)]),
        np.asfortranarray(np.zeros((2, 2), np.uint8)),
    ],
    ids=["objects", "function", "float", "signed", "record", "columns"],
)
def test_arrays_of_anything_but_bytes_are_refused(array: NDArray[Any]) -> None:
    with pytest.raises(UserError):
        cifar10.unpickle(pickle.dumps({b"data": array}, 3), HERE)


def test_state_of_another_kind_is_refused() -> None:
    empty_array = b"cnumpy\nndarray\n)R"
    for state in (b"N", b"(K\x01K\x02\x85NNNt", b"(K\x01K\x02\x85cnumpy\ndtype\n\x89C\x02abt"):
        with pytest.raises(UserError, match="not a readable pickle"):
            cifar10.unpickle(b"\x80\x03" + empty_array + state + b"b.", HERE)


@pytest.mark.parametrize("length", [0, 1, 2, 40, 100, 200, 300, 1000])
def test_pickle_that_is_cut_short_is_refused(length: int) -> None:
    with pytest.raises(UserError, match="not a readable pickle"):
        cifar10.unpickle(framed(content_of(1))[:length], HERE)


@pytest.mark.parametrize("content", [b"hello", b"\x80\x63.", b"N.", framed([1]), b"\x80\x02\x8c\x01\xff."])
def test_what_is_no_dictionary_is_refused(content: bytes) -> None:
    with pytest.raises(UserError, match=f"{HERE}: "):
        cifar10.unpickle(content, HERE)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        (b"data", np.zeros((BATCH, PIXELS - 1), np.uint8), "data is array"),
        (b"data", np.zeros((BATCH + 1, PIXELS), np.uint8), "3 rows of 3,072 bytes"),
        (b"data", b"pixels", "data is b'pixels'"),
        (b"labels", [0, 1, 10], "labels is [0, 1, 10]; expected 3 numbers below 10"),
        (b"labels", [0, 1, -1], "numbers below 10"),
        (b"labels", [0, 1], "numbers below 10"),
        (b"labels", [0, 1, b"2"], "numbers below 10"),
        (b"labels", 7, "labels is 7"),
        (b"filenames", [b"a.png"], "3 names in ASCII"),
        (b"filenames", [b"a.png", b"b.png", b"\xff.png"], "3 names in ASCII"),
        (b"filenames", [b"a.png", b"b.png", 3], "3 names in ASCII"),
    ],
)
def test_content_of_another_shape_or_range_is_refused(
    folder: Path, official: Official, key: bytes, value: Any, expected: str
) -> None:
    official = publish(folder, official, "data_batch_1", framed(content_of(1) | {key: value}))
    with pytest.raises(UserError) as caught:
        cifar10.read(folder, "train", official)
    assert caught.value.what.startswith(f"{folder / 'data_batch_1'}: {key.decode()} is ")
    assert expected in caught.value.what


@pytest.mark.parametrize("key", [b"data", b"labels", b"filenames"])
def test_content_that_lacks_something_is_refused(folder: Path, official: Official, key: bytes) -> None:
    content = content_of(1)
    del content[key]
    official = publish(folder, official, "data_batch_1", framed(content))
    with pytest.raises(UserError, match=f"{key.decode()} is None"):
        cifar10.read(folder, "train", official)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"label_names", [name.encode() for name in reversed(CLASSES)]),
        (b"num_cases_per_batch", BATCH + 1),
        (b"num_vis", PIXELS - 1),
    ],
)
@pytest.mark.parametrize("split", ["train", "test"])
def test_other_classes_are_refused(
    folder: Path, official: Official, split: str, key: bytes, value: Any
) -> None:
    official = publish(folder, official, "batches.meta", framed(META | {key: value}))
    with pytest.raises(UserError, match=f"batches.meta: {key.decode()} is "):
        cifar10.read(folder, split, official)


@pytest.fixture(scope="module")
def real(full_cifar10: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the official batches, unpacked where CIFAR10_DIR names an archive."""
    return fetch.batches(tmp_path_factory.mktemp("raw"), urls=())


@pytest.mark.filterwarnings("ignore")  # numpy warns torchvision of what Python 2 pickled
@pytest.mark.parametrize(("split", "each"), [("train", 5000), ("test", 1000)])
def test_official_images_are_those_that_torchvision_reads(
    real: Path, tmp_path: Path, split: str, each: int
) -> None:
    (tmp_path / CIFAR10.folder).symlink_to(real.resolve())
    datasets = pytest.importorskip("torchvision.datasets")
    theirs = datasets.CIFAR10(tmp_path, train=split == "train")
    dataset = cifar10.read(real, split)
    np.testing.assert_array_equal(dataset.images.transpose(0, 2, 3, 1), theirs.data)
    assert dataset.labels.tolist() == theirs.targets
    assert Counter(dataset.labels.tolist()) == dict.fromkeys(range(10), each)
    assert len(set(dataset.files)) == len(dataset) == dataset.indices[-1] + 1 == 10 * each


def test_official_images_fit_into_memory(real: Path) -> None:
    tracemalloc.start()
    try:
        dataset = cifar10.read(real, "train")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dataset.images.nbytes == 50_000 * PIXELS
    assert peak < 300e6  # the images are 154 MB, a batch as file and as array 62 MB
