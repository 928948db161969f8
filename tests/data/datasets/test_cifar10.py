from __future__ import annotations

import contextlib
import hashlib
import pickle
import resource
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest

from data.common.errors import UserError
from data.datasets import cifar10
from data.datasets.cifar10 import FOLDER, Batches
from data.datasets.dataset import CLASSES

NAME = "cifar-10-python.tar.gz"
TRAIN = [f"data_batch_{number}" for number in range(1, 6)]
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 3, 3072), np.uint8)  # of six files, three images each


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with a small set, as a folder and as an archive."""
    folder = tmp_path / "place" / FOLDER
    folder.mkdir(parents=True)
    for number, name in enumerate([*TRAIN, "test_batch"]):
        content = {"data": PIXELS[number], "labels": [number, number + 1, number + 2]}
        (folder / name).write_bytes(pickle.dumps(content, 2))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": list(CLASSES)}, 2))
    with tarfile.open(folder.parent / NAME, "w:gz", compresslevel=1) as tar:
        tar.add(folder, FOLDER)
    return folder.parent


@pytest.fixture
def official(place: Path, monkeypatch: pytest.MonkeyPatch) -> type[Batches]:
    """Return what the small set is known by; no network, no proxy, no other set."""
    monkeypatch.delenv("CIFAR10_DIR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = place / FOLDER

    class Small(Batches):
        url = f"http://127.0.0.1:{free_port()}/{NAME}"
        tgz_md5 = md5(place / NAME)
        train_list = [[name, md5(folder / name)] for name in TRAIN]  # noqa: RUF012
        test_list = [["test_batch", md5(folder / "test_batch")]]  # noqa: RUF012
        meta = Batches.meta | {"md5": md5(folder / "batches.meta")}

    return Small


@contextlib.contextmanager
def serving(
    official: type[Batches], content: bytes, length: int | None = None, status: int = 200
) -> Iterator[list[str]]:
    """Serve the archive where `official` has it; yield the list of the requested paths."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(length or len(content)))
            self.end_headers()
            with contextlib.suppress(OSError):  # torchvision first asks for the address alone
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        official.url = f"http://127.0.0.1:{server.server_port}/{NAME}"
        try:
            yield requests
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let the kernel refuse to make any file of this process larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def alter(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


# Reading.


def test_a_split_is_read_in_the_official_order(place: Path, official: type[Batches]) -> None:
    train = cifar10.read(place / FOLDER, "train", official)
    assert train.images.shape == (15, 32, 32, 3)
    assert train.images.dtype == train.labels.dtype == np.uint8
    assert np.array_equal(train.images.transpose(0, 3, 1, 2).reshape(15, -1), PIXELS[:5].reshape(15, -1))
    assert train.labels.tolist() == [batch + n for batch in range(5) for n in range(3)]
    assert train.indices.tolist() == list(range(15))
    assert cifar10.read(place / FOLDER, "test", official).labels.tolist() == [5, 6, 7]


# Which copy is taken.


@pytest.mark.parametrize("named", [FOLDER, "", NAME])
def test_a_named_copy_is_found(
    place: Path,
    official: type[Batches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    named: str,
) -> None:
    monkeypatch.setenv("CIFAR10_DIR", str(place / named))
    folder = cifar10.find(tmp_path / "raw", official)
    assert folder == (tmp_path / "raw" if named == NAME else place) / FOLDER
    assert len(cifar10.read(folder, "train", official)) == 15
    source = place / (named or FOLDER)
    assert capsys.readouterr().out == f"CIFAR-10: {source} (CIFAR10_DIR)\n"


@pytest.mark.parametrize(
    ("named", "damage", "problem"),
    [
        ("nowhere", None, "nowhere: no CIFAR-10 there"),
        (f"{FOLDER}/data_batch_1", None, "data_batch_1 is altered or cut short"),
        (FOLDER, (alter, f"{FOLDER}/data_batch_4"), "data_batch_4 is altered or cut short"),
        (FOLDER, (cut, f"{FOLDER}/test_batch"), "test_batch is altered or cut short"),
        (FOLDER, (Path.unlink, f"{FOLDER}/batches.meta"), "batches.meta is missing"),
        (NAME, (cut, NAME), f"{NAME} is altered or cut short"),
    ],
)
def test_a_named_copy_that_is_of_no_use_ends_it(
    place: Path,
    official: type[Batches],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    damage: tuple[Callable[[Path], None], str] | None,
    problem: str,
) -> None:
    if damage:
        damage[0](place / damage[1])
    monkeypatch.setenv("CIFAR10_DIR", str(place / named))
    with serving(official, b"") as requests, pytest.raises(UserError) as caught:
        cifar10.find(tmp_path / "raw", official)
    assert caught.value.what.startswith("CIFAR10_DIR is ")
    assert problem in caught.value.what
    assert "unset CIFAR10_DIR" in caught.value.hint
    assert not requests
    assert not (tmp_path / "raw").exists()


def test_a_kept_archive_replaces_a_damaged_folder(
    place: Path, official: type[Batches], capsys: pytest.CaptureFixture[str]
) -> None:
    alter(place / FOLDER / "data_batch_2")
    (place / FOLDER / "test_batch").unlink()
    assert cifar10.find(place, official) == place / FOLDER
    assert len(cifar10.read(place / FOLDER, "test", official)) == 3
    output = capsys.readouterr().out
    assert "data_batch_2 is altered or cut short" in output
    assert output.endswith(f"CIFAR-10: {place / NAME}\n")


# Downloads.


def test_a_download_is_extracted_and_kept(
    place: Path, official: type[Batches], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = tmp_path / "data/raw"
    with serving(official, (place / NAME).read_bytes()) as requests:
        assert cifar10.find(raw, official) == raw / FOLDER
        assert requests
        requests.clear()
        assert cifar10.find(raw, official) == raw / FOLDER
    assert not requests
    assert len(cifar10.read(raw / FOLDER, "train", official)) == 15
    assert f"CIFAR-10: {official.url}\n" in capsys.readouterr().out


def test_a_damaged_archive_is_downloaded_anew(place: Path, official: type[Batches], tmp_path: Path) -> None:
    content = (place / NAME).read_bytes()
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / NAME).write_bytes(content[:-1])
    with serving(official, content):
        cifar10.find(tmp_path / "raw", official)
    assert (tmp_path / "raw" / NAME).read_bytes() == content


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404},
        {"status": 503},
        {"content": b"\x1f\x8b", "length": 100},
        {"content": b"<html>log in</html>"},
    ],
    ids=["not found", "busy", "cut off", "another file"],
)
def test_a_download_that_fails_is_not_used_and_may_be_repeated(
    place: Path, official: type[Batches], tmp_path: Path, answer: dict[str, Any]
) -> None:
    content = (place / NAME).read_bytes()
    with serving(official, **({"content": content} | answer)), pytest.raises(UserError) as caught:
        cifar10.find(tmp_path / "raw", official)
    if isinstance(caught.value.__cause__, HTTPError):
        caught.value.__cause__.close()  # torchvision leaves it open
    assert official.url in caught.value.what
    assert not (tmp_path / "raw" / FOLDER).exists()
    with serving(official, content):
        assert cifar10.find(tmp_path / "raw", official) == tmp_path / "raw" / FOLDER


def test_without_copy_and_network_the_ways_out_are_named(official: type[Batches], tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Connection refused") as caught:
        cifar10.find(tmp_path / "raw", official)
    assert f"no CIFAR-10 in {tmp_path / 'raw'}/" in caught.value.what
    assert "CIFAR10_DIR" in caught.value.hint
    assert f"put {NAME} into {tmp_path / 'raw'}/" in caught.value.hint


def test_a_server_that_stalls_is_given_up(
    place: Path, official: type[Batches], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar10, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        official.url = f"http://127.0.0.1:{silent.getsockname()[1]}/{NAME}"
        with pytest.raises(UserError, match="timed out"):
            cifar10.find(tmp_path / "raw", official)
    assert socket.getdefaulttimeout() is None


@pytest.mark.parametrize("from_archive", [True, False])
def test_a_full_disk_is_named_and_the_command_may_be_repeated(
    place: Path, official: type[Batches], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, from_archive: bool
) -> None:
    if from_archive:
        monkeypatch.setenv("CIFAR10_DIR", str(place / NAME))
    with serving(official, (place / NAME).read_bytes()):
        with full_disk(5000), pytest.raises(UserError, match="raw: cannot be written") as caught:
            cifar10.find(tmp_path / "raw", official)
        assert "repeat the command" in caught.value.hint
        assert len(cifar10.read(cifar10.find(tmp_path / "raw", official), "train", official)) == 15
