"""The documentation: its tables, links, figures and commands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests import clones, readme
from tests.readme import README, RECIPES
from tests.tiny import BRIEF, ROOT, write_params
from train.trials import interval_of_mean

TEXT = README.read_text()
PAGES = [
    ROOT / page for page in subprocess.check_output(["git", "ls-files", "*.md"], cwd=ROOT, text=True).split()
]


def test_the_first_page_is_short() -> None:
    assert len(TEXT.splitlines()) <= 250
    assert TEXT.splitlines().index("## The pipeline") <= 121  # the results stand before it


@pytest.mark.parametrize("name", readme.TABLES)
def test_the_tables_are_those_of_the_pipeline(name: str) -> None:
    path, make = readme.TABLES[name]
    table = readme.marked(name).search(path.read_text())
    assert table
    assert table[0].strip() == make(), "make them anew with: python -m tests.readme"


@pytest.mark.parametrize(("recipe", "folder"), [("fast", "fast"), ("best", "gpu/best")])
def test_figures_are_those_of_the_seeds(recipe: str, folder: str) -> None:
    runs = readme.runs(folder)
    mean, deviation, loss = runs["accuracy"].mean(), runs["accuracy"].std(), runs["loss"].mean()
    low, high = interval_of_mean(runs["accuracy"])
    many = ("no", "one", "two", "three", "four", "five")[len(runs)]
    assert f"{mean:.1f} %" in TEXT
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{recipe}`, mean of {many} seeds |"))
    assert f"**{mean:.2f} %**, loss {loss:.3f} | {readme.span(runs['minutes'])}" in row
    evidence = " ".join(RECIPES.read_text().split())
    assert f"{mean:.2f} % in the mean with a standard deviation of {deviation:.2f}" in evidence
    assert f"a 95 % confidence interval of {low:.2f} to {high:.2f} %" in evidence


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_images_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    assert not re.findall(r"@[A-Z_]+@|TODO|TBD", text)
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    anchors = {re.sub(r"[^\w -]", "", head).strip().lower().replace(" ", "-") for head in heads}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("http"):
            assert (page.parent / target.split("#")[0]).exists(), target


def commands() -> list[str]:
    """Return the commands in the README's blocks, without their comments, each once."""
    lines = "\n".join(re.findall(r"^```\w*\n(.*?)^```", TEXT, re.S | re.M)).splitlines()
    starts = ("python -m ", "dvc ", "make ", "torchrun ")
    return list(dict.fromkeys(line.split("  #")[0].strip() for line in lines if line.startswith(starts)))


BROWSER = "tests/annotate/test_browser.py"

# Commands that the test below does not type, and what runs them instead.
ELSEWHERE = {
    "make repro": "dvc repro, in the Makefile's environment: tests/test_workflow.py",
    "python -m annotate serve --detach": BROWSER,
    "python -m annotate push": BROWSER,
    "python -m annotate status": BROWSER,
    "python -m train.trials --recipe fast --seeds 1 --set validation=5000 --set max_lr=1.0": (
        "takes all of CIFAR-10; its settings are read in tests/train/test_trials.py"
    ),
    "torchrun --nproc-per-node 2 -m train.fit": "tests/train/core/test_distributed.py",
}


@pytest.mark.slow
def test_the_commands_work_as_they_are_typed(clone: Path) -> None:
    assert set(commands()) > set(ELSEWHERE)
    write_params(clone, **BRIEF)
    _every_recipe_is(clone, "quick")
    shutil.copytree(ROOT / "data/sample", clone / "photos", ignore=shutil.ignore_patterns("*.csv"))
    clones.with_environment(clone)
    for command in commands():
        if command in ELSEWHERE:
            continue
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=clone,
            env=clones.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        if command == "dvc metrics diff":
            assert "train/test.json" in done.stdout  # the committed run is that of another training
            clones.commit(clone)
        if command == "make runs":
            assert "[shallow]" in done.stdout
            assert not re.search("by_class|[0-9a-f]{32}", done.stdout)
    for written in ("photos.csv", "train/out/comparison/compare.png", "train/out/trials/trials.csv"):
        assert (clone / written).exists(), written


@pytest.mark.parametrize(
    "module", sorted({line.split()[2] for line in commands() if line.startswith("python -m")})
)
def test_the_options_of_each_command_exist(module: str) -> None:
    given = [line.split()[3:] for line in commands() if line.startswith(f"python -m {module} ")]
    by_subcommand: dict[str, set[str]] = {}
    for words in given:
        subcommand = words[0] if module == "annotate" else ""
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        by_subcommand[subcommand] = by_subcommand.get(subcommand, set()) | options
    for subcommand, options in by_subcommand.items():
        command = [sys.executable, "-m", module, *filter(None, [subcommand]), "--help"]
        wide = os.environ | {"COLUMNS": "200"}
        help_text = subprocess.run(
            command, cwd=ROOT, env=wide, capture_output=True, text=True, check=True
        ).stdout
        for option in options:
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", help_text), f"{command} has no {option}"


def _every_recipe_is(folder: Path, name: str) -> None:
    """Give all recipes the values of one."""
    yaml, path = YAML(typ="safe"), folder / "params.yaml"
    values = yaml.load(path.read_text())
    values["recipes"] = dict.fromkeys(values["recipes"], values["recipes"][name])
    with path.open("w") as file:
        yaml.dump(values, file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_name_what_exists(page: Path) -> None:
    text = page.read_text()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"```.*?```|`[^`]+`", text, re.S))):
        assert target in targets, target
    for module in set(re.findall(r"python -m ((?:annotate|data|train|tests)\.[a-z_.]+[a-z])", text)):
        path = ROOT / module.replace(".", "/")
        assert path.with_suffix(".py").exists() or (path / "__main__.py").exists(), module
