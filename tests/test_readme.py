from __future__ import annotations

import re

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


def test_commands_name_what_there_is() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"```.*?```|`[^`]+`", TEXT, re.S))):
        assert target in targets, target
    for module in set(re.findall(r"python -m ((?:annotate|data|train|tests)\.[a-z_]+)", TEXT)):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
