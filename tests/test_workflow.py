"""The workflow of GitHub Actions and the Makefile: what they name exists, a pull request gets its summary."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML

from tests.clones import commit, environment, with_environment
from tests.tiny import BRIEF, ROOT, write_params

TEXT = (ROOT / ".github/workflows/ci.yml").read_text()
WORKFLOW: dict[str, Any] = YAML(typ="safe").load(TEXT)
STEPS: list[dict[str, Any]] = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
SHELL = "\n".join(step.get("run", "") for step in STEPS)
MAKEFILE = (ROOT / "Makefile").read_text()


def test_every_command_exists() -> None:
    assert {line.split()[0] for line in SHELL.splitlines() if line} == {"make", "git"}
    targets = re.findall(r"^make (?:--silent )?(\w+)", SHELL, re.MULTILINE)
    assert set(targets) == {"lint", "test", "repro", "summary"}
    for target in targets:
        assert re.search(rf"^{target}: ", MAKEFILE, re.MULTILINE), target


def test_the_workflow_has_few_rights_and_no_foreign_text_in_a_shell() -> None:
    assert "${{" not in SHELL
    assert "pull_request_target" not in WORKFLOW["on"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(not job.get("permissions") for job in WORKFLOW["jobs"].values())
    for step in STEPS:
        if uses := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", uses), uses
            assert not uses.startswith("actions/checkout") or step["with"]["persist-credentials"] is False


def test_the_pythons_are_the_oldest_and_the_newest_supported() -> None:
    assert WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"] == ["3.10", "3.13"]
    assert 'requires-python = ">=3.10,<3.14"' in (ROOT / "pyproject.toml").read_text()


def test_the_cache_is_keyed_by_a_file_and_the_python() -> None:
    (key,) = (step["with"]["key"] for step in STEPS if "key" in step.get("with", {}))
    (pins,) = re.findall(r"hashFiles\('([^']+)'\)", key)
    assert (ROOT / pins).exists()
    assert "steps.python.outputs.python-version" in key
    assert "python" in [step.get("id") for step in STEPS]


def make(clone: Path, *arguments: str) -> str:
    """Run make in a clone, with the environment of the tests."""
    with_environment(clone)
    return subprocess.check_output(["make", "--silent", *arguments], cwd=clone, env=environment(), text=True)


@pytest.fixture
def merged(clone: Path) -> Path:
    """Return a clone as the workflow has it: a merge commit of a change of the seed."""
    write_params(clone, **BRIEF)
    commit(clone)
    write_params(clone, **BRIEF | {"seed": 2})
    commit(clone)
    return clone


@pytest.mark.slow
def test_the_steps_of_a_pull_request_write_its_summary(merged: Path) -> None:
    commands = {step.get("name"): step.get("run") for step in STEPS}
    make(merged, "help")
    path = merged.parent / "summary.md"
    for name in ("Run the base of the pull request", "Run the pipeline", "Compare with the base"):
        subprocess.run(
            ["bash", "-e", "-c", str(commands[name])],
            cwd=merged,
            env=environment() | {"GITHUB_STEP_SUMMARY": str(path)},
            check=True,
        )
        with_environment(merged)  # the checkout of a commit renews pyproject.toml
    summary = path.read_text()
    assert summary.startswith("## Metrics against base\n\n| Path")
    assert re.search(r"\| train/test.json +\| accuracy", summary)
    assert "workspace: seed 2 (was 1)" in summary
    assert re.search(r"workspace: .* \(p [=<] [\d.]+\)", summary)
    assert summary.count("```") == 2
    for artifact in next(step["with"]["path"] for step in STEPS if "upload" in step.get("uses", "")).split():
        assert (merged / artifact).exists(), artifact

    table = pd.read_csv(merged / "train/out/comparison/compare.csv")
    assert list(table["images"]) == [1000, 1000]
    assert np.isclose(table["difference"][1], table["accuracy"][1] - table["accuracy"][0])
    assert make(merged, "runs").startswith("no experiments on this commit: dvc exp run --name ")

    # The parameters are those of the commit, the figures those of this machine.
    hint = 'git commit -am "My first run"'
    assert hint in make(merged, "repro")
    commit(merged)
    assert hint not in make(merged, "repro")
    assert "No metric differs." in make(merged, "summary")
