from __future__ import annotations

import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from annotate.server import environment
from data.common.errors import UserError


@pytest.fixture
def pins(room: Path) -> Path:
    """Return a list that pins one small package by its file."""
    wheel = room / "label_studio-1.0-py3-none-any.whl"
    info = "label_studio-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("label_studio/__init__.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: label-studio\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    pins = room / "pins.txt"
    pins.write_text(f"{wheel}\n")
    return pins


@pytest.fixture
def home(room: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where to make the environment, without a package index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")
    return room / ".label-studio"


def use_uv(monkeypatch: pytest.MonkeyPatch, uv: Path | None) -> None:
    """Let this program, or none, be found as uv."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: uv and str(uv))


def script(room: Path, text: str) -> Path:
    """Write a shell script called uv."""
    uv = room / "uv"
    uv.write_text(f"#!/bin/sh\n{text}\n")
    uv.chmod(0o755)
    return uv


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_it_is_made_once(
    tool: str, pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(pins.parent))
    if tool == "pip":
        use_uv(monkeypatch, None)
    python = environment.ready(home, pins)
    assert python == home / "env/bin/python"
    subprocess.run([python, "-I", "-c", "import label_studio"], check=True)
    assert not (home / "cache").exists()
    assert capsys.readouterr().out == "installing Label Studio (800 MB) ...\n"
    monkeypatch.setattr(environment, "_install", lambda *_: pytest.fail("made again"))
    assert environment.ready(home, pins) == python


def test_another_list_or_an_incomplete_environment_is_made_anew(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = home.parent / "made"
    link = 'mkdir -p "$4/bin" && ln -s /bin/sh "$4/bin/python"'
    use_uv(monkeypatch, script(home.parent, f'echo "$1" >> {made}; [ "$1" != venv ] || {{ {link}; }}'))
    environment.ready(home, pins)
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"]
    (home / "env/complete").unlink()
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"] * 2
    pins.write_text("# another\n")
    environment.ready(home, pins)
    assert made.read_text().split() == ["venv", "pip"] * 3


@pytest.mark.parametrize(
    ("message", "hint"),
    [
        ("error: no such package", "mend what the log names"),
        ("error: failed to write (os error 28): No space left on device", "the disk is full"),
        ("OSError: [Errno 122] Disk quota exceeded", "the disk is full"),
    ],
)
def test_an_installer_that_fails_is_quoted(
    pins: Path, home: Path, monkeypatch: pytest.MonkeyPatch, message: str, hint: str
) -> None:
    lines = f"for n in $(seq 50); do echo line $n; done; echo '{message}' >&2; exit 3"
    use_uv(monkeypatch, script(home.parent, lines))
    with pytest.raises(UserError, match=r"failed \(exit code 3\); the end of .label-studio/env.log") as error:
        environment.ready(home, pins)
    quoted = error.value.what.splitlines()[1:]
    assert quoted == [*(f"    line {number}" for number in range(44, 51)), f"    {message}"]
    assert error.value.hint.startswith(hint)
    assert not (home / "env/complete").exists()


def test_the_list_pins_every_package_and_names_no_host() -> None:
    lines = [line for line in environment.PINS.read_text().splitlines() if not line.startswith("#")]
    assert all("==" in line.split(";")[0] for line in lines)
    assert not any("://" in line or line.startswith("-") for line in lines)
    assert environment.release() == "1.23.2"
