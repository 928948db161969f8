from __future__ import annotations

import subprocess
import sys

import pytest

from annotate.__main__ import COMMANDS, load
from tests.tiny import ROOT


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_begins_as_a_command_says_of_itself(name: str) -> None:
    place, summary = COMMANDS[name]
    first = (load(place).__doc__ or "").partition("\n")[0]
    assert summary == first


def python(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_list_imports_no_command() -> None:
    modules = {place.partition(":")[0] for place, _ in COMMANDS.values()}
    code = f"import sys; from annotate.__main__ import app; app(None); print({modules} & {{*sys.modules}})"
    assert python(code).stdout == "set()\n"


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), ([], 2), (["serv"], 2)])
def test_the_list_and_what_is_not_on_it(arguments: list[str], code: int) -> None:
    done = python(f"import sys; sys.argv[1:] = {arguments}; from annotate.__main__ import main; main()")
    assert done.returncode == code
    assert all(name in done.stdout for name in COMMANDS) or "Did you mean 'serve'?" in done.stderr
