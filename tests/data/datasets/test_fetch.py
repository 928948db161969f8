from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from data.common.errors import UserError
from data.datasets import cifar10, fetch
from data.datasets.cifar10 import CIFAR10, File, Official
from tests.data.datasets.test_cifar10 import alter, cut, known, small

NAME = CIFAR10.archive.name
PART = f"{NAME}.part"


@dataclasses.dataclass
class Site:
    """A web server's file, and in which ways the server misbehaves."""

    content: bytes
    ranges: bool = True
    says_length: bool = True
    statuses: list[int] = dataclasses.field(default_factory=list)  # of the first answers, instead of one
    cuts: list[int] = dataclasses.field(default_factory=list)  # bytes after which the first answers end
    stall: threading.Event | None = None  # a cut answer does not end before this is set
    changed: bytes | None = None  # the content after the first answer
    asked: list[str | None] = dataclasses.field(default_factory=list)  # the Range of each request

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append(request.headers["Range"])
        if self.statuses:
            request.send_error(self.statuses.pop(0))
            return
        if self.changed is not None and len(self.asked) > 1:
            self.content = self.changed
        start = self.start(request)
        if start is None:
            return
        body = self.content[start:]
        if self.says_length:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if self.cuts:
            request.wfile.write(body[: self.cuts.pop(0)])
            if self.stall:
                self.stall.wait(10)
            return
        with contextlib.suppress(OSError):  # the other side has heard enough
            request.wfile.write(body)

    def start(self, request: BaseHTTPRequestHandler) -> int | None:
        asked = request.headers["Range"]
        if not asked or not self.ranges:
            request.send_response(200)
            return 0
        start, size = int(asked.removeprefix("bytes=").removesuffix("-")), len(self.content)
        if start >= size:
            request.send_error(416)
            return None
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        return start


@contextlib.contextmanager
def serving(site: Site) -> Iterator[str]:
    """Run a real server for the site and yield the address of its file."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.005,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/{NAME}"
        finally:
            if site.stall:
                site.stall.set()
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True, scope="module")
def surroundings() -> Iterator[None]:
    """No waiting, no proxy on the way to this machine, no copy but those of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetch, "PAUSES", (0.0, 0.0))
        patch.setattr(fetch, "PIECE", 1 << 10)
        patch.delenv("CIFAR10_DIR", raising=False)
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1")
        yield


def only_archive(content: bytes) -> Official:
    """Return what is needed to download something, which need not be an archive."""
    file = File(NAME, len(content), hashlib.md5(content).hexdigest())
    return Official((), (), File("", 0, ""), file, "", 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def noise(size: int, seed: int = 0) -> bytes:
    return hashlib.shake_128(bytes([seed])).digest(size)


CONTENT = noise(20_000)
WANTED = only_archive(CONTENT)
OTHER = noise(20_000, seed=1)


def packed(folder: Path, archive: Path) -> None:
    """Pack a folder of batches as the official archive is, with a file beside them that is not wanted."""
    (folder / "readme.html").write_text("not wanted")
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(folder, CIFAR10.folder)


@dataclasses.dataclass
class Copies:
    """A small set, as a folder and as an archive, in a place of its own; nothing in data/raw yet."""

    folder: Path
    archive: Path
    raw: Path
    official: Official


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    folder, archive = tmp_path / "place" / CIFAR10.folder, tmp_path / "place" / NAME
    official = small(folder)
    packed(folder, archive)
    return Copies(folder, archive, tmp_path / "raw", dataclasses.replace(official, archive=known(archive)))


# Which copy is taken.


@pytest.mark.parametrize(
    "place", ["place/cifar-10-batches-py", "place", "place/cifar-10-python.tar.gz", "archive", "renamed.tgz"]
)
def test_named_copy_is_found(
    copies: Copies, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / NAME).hardlink_to(copies.archive)
    (tmp_path / "renamed.tgz").hardlink_to(copies.archive)
    monkeypatch.setenv("CIFAR10_DIR", str(tmp_path / place))
    found = fetch.batches(copies.raw, [], copies.official)
    folders = place in {"place", "place/cifar-10-batches-py"}
    assert found == (copies.folder if folders else copies.raw / CIFAR10.folder)
    for file in copies.official.files:
        assert (found / file.name).read_bytes() == (copies.folder / file.name).read_bytes()
    assert (found / "readme.html").exists() == folders


def test_named_copy_is_said(
    copies: Copies, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CIFAR10_DIR", str(copies.archive))
    fetch.batches(copies.raw, [], copies.official)
    assert capsys.readouterr().out == f"CIFAR-10: {copies.archive} (CIFAR10_DIR)\n"


@pytest.mark.parametrize(
    ("place", "damage", "found"),
    [
        ("nowhere", None, "there is no CIFAR-10"),
        ("", None, "there is no CIFAR-10"),
        ("~nobody-of-this-name/x", None, "home"),
        ("place", "data_batch_4", "data_batch_4: cut short"),
        (f"place/{CIFAR10.folder}", "test_batch", "test_batch: cut short"),
        (f"place/{NAME}", NAME, f"{NAME}: cut short"),
        (f"place/{CIFAR10.folder}/readme.html", None, "readme.html: cut short"),
    ],
)
def test_named_copy_that_is_of_no_use_ends_it(
    copies: Copies,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    damage: str | None,
    found: str,
) -> None:
    if damage:
        cut(copies.archive if damage == NAME else copies.folder / damage)
    monkeypatch.setenv("CIFAR10_DIR", place if place.startswith("~") else str(tmp_path / place))
    site = Site(b"")
    with serving(site) as url, pytest.raises(UserError) as caught:
        fetch.batches(copies.raw, [url], copies.official)
    assert "CIFAR10_DIR is " in caught.value.what
    assert found in caught.value.what
    assert "unset CIFAR10_DIR" in caught.value.hint
    assert not site.asked
    assert not copies.raw.exists()


def test_kept_folder_goes_before_all_others(copies: Copies) -> None:
    site = Site(b"")
    with serving(site) as url:
        found = fetch.batches(copies.folder.parent, [url], copies.official)
    assert found == copies.folder
    assert not site.asked


def test_kept_archive_mends_a_damaged_folder(copies: Copies, capsys: pytest.CaptureFixture[str]) -> None:
    intact = (copies.folder / "data_batch_2").read_bytes()
    alter(copies.folder / "data_batch_2")
    (copies.folder / "test_batch").unlink()
    assert fetch.batches(copies.folder.parent, [], copies.official) == copies.folder
    assert (copies.folder / "data_batch_2").read_bytes() == intact
    said = capsys.readouterr().out
    assert "data_batch_2: altered" in said
    assert said.endswith(f"CIFAR-10: {copies.archive}\n")


def test_damaged_archive_is_fetched_anew(copies: Copies) -> None:
    content = copies.archive.read_bytes()
    copies.raw.mkdir()
    (copies.raw / NAME).write_bytes(content[:-1])
    with serving(Site(content)) as url:
        fetch.batches(copies.raw, [url], copies.official)
    assert (copies.raw / NAME).read_bytes() == content


def test_download_is_unpacked_and_kept(copies: Copies, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(copies.archive.read_bytes())
    with serving(site) as url:
        for _ in range(2):
            assert fetch.batches(copies.raw, [url], copies.official) == copies.raw / CIFAR10.folder
    assert len(site.asked) == 1
    assert f"CIFAR-10: {url}\n" in capsys.readouterr().out
    assert names(copies.raw) == [CIFAR10.folder, NAME]
    assert names(copies.raw / CIFAR10.folder) == sorted(file.name for file in CIFAR10.files)


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


def test_no_network_and_no_copy_names_both_ways_out(tmp_path: Path) -> None:
    urls = [f"http://127.0.0.1:{free_port()}/{n}" for n in range(2)]
    with pytest.raises(UserError) as caught:
        fetch.batches(tmp_path / "raw", urls)
    assert all(f"{url}: no connection" in caught.value.what for url in urls)
    assert "CIFAR10_DIR" in caught.value.hint
    assert f"put {NAME} into {tmp_path / 'raw'}/" in caught.value.hint


def test_proxy_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match="the proxy does not answer"):
        fetch.batches(tmp_path / "raw", ["http://cifar.invalid/"])


@pytest.mark.parametrize(
    ("first", "problem", "times"),
    [
        (Site(OTHER), "altered: found 20,000 bytes", 1),
        (Site(b"<html>log in first</html>"), "offers 25 bytes; expected 20000", 1),
        (Site(CONTENT + b"more", says_length=False), "sends more than the expected 20,000 bytes", 1),
        (Site(CONTENT, statuses=[404]), "answers 404 Not Found", 1),
        (Site(CONTENT, statuses=[503, 503, 503]), "answers 503 Service Unavailable", 3),
        (Site(CONTENT, ranges=False, cuts=[512, 512, 512]), "cut off", 3),
        (Site(CONTENT, cuts=[0, 0, 0]), "cut off", 3),
        (Site(CONTENT, cuts=[0, 0, 0], says_length=False), "cut off", 3),
    ],
)
def test_source_that_fails_is_followed_by_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], first: Site, problem: str, times: int
) -> None:
    first = dataclasses.replace(first, statuses=[*first.statuses], cuts=[*first.cuts], asked=[])
    with serving(first) as bad, serving(Site(CONTENT)) as good, pytest.raises(UserError) as caught:
        # What is downloaded is no archive, which shows that it came as far as being unpacked.
        fetch.batches(tmp_path, [bad, good], WANTED)
    assert "not a readable tar.gz archive" in caught.value.what
    assert f"{bad}: {problem}" in re.sub(rf"{re.escape(str(tmp_path))}\S+ ", "", capsys.readouterr().out)
    assert len(first.asked) == times
    assert (tmp_path / NAME).read_bytes() == CONTENT


def test_wrong_checksum_everywhere_says_found_and_expected(tmp_path: Path) -> None:
    with serving(Site(OTHER)) as url, pytest.raises(UserError) as caught:
        fetch.batches(tmp_path, [url, url], WANTED)
    found = hashlib.md5(OTHER).hexdigest()
    assert f"found 20,000 bytes with md5 {found}" in caught.value.what
    assert f"expected 20,000 bytes with md5 {WANTED.archive.md5}" in caught.value.what
    assert not list(tmp_path.iterdir())


# Going on with a download.


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(0, len(CONTENT)), max_size=3), ranges=st.booleans(), told=st.booleans())
def test_download_cut_anywhere_gives_the_same_bytes(cuts: list[int], ranges: bool, told: bool) -> None:
    site = Site(CONTENT, ranges=ranges, says_length=told, cuts=cuts)
    with tempfile.TemporaryDirectory() as raw, serving(site) as url:
        for _ in range(2):  # a source that brought nothing new three times is given up: the next command
            with contextlib.suppress(fetch.UnavailableError):
                assert fetch.download(url, Path(raw), WANTED).read_bytes() == CONTENT
                break
        assert names(Path(raw)) == [NAME]


@settings(max_examples=30, deadline=None)
@given(there=st.integers(0, len(CONTENT)))
def test_download_goes_on_from_any_byte(there: int) -> None:
    site = Site(CONTENT)
    with tempfile.TemporaryDirectory() as raw, serving(site) as url:
        Path(raw, PART).write_bytes(CONTENT[:there])
        assert fetch.download(url, Path(raw), WANTED).read_bytes() == CONTENT
        assert names(Path(raw)) == [NAME]
    asked = [f"bytes={there}-" if there else None]
    assert site.asked == ([] if there == len(CONTENT) else asked)


@pytest.mark.parametrize(
    ("site", "there", "asked"),
    [
        (Site(CONTENT, cuts=[8192]), b"", [None, "bytes=8192-"]),
        (Site(CONTENT, cuts=[8192], says_length=False), b"", [None, "bytes=8192-"]),
        (Site(CONTENT, cuts=[8192], ranges=False), b"", [None, "bytes=8192-"]),
        (Site(CONTENT, ranges=False), CONTENT[:5], ["bytes=5-"]),
        (Site(CONTENT, statuses=[500, 429]), CONTENT[:5], ["bytes=5-"] * 3),
        (Site(CONTENT, statuses=[416]), CONTENT[:5], ["bytes=5-", None]),
        (Site(CONTENT), CONTENT + b"more", [None]),
        (Site(CONTENT), OTHER[:5], ["bytes=5-", None]),
        (Site(CONTENT), OTHER, [None]),
        (Site(noise(5), changed=CONTENT), CONTENT[:5], ["bytes=5-", None]),
        (Site(noise(30_000), changed=CONTENT), CONTENT[:5], ["bytes=5-", None]),
        (Site(OTHER, cuts=[8192], changed=CONTENT), OTHER[:5], ["bytes=5-", "bytes=8197-", None]),
    ],
    ids=[
        "cut off",
        "cut off, no length",
        "cut off, no ranges",
        "no ranges",
        "busy for a while",
        "no such range",
        "too much is there",
        "something else is there",
        "all of something else is there",
        "was shorter",
        "was longer",
        "changes under way",
    ],
)
def test_download_goes_on_or_starts_anew(
    tmp_path: Path, site: Site, there: bytes, asked: list[str | None]
) -> None:
    site = dataclasses.replace(site, statuses=[*site.statuses], cuts=[*site.cuts], asked=[])
    if there:
        (tmp_path / PART).write_bytes(there)
    with serving(site) as url:
        assert fetch.download(url, tmp_path, WANTED) == tmp_path / NAME
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert site.asked == asked


def test_patience_is_renewed_by_what_is_new(tmp_path: Path) -> None:
    site = Site(CONTENT, cuts=[1024] * 15)
    with serving(site) as url:
        assert fetch.download(url, tmp_path, WANTED).read_bytes() == CONTENT
    assert len(site.asked) == 16


def test_next_source_goes_on_with_what_the_first_gave(tmp_path: Path) -> None:
    first, second = Site(CONTENT, cuts=[8192, 0, 0, 0]), Site(CONTENT)
    with serving(first) as one, serving(second) as two:
        with pytest.raises(fetch.UnavailableError, match="cut off"):
            fetch.download(one, tmp_path, WANTED)
        fetch.download(two, tmp_path, WANTED)
    assert second.asked == ["bytes=8192-"]


def test_server_that_stalls_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", (1.0, 0.2))
    site = Site(CONTENT, cuts=[8192], stall=threading.Event())
    with serving(site) as url:
        assert fetch.download(url, tmp_path, WANTED).read_bytes() == CONTENT
    assert site.asked == [None, "bytes=8192-"]


def test_host_that_never_answers_is_given_up_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise requests.ConnectTimeout

    monkeypatch.setattr(requests, "get", never)
    with pytest.raises(fetch.UnavailableError, match="no answer in time"):
        fetch.download("http://127.0.0.1/", tmp_path, WANTED)


def test_interruption_keeps_the_part(tmp_path: Path) -> None:
    site = Site(noise(400_000), cuts=[300_000], stall=threading.Event())
    official = only_archive(site.content)
    code = (
        "from pathlib import Path; from data import fetch; from data.datasets.cifar10 import File, Official\n"
        "fetch.download({!r}, Path({!r}), {!r})"
    )
    with serving(site) as url:
        child = subprocess.Popen(
            [sys.executable, "-c", code.format(url, str(tmp_path), official)],
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(1000):
            if (tmp_path / PART).exists() and (tmp_path / PART).stat().st_size > 200_000:
                break
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        _, said = child.communicate(timeout=10)
        assert "KeyboardInterrupt" in said
        there = (tmp_path / PART).stat().st_size
        assert 200_000 < there < 400_000
        assert names(tmp_path) == [PART]
        assert fetch.download(url, tmp_path, official).read_bytes() == site.content
    assert site.asked == [None, f"bytes={there}-"]


@contextlib.contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let the kernel refuse to make any file of this process larger than so many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_full_disk_stops_a_download_until_there_is_room(tmp_path: Path) -> None:
    site = Site(CONTENT)
    with serving(site) as url:
        with full_disk(9000), pytest.raises(UserError) as caught:
            fetch.batches(tmp_path, [url, url], WANTED)
        assert f"{PART}: cannot be written (File too large)" in caught.value.what
        assert "goes on where it stopped" in caught.value.hint
        assert names(tmp_path) == [PART]
        assert len(site.asked) == 1
        assert fetch.download(url, tmp_path, WANTED).read_bytes() == CONTENT
    assert site.asked == [None, "bytes=9000-"]


def test_full_disk_leaves_no_half_written_batch(copies: Copies) -> None:
    folder = copies.raw / CIFAR10.folder
    with (
        full_disk(5000),
        pytest.raises(UserError, match=r"data_batch_1: cannot be written \(File too large\)"),
    ):
        fetch.extract(copies.archive, folder, copies.official)
    assert names(folder) == ["batches.meta"]  # which is small enough
    fetch.extract(copies.archive, folder, copies.official)
    cifar10.check(folder, copies.official)


# What archives may hold.


def member(name: str, **changes: bytes | str | int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in changes.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    "evil",
    [
        member("../evil"),
        member("cifar-10-batches-py/../../evil"),
        member("/evil"),
        member("cifar-10-batches-py/data_batch_1", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("cifar-10-batches-py", type=tarfile.SYMTYPE, linkname=".."),
        member("cifar-10-batches-py/readme.html", type=tarfile.LNKTYPE, linkname="../evil"),
        member("cifar-10-batches-py/data_batch_1", type=tarfile.FIFOTYPE),
        member("cifar-10-batches-py/data_batch_1", type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        member("cifar-10-batches-py/data_batch_1", size=1 << 40),
    ],
    ids=lambda evil: f"{evil.name} {evil.type.decode()}",
)
@pytest.mark.parametrize("last", [False, True])
def test_archive_with_a_harmful_member_is_refused(
    copies: Copies, tmp_path: Path, evil: tarfile.TarInfo, last: bool
) -> None:
    with tarfile.open(tmp_path / "evil.tar.gz", "w:gz") as tar:
        if last:
            tar.add(copies.folder, CIFAR10.folder)
        assert tar.fileobj is not None
        tar.fileobj.write(evil.tobuf())  # addfile() would ask for the content, too
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as caught:
        fetch.extract(tmp_path / "evil.tar.gz", copies.raw, copies.official)
    assert f"refused for its member {evil.name!r}" in caught.value.what
    assert sorted(tmp_path.rglob("*")) == before


def test_archive_of_another_set_is_refused(copies: Copies, tmp_path: Path) -> None:
    with tarfile.open(copies.archive, "w:gz") as tar:
        tar.add(copies.folder, "cifar-100-python")
    with pytest.raises(
        UserError, match="no cifar-10-batches-py/data_batch_1, cifar-10-batches-py/data_batch_2"
    ):
        fetch.extract(copies.archive, copies.raw, copies.official)
    assert not copies.raw.exists()


@pytest.mark.parametrize("change", [alter, cut])
def test_archive_with_a_damaged_batch_is_refused(copies: Copies, change: Callable[[Path], None]) -> None:
    change(copies.folder / "data_batch_3")
    packed(copies.folder, copies.archive)
    with pytest.raises(
        UserError, match=f"{NAME}: cifar-10-batches-py/data_batch_3: (altered|cut short): found"
    ):
        fetch.extract(copies.archive, copies.raw, copies.official)
    assert not (copies.raw / "data_batch_3").exists()


@pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.99])
def test_archive_that_is_cut_short_is_refused(copies: Copies, share: float) -> None:
    content = copies.archive.read_bytes()
    copies.archive.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=rf"{NAME}: (not a readable|no cifar-10-batches-py/)"):
        fetch.extract(copies.archive, copies.raw, copies.official)


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x1f\x8b\x08", noise(2000)])
def test_file_that_is_no_archive_is_refused(tmp_path: Path, copies: Copies, content: bytes) -> None:
    copies.archive.write_bytes(content)
    with pytest.raises(UserError, match=f"{NAME}: not a readable tar.gz archive"):
        fetch.extract(copies.archive, copies.raw, copies.official)
