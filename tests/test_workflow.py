"""The workflow of GitHub Actions: it runs what there is, with few rights and no foreign text in a shell."""

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


def test_every_command_is_there() -> None:
    targets = re.findall(r"^make (?:--silent )?(\w+)", SHELL, re.MULTILINE)
    assert set(targets) == {"lint", "test", "repro", "summary"}
    for target in targets:
        assert re.search(rf"^{target}: ", MAKEFILE, re.MULTILINE), target
    for module in re.findall(r"-m (\w+\.\w+)", SHELL + MAKEFILE):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
    first_words = {line.split()[0] for line in SHELL.splitlines() if line}
    assert first_words == {"make", "git"}


def test_no_shell_line_holds_text_from_outside() -> None:
    assert "${{" not in SHELL
    assert "pull_request_target" not in WORKFLOW["on"]
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert all(not job.get("permissions") for job in WORKFLOW["jobs"].values())


def test_actions_are_pinned_and_hand_no_token_on() -> None:
    for step in STEPS:
        if uses := step.get("uses"):
            assert re.fullmatch(r"actions/[a-z-]+@(v\d+|[0-9a-f]{40})", uses), uses
            assert not uses.startswith("actions/checkout") or step["with"]["persist-credentials"] is False


def test_the_pythons_are_the_ends_of_what_is_supported() -> None:
    pythons = WORKFLOW["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert pythons == ["3.10", "3.13"]
    assert 'requires-python = ">=3.10,<3.14"' in (ROOT / "pyproject.toml").read_text()


def test_the_caches_are_keyed_by_files_that_exist() -> None:
    named = re.findall(r"hashFiles\('([^']+)'\)", TEXT)
    assert named == ["annotate/server/label-studio.txt"]
    assert all((ROOT / name).exists() for name in named)
    # An environment breaks with another patch release of its Python.
    keys = [step["with"]["key"] for step in STEPS if "key" in step.get("with", {})]
    assert all("steps.python.outputs.python-version" in key for key in keys)
    assert "python" in [step.get("id") for step in STEPS]


def test_a_newer_push_stops_the_run_of_a_pull_request_alone() -> None:
    assert WORKFLOW["concurrency"]["cancel-in-progress"] == "${{ github.event_name == 'pull_request' }}"


def make(clone: Path, *arguments: str) -> str:
    """Run make in a clone whose environment is that of the tests."""
    with_environment(clone)
    return subprocess.check_output(["make", "--silent", *arguments], cwd=clone, env=environment(), text=True)


@pytest.fixture
def merged(clone: Path) -> Path:
    """Return a clone as the workflow has it: a merge commit of a change that gives another seed."""
    write_params(clone, **BRIEF)
    commit(clone)
    write_params(clone, **BRIEF | {"seed": 2})
    commit(clone)
    return clone


def test_the_steps_of_a_pull_request_write_its_summary(merged: Path) -> None:
    def step(name: str) -> str:
        return str(next(step["run"] for step in STEPS if step.get("name") == name))

    make(merged, "help")
    summary = merged.parent / "summary.md"
    for name in ("Run the base of the pull request", "Run the pipeline", "Compare with the base"):
        subprocess.run(
            ["bash", "-e", "-c", step(name)],
            cwd=merged,
            env=environment() | {"GITHUB_STEP_SUMMARY": str(summary)},
            check=True,
        )
        with_environment(merged)  # the checkout of a commit renews pyproject.toml
    said = summary.read_text()
    assert said.startswith("## Metrics against base\n\n| Path")
    assert "| train/test.json    | accuracy" in said
    assert "workspace: seed 2 (was 1)" in said
    assert re.search(r"workspace: .* \(p [=<] [\d.]+\)", said)
    assert said.count("```") == 2
    assert "train/out/compare/compare.png" in said

    table = pd.read_csv(merged / "train/out/compare/compare.csv")
    assert list(table["images"]) == [1000, 1000]
    assert np.isclose(table["difference"][1], table["accuracy"][1] - table["accuracy"][0])
    assert make(merged, "runs").startswith("no experiments on this commit: dvc exp run --name ")

    commit(merged)
    said = make(merged, "summary")
    assert "No metric differs." in said
    assert "right on the same images as HEAD, no difference" in said
