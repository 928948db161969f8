"""Which of the project's modules a file imports, read from its text."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

from tests.tiny import ROOT

ROOMS = ("annotate", "data", "train")
MODULES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def dotted(path: Path) -> str:
    """Return a file's name as a module."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


NAMES = {dotted(path): path for path in MODULES}


def imported(path: Path, nodes: Sequence[ast.AST] | None = None) -> set[str]:
    """Return the project's modules that a file imports, anywhere in it or in some of its nodes."""
    names: set[str] = set()
    for node in nodes if nodes is not None else ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & NAMES.keys()
            names |= submodules or {node.module}
    return names & NAMES.keys()
