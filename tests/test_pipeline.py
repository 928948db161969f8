"""The graph of dvc.yaml: complete, current, and run from one end to the other in a fresh clone."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from ruamel.yaml import YAML

from data import embed
from data.common import cli
from data.datasets import sample
from tests.clones import commit, dvc, environment, ran
from tests.tiny import BRIEF, ROOT, TINY, untrained, write_params
from train.core import checkpoint, model

STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]

# Labels are made by people; a change of the code that fetches them is no reason to fetch them anew.
WITHOUT_CODE = {"export"}


def module(name: str) -> str | None:
    """Return the repository's file of a module, without the packages' own files, which hold no code."""
    path = Path(*name.split(".")).with_suffix(".py")
    return str(path) if (ROOT / path).exists() else None


def imported(path: str) -> set[str]:
    """Return the repository's files that a file imports, at its top or anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {found for name in names if (found := module(name))}


def code(stage: str) -> set[str]:
    """Return all of the repository's files that a stage's command runs."""
    todo = {module(STAGES[stage]["cmd"].removeprefix("python -m ")) or ""}
    done: set[str] = set()
    while todo:
        path = todo.pop()
        done.add(path)
        todo |= imported(path) - done
    return done


@pytest.mark.parametrize("stage", sorted(set(STAGES) - WITHOUT_CODE))
def test_the_code_of_a_stage_is_among_its_dependencies(stage: str) -> None:
    listed = {dep for dep in STAGES[stage]["deps"] if dep.endswith(".py")}
    assert listed == code(stage)


# What a training runs and no weight depends on; the parameters are part of a checkpoint's name themselves.
WITHOUT_WEIGHT = {
    "data/errors.py",
    "data/files.py",
    "data/interrupt.py",
    "data/params.py",
    "data/progress.py",
    "train/inference.py",
    "train/model.py",
    "train/stopping.py",
}


def test_a_checkpoint_belongs_to_all_code_that_weights_depend_on() -> None:
    assert set(checkpoint.CODE) == code("train") - WITHOUT_WEIGHT


def test_fetching_labels_depends_on_nothing_that_changes() -> None:
    assert STAGES["export"]["deps"] == ["data/sample/index.csv"]  # in git, and the same for ever


def test_new_tasks_are_no_reason_to_ask_a_server(clone: Path) -> None:
    labels = (clone / "annotate/project/export.json").read_bytes()
    (clone / ".env").write_text("LABEL_STUDIO_URL=http://127.0.0.1:9\nLABEL_STUDIO_API_KEY=none\n")
    path = clone / "params.yaml"
    path.write_text(path.read_text().replace("images: 100", "images: 120"))
    said = dvc(clone, "repro", "labels")
    assert ran(said) == ["check", "sample", "labels"]
    assert "of 120 images labelled" in said
    assert (clone / "annotate/project/export.json").read_bytes() == labels
    assert "cannot fetch the labels" in dvc(clone, "repro", "-fs", "export", code=255)
    assert (clone / "annotate/project/export.json").read_bytes() == labels


def test_labels_can_be_fetched_before_anything_else_was_run(clone: Path) -> None:
    assert "keeping annotate/project/export.json: 100 of 100" in dvc(clone, "repro", "-fs", "export")
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=clone, text=True) == ""


def test_every_room_knows_only_the_floor_below() -> None:
    for room, below in {
        "data": {"data"},
        "annotate": {"annotate", "data"},
        "train": {"train", "data"},
    }.items():
        for path in (ROOT / room).rglob("*.py"):
            known = {found.split("/")[0] for found in imported(str(path.relative_to(ROOT)))}
            assert known <= below, path


def test_every_output_has_a_line_in_gitignore_or_lives_in_git() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    for stage in STAGES.values():
        for out in stage["outs"]:
            if isinstance(out, str):
                assert {f"/{out}", f"/{out}/"} & set(ignored), out


def test_the_lock_is_current(clone: Path) -> None:
    assert "Data and pipelines are up to date" in dvc(clone, "repro", "--dry", "--allow-missing")


def test_the_whole_pipeline_in_a_fresh_clone(clone: Path) -> None:
    write_params(clone, **BRIEF)
    said = dvc(clone, "repro")
    # The labels themselves are in git.
    assert ran(said) == ["check", "sample", "labels", "prepare", "train", "evaluate"]
    assert "labelled  " in said
    assert "next      open train/out/report/index.html" in said
    assert (clone / "train/out/model.safetensors").exists()
    assert subprocess.check_output(["git", "status", "--porcelain", "annotate"], cwd=clone, text=True) == ""

    shown = json.loads(dvc(clone, "metrics", "show", "--json"))[""]["data"]
    assert set(shown) == {"annotate/metrics.json", "train/metrics.json", "train/test.json"}

    assert ran(dvc(clone, "repro")) == []
    write_params(clone, **BRIEF | {"max_lr": 0.2})
    assert ran(dvc(clone, "repro")) == ["check", "train", "evaluate"]
    write_params(clone, **BRIEF)
    back = dvc(clone, "repro")
    assert ran(back) == []
    assert "Stage 'train' is cached" in back
    assert json.loads(dvc(clone, "metrics", "show", "--json"))[""]["data"] == shown

    write_params(clone, **BRIEF | {"max_lrr": 1.0})
    wrong = dvc(clone, "repro", code=255)
    assert "error: params.yaml: recipes.quick.train.max_lrr is not a parameter" in wrong
    assert "hint: did you mean max_lr?" in wrong
    assert ran(wrong) == ["check"]
    assert json.loads(dvc(clone, "metrics", "show", "--json"))[""]["data"] == shown
    assert (clone / "train/out/model.safetensors").exists()
    write_params(clone, **BRIEF)
    assert ran(dvc(clone, "repro")) == []

    differences = json.loads(dvc(clone, "metrics", "diff", "--json"))
    assert "steps" in differences["train/metrics.json"]
    dvc(clone, "plots", "show", "--json")

    commit(clone)
    write_params(clone, **BRIEF | {"seed": 2})
    dvc(clone, "repro", "train")
    for path in ("train/out/plots/curves.csv", "annotate/project/export.json", "annotate/out/images/new.png"):
        (clone / path).write_text("what a stopped run, a fetch and `annotate next` leave\n")
    (back,) = re.findall("`(git checkout HEAD [^`]*)`", (ROOT / "README.md").read_text())[:1]
    subprocess.run(["bash", "-c", back], cwd=clone, env=environment(), check=True)
    assert ran(dvc(clone, "repro")) == []
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=clone, text=True) == ""


@pytest.mark.parametrize(
    ("old", "new", "error", "hint"),
    [
        ("max_lr:", "max_lrr:", "recipes.quick.train.max_lrr is not a parameter", "did you mean max_lr?"),
        ("batch: 64", "", "recipes.quick.train.batch is missing", "add it: images a step."),
        ("seed: 1", "seed: one", "recipes.quick.train.seed is 'one'", "a whole number"),
        ("recipe: quick", "recipe: quik", "recipe is 'quik'", "did you mean quick?"),
    ],
)
def test_a_mistake_in_params_ends_the_run_before_any_work(
    clone: Path, old: str, new: str, error: str, hint: str
) -> None:
    params = clone / "params.yaml"
    text = params.read_text()
    assert old in text
    params.write_text(text.replace(old, new, 1))
    said = dvc(clone, "repro", "train", code=255)
    assert f"error: params.yaml: {error}" in said
    assert hint in said
    assert ran(said) == ["check"]


CUT = {  # a stage, something deep in its work, and what it writes
    "annotate.sample": ("data.datasets.sample.read", "annotate/project/tasks.json"),
    "annotate.export": ("annotate.export.unlabelled", "annotate/project/export.json"),
    "annotate.labels": ("annotate.labels.judge", "annotate/out/labels"),
    "data.prepare": ("data.datasets.dataset.Dataset.save", "data/out/dataset"),
    "train.evaluate": ("train.page.figures.confusion", "train/out/report"),
}


@pytest.mark.parametrize("stage", CUT)
def test_ctrl_c_leaves_nothing_half_written(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = CUT[stage]
    prepared(tmp_path, out)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [stage])

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.run(importlib.import_module(stage).main)
    assert ended.value.code == 130
    assert (
        capsys.readouterr().err
        == "\ninterrupted: what was finished is kept, the same command goes on from there\n"
    )
    assert not (tmp_path / out).exists()
    assert not list(tmp_path.rglob("*.part"))


def prepared(folder: Path, out: str) -> None:
    """Fill a folder with what the stages read, as far as the repository has it, without one output."""
    for name in (
        "annotate",
        "data/sample",
        "params.yaml",
        "train/metrics.json",
        "train/reference/published.csv",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    few = embed.choose(sample.read("test", ROOT / "data/sample"), 2)
    few.save(folder / "data/out/dataset/test.safetensors", "sample")
    few.table("test").to_csv(folder / "data/out/dataset/index.csv", index=False)
    model.write(untrained(), folder / "train/out/model.safetensors")
    (folder / "train/out/plots").mkdir()
    shutil.copy(ROOT / "train/reference/fast/curves.csv", folder / "train/out/plots/curves.csv")
    (folder / "annotate/out/images").mkdir(exist_ok=True)
    Image.new("RGB", (32, 32)).save(folder / "annotate/out/images/test-00000.png")
    (folder / "annotate/out/labels").mkdir(exist_ok=True)
    (folder / "annotate/out/labels/labels.csv").write_text("image,agreed\n")
    if (folder / out).is_dir():
        shutil.rmtree(folder / out)
    else:
        (folder / out).unlink(missing_ok=True)


def test_two_pipelines_at_once_do_not_meet(clone: Path) -> None:
    write_params(
        clone, **TINY | {"epochs": 400, "fall_epochs": 399.0, "progressive": [{"epochs": 400, "size": 8}]}
    )
    command = [sys.executable, "-m", "dvc", "repro", "train"]
    first = subprocess.Popen(
        command, cwd=clone, env=environment(), stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert first.stdout is not None
        assert any(line.startswith("epoch 1/") for line in first.stdout)
        assert "is busy, it is being blocked by" in dvc(clone, "repro", "train", code=255)
        assert first.poll() is None
    finally:
        os.killpg(first.pid, signal.SIGKILL)  # dvc and the training that it started
        first.communicate()
