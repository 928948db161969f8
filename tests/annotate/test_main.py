from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import pytest

from annotate.__main__ import COMMANDS
from tests.tiny import ROOT


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_documented(name: str) -> None:
    module, function, summary = COMMANDS[name]
    assert getattr(import_module(module), function).__doc__
    assert summary.endswith(".")


def test_the_list_imports_no_command() -> None:
    modules = {module for module, _, _ in COMMANDS.values()}
    code = f"import sys; from annotate.__main__ import app; app(''); print({modules} & {{*sys.modules}})"
    assert python("-c", code).stdout == "set()\n"


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["serv"], 2)])
def test_the_list_and_an_unknown_command(arguments: list[str], code: int) -> None:
    done = python("-m", "annotate", *arguments)
    assert done.returncode == code
    assert all(name in done.stdout for name in COMMANDS) or "Did you mean 'serve'?" in done.stderr


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("annotate.push", "python -m annotate push"),
        ("annotate.commands.push", "python -m annotate push"),
        ("annotate.sample", "python -m annotate sample"),
        ("annotate.labelling.folder", "python -m annotate --help"),
        ("annotate.nonsense", "python -m annotate --help"),
    ],
)
def test_a_module_that_is_not_a_command_is_refused(module: str, command: str) -> None:
    for arguments in (["-m", module], [f"-m{module}", "--help"]):
        done = python(*arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"{module} is not a command" in done.stderr
        assert f'"{command}"' in done.stderr
