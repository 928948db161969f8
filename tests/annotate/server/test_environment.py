from __future__ import annotations

import os
import shutil
import stat
import sys
import zipfile
from collections import namedtuple
from pathlib import Path

import pytest

from annotate.server import environment
from data.common.errors import UserError

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def pins(room: Path) -> Path:
    """Return a list that pins one package of one line, by its file."""
    wheel = room / "label_studio-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("label_studio/__init__.py", "HERE = True\n")
        info = "label_studio-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: label-studio\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    pins = room / "pins.txt"
    pins.write_text(f"# label-studio==1.0\n{wheel}\n")
    return pins


@pytest.fixture
def home(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where to make the environment; the release is not looked for, nor is there an index to ask."""
    monkeypatch.setattr(environment, "release", lambda _: "1.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_USER", "1")  # would install elsewhere
    return room / ".label-studio"


def fake_uv(room: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Put a program called uv in the way."""
    uv = room / "uv"
    uv.write_text(f"#!/bin/sh\n{script}\n")
    uv.chmod(uv.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(environment, "find_uv", lambda: str(uv))


@pytest.mark.parametrize(
    "tool",
    [pytest.param("uv", marks=pytest.mark.skipif(not environment.find_uv(), reason="no uv here")), "pip"],
)
def test_it_is_made_once(tool: str, pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if tool == "pip":
        monkeypatch.setattr(environment, "find_uv", lambda: None)
    python = environment.ready(home, pins)
    assert os.system(f"{python} -c 'import label_studio; assert label_studio.HERE'") == 0
    assert python == home / "env/bin/python"
    assert not (home / "cache").exists()
    monkeypatch.setattr(environment, "find_uv", lambda: pytest.fail("made again"))
    assert environment.ready(home, pins) == python


def test_another_list_or_half_an_environment_is_made_anew(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.parent / "made"
    link = 'mkdir -p "$4/bin" && ln -s /bin/sh "$4/bin/python"'
    fake_uv(home.parent, monkeypatch, f'echo "$1" >> {made}; [ "$1" != venv ] || {{ {link}; }}')
    environment.ready(home, pins)
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"]
    (home / "env" / environment.STAMP).unlink()
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"] * 2
    pins.write_text("# another\n")
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"] * 3


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("error: no such package", "look at the end of the log"),
        ("error: failed to write (os error 28): No space left on device", "the disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "the disk is full"),
    ],
)
def test_an_installer_that_fails_is_quoted(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch, said: str, hint: str
) -> None:
    fake_uv(home.parent, monkeypatch, f"for n in $(seq 50); do echo line $n; done; echo '{said}' >&2; exit 3")
    with pytest.raises(UserError) as error:
        environment.ready(home, pins)
    what = error.value.what.splitlines()
    start = "making Label Studio's environment failed (exit code 3); the end of .label-studio/log:"
    assert what == [start, *(f"    line {number}" for number in range(44, 51)), f"    {said}"]
    assert error.value.hint.startswith(hint)
    assert not (home / "env" / environment.STAMP).exists()


def test_it_says_how_many_packages_are_there(room: Path) -> None:
    pins = room / "pins.txt"
    pins.write_text("# a list\na==1 ; python_version < '3.11'\na==2 ; python_version >= '3.11'\nb==1\nc==3\n")
    env = room / "env"
    assert environment._installed(env, pins) == "fetching packages"
    for name in ("a-2", "b-1"):
        (env / f"lib/python3.11/site-packages/{name}.dist-info").mkdir(parents=True)
    assert environment._installed(env, pins) == "2 of about 3 packages installed"


def test_a_list_that_names_what_is_not_there_fails_with_its_name(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "find_uv", lambda: None)
    pins.write_text("label-studio-that-is-not-there==1.0\n")
    with pytest.raises(UserError, match="label-studio-that-is-not-there"):
        environment.ready(home, pins)


def test_a_disk_with_too_little_room_is_found_before_the_work(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(2e9, 1.4e9, 6e8))
    with pytest.raises(UserError, match=r"\.label-studio: 600 MB are free on this disk"):
        environment.ready(home, pins)
    assert not (home / "env").exists()


def test_the_list_pins_every_package_and_names_no_host() -> None:
    lines = [line for line in environment.PINS.read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line.split(";")[0] for line in lines)
    assert not any("://" in line or line.startswith("-") for line in lines)
    assert environment.release() == "1.23.2"


def test_a_list_without_label_studio_is_refused(room: Path) -> None:
    (room / "pins.txt").write_text("django==5.2\n")
    with pytest.raises(UserError, match="no label-studio==RELEASE in it"):
        environment.release(room / "pins.txt")


def test_uv_is_found_beside_the_interpreter(room: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(room / "bin"))
    monkeypatch.setattr(sys, "executable", str(room / "env/bin/python"))
    assert environment.find_uv() is None
    (room / "env/bin").mkdir(parents=True)
    uv = room / "env/bin/uv"
    uv.touch(mode=0o755)
    assert environment.find_uv() == str(uv)
