"""The rooms: which may import which, no circles, no crowded folder, no command that does nothing."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import TopologicalSorter

import pytest

from tests.imports import MODULES, NAMES, ROOMS, imported
from tests.tiny import ROOT

# What a room may import, beside itself and packages from elsewhere.
ALLOWED = {"data": (), "train": ("data",), "annotate": ("data", "train.predict")}


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_it_may(room: str) -> None:
    for path in MODULES:
        if path.parts[0] == room:
            for name in imported(path):
                assert name.startswith((f"{room}.", *ALLOWED[room])) or name == room, f"{path} imports {name}"


def test_annotate_imports_the_model_inside_functions_only() -> None:
    for path in MODULES:
        if path.parts[0] == "annotate":  # torch takes seconds, and most commands need no model
            top = list(ast.parse((ROOT / path).read_text()).body)
            assert not {name for name in imported(path, top) if name.startswith("train")}, path


def test_there_are_no_circles() -> None:
    TopologicalSorter({name: imported(path) - {name} for name, path in NAMES.items()}).prepare()


def test_no_folder_is_crowded() -> None:
    counts = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > 12} == {}


def test_a_name_means_one_thing() -> None:
    """No two classes of one name, and no two modules but for those that Python names."""
    classes = Counter(
        node.name
        for path in MODULES
        for node in ast.parse((ROOT / path).read_text()).body
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in classes.items() if count > 1] == []
    files = Counter(path.name for path in MODULES if not path.name.startswith("__"))
    assert [name for name, count in files.items() if count > 1] == []
