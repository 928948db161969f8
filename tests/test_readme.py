from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from tests import readme
from tests.tiny import ROOT

TEXT = readme.README.read_text()


@pytest.mark.parametrize("name", readme.TABLES)
def test_the_tables_are_those_of_the_pipeline(name: str) -> None:
    found = readme.marked(name).search(TEXT)
    assert found
    assert found[0] == readme.TABLES[name](), "make them anew with: python -m tests.readme"


def test_nothing_is_left_to_be_filled_in() -> None:
    assert not re.findall(r"@[A-Z_]+@|TODO|TBD", TEXT)


def test_links_and_pictures_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-")
        for head in re.findall(r"^#+ (.*)$", TEXT, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        if target.startswith("http"):
            continue
        if target.startswith("#"):
            assert target[1:] in anchors, target
        else:
            assert (ROOT / target.split("#")[0]).exists(), target


def commands() -> list[str]:
    """Return the commands in the page's blocks, without what is said about them."""
    lines = "\n".join(re.findall(r"^```\n(.*?)^```", TEXT, re.S | re.M)).splitlines()
    starts = ("python -m ", "dvc ", "make ", "torchrun ")
    return [line.split("  #")[0].strip() for line in lines if line.startswith(starts)]


@pytest.mark.parametrize(
    "module", sorted({line.split()[2] for line in commands() if line.startswith("python -m")})
)
def test_the_options_of_each_command_are_there(module: str) -> None:
    given = [line.split()[3:] for line in commands() if line.startswith(f"python -m {module} ")]
    by_subcommand: dict[str, set[str]] = {}
    for words in given:
        subcommand = words[0] if module == "annotate" else ""
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        by_subcommand[subcommand] = by_subcommand.get(subcommand, set()) | options
    for subcommand, options in by_subcommand.items():
        command = [sys.executable, "-m", module, *filter(None, [subcommand]), "--help"]
        wide = os.environ | {"COLUMNS": "200"}
        said = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=True).stdout
        for option in options:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", said), f"{command} has no {option}"


def test_commands_name_what_there_is() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"```.*?```|`[^`]+`", TEXT, re.S))):
        assert target in targets, target
    for module in set(re.findall(r"python -m ((?:annotate|data|train|tests)\.[a-z_]+)", TEXT)):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
