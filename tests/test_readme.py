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
from tests.tiny import BRIEF, ROOT, write_params
from train.trials import interval_of_mean

TEXT = readme.README.read_text()


@pytest.mark.parametrize("name", readme.TABLES)
def test_the_tables_are_those_of_the_pipeline(name: str) -> None:
    found = readme.marked(name).search(TEXT)
    assert found
    assert found[0] == readme.TABLES[name](), "make them anew with: python -m tests.readme"


@pytest.mark.parametrize(("recipe", "folder"), [("fast", "fast"), ("best", "gpu/best")])
def test_sentences_about_the_seeds_say_what_is_in_their_table(recipe: str, folder: str) -> None:
    found = readme.runs(folder)
    mean, deviation, loss = found["accuracy"].mean(), found["accuracy"].std(), found["loss"].mean()
    low, high = interval_of_mean(found["accuracy"])
    many = ("no", "one", "two", "three", "four", "five")[len(found)]
    minutes = readme.span(found["minutes"])
    text = " ".join(TEXT.split())
    assert f"`{recipe}` reaches {mean:.1f} %" in text
    assert f"**{mean:.1f} %** after the last epoch, mean of {many} seeds ({minutes}" in text
    assert f"| `{recipe}`, mean of {many} seeds |" in text
    assert f"**{mean:.2f} %**, loss {loss:.3f} | {minutes}" in text
    evidence = " ".join((ROOT / "train/RECIPES.md").read_text().split())
    assert f"{mean:.2f} % in the mean with a standard deviation of {deviation:.2f}" in evidence
    assert f"a 95 % confidence interval of {low:.2f} to {high:.2f} %" in evidence


def test_the_row_of_best_at_32_says_what_is_in_its_table() -> None:
    found = readme.runs("best-at-32")
    mean, loss = found["accuracy"].mean(), found["loss"].mean()
    said = f"{mean:.2f} %, loss {loss:.3f} | {readme.span(found['minutes'])}"
    assert f"| `best` at 32 x 32, mean of five seeds | 2,500,000 each | 29.25 | {said}" in TEXT


def test_nothing_is_left_to_be_filled_in() -> None:
    assert not re.findall(r"@[A-Z_]+@|TODO|TBD", TEXT)


def test_links_and_images_lead_somewhere() -> None:
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
    """Return the commands in the page's blocks, without what is said about them, each once."""
    lines = "\n".join(re.findall(r"^```\w*\n(.*?)^```", TEXT, re.S | re.M)).splitlines()
    starts = ("python -m ", "dvc ", "make ", "torchrun ")
    return list(dict.fromkeys(line.split("  #")[0].strip() for line in lines if line.startswith(starts)))


BROWSER, DISTRIBUTED = "tests/annotate/test_browser.py", "tests/train/test_distributed.py"

# Commands that are not typed by the test below, and what runs them instead.
ELSEWHERE = {
    "make repro": "dvc repro, in the Makefile's environment: tests/test_workflow.py",
    "make test": "this",
    "python -m annotate serve --detach": BROWSER,
    "python -m annotate push": BROWSER,
    "python -m annotate status": "tests/annotate/test_main.py",
    "python -m train.trials --recipe fast --seeds 1 --set validation=5000 --set max_lr=1.0": (
        "takes all of CIFAR-10; its settings are read in tests/train/test_trials.py"
    ),
    "torchrun --nproc-per-node 2 -m train.fit": DISTRIBUTED,
    "torchrun --standalone --nproc-per-node 2 --max-restarts 3 -m train.fit": DISTRIBUTED,
    "torchrun --nnodes 2 --nproc-per-node 8 --rdzv-backend c10d --rdzv-endpoint HOST:29500 -m train.fit": (
        "takes two machines: never run, as the page says"
    ),
}


def test_the_commands_work_as_they_are_typed(clone: Path) -> None:
    assert set(commands()) > set(ELSEWHERE)
    write_params(clone, **BRIEF)
    every_recipe_is(clone, "quick")
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
        if command == "python -m train.compare":
            assert "right on the same images as HEAD, no difference" in done.stdout
            assert re.search(
                r"^  run .* 95% interval .* epochs' worth *$", done.stdout, re.M
            )  # a pipe cuts no row
        if command == "make runs":
            assert "[shallow]" in done.stdout
            assert "by_class" not in done.stdout
            assert not re.search("[0-9a-f]{32}", done.stdout)  # checksums of files
    for written in ("photos.csv", "p.csv", "train/out/compare/compare.png", "train/out/trials/trials.csv"):
        assert (clone / written).exists(), written
    changed = subprocess.check_output(["git", "status", "--porcelain"], cwd=clone, text=True)
    assert "train/out/compare" not in changed
    clones.commit(clone)
    said = subprocess.check_output(["make", "runs"], cwd=clone, env=clones.environment(), text=True)
    assert "no experiments on this commit: dvc exp run " in said
    assert "of other commits: shallow (python -m train.compare HEAD NAME)" in said


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


def every_recipe_is(folder: Path, name: str) -> None:
    """Give all recipes the values of one."""
    yaml, path = YAML(typ="safe"), folder / "params.yaml"
    values = yaml.load(path.read_text())
    values["recipes"] = dict.fromkeys(values["recipes"], values["recipes"][name])
    with path.open("w") as file:
        yaml.dump(values, file)


def test_commands_name_what_there_is() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"\bmake ([a-z]+)", "\n".join(re.findall(r"```.*?```|`[^`]+`", TEXT, re.S))):
        assert target in targets, target
    for module in set(re.findall(r"python -m ((?:annotate|data|train|tests)\.[a-z_]+)", TEXT)):
        assert (ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
