"""The graph of dvc.yaml: complete, current, and run from one end to the other in a fresh clone."""

from __future__ import annotations

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

from annotate.__main__ import COMMANDS
from data import embed
from data.common import cli
from data.datasets import embedded
from tests.clones import commit, dvc, environment, ran
from tests.imports import NAMES, imported
from tests.tiny import BRIEF, ROOT, TINY, untrained, write_params
from train.core import model

STAGES: dict[str, dict[str, Any]] = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]

# What decides no result: messages, files, progress; what params.yaml may say, since its values are listed.
WITHOUT_RESULT = ("data.common", "data.params", "data.recipe")


def entry(stage: str) -> str:
    """Return the module that a stage's command runs."""
    words = STAGES[stage]["cmd"].split()
    return COMMANDS[words[3]][0].partition(":")[0] if words[2] == "annotate" else str(words[2])


def code(stage: str) -> set[Path]:
    """Return the project's files that a stage's command runs and that decide its result."""
    todo, done = {entry(stage)}, set()
    while todo:
        name = todo.pop()
        done.add(name)
        todo |= {found for found in imported(NAMES[name]) if not found.startswith(WITHOUT_RESULT)} - done
    return {NAMES[name] for name in done if NAMES[name].name != "__init__.py"}


# Labels are made by people: a change of the code that fetches them is no reason to fetch them anew.
@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"check", "export"}))
def test_a_stage_depends_on_the_code_that_decides_its_result(stage: str) -> None:
    deps = [Path(dep) for dep in STAGES[stage]["deps"] if not dep.startswith("$")]
    listed = {dep for dep in deps if dep.suffix == ".py" or (ROOT / dep / "__init__.py").exists()}
    files = code(stage)
    assert {path for path in files if not {path, *path.parents} & listed} == set()
    assert {dep for dep in listed if not any(dep in {path, *path.parents} for path in files)} == set()
    assert not {Path("data/common"), Path("data/params.py"), Path("data/recipe.py")} & listed


def test_fetching_labels_depends_on_nothing() -> None:
    assert "deps" not in STAGES["export"]


def test_every_output_is_ignored_by_git_or_lives_in_it() -> None:
    ignored = (ROOT / ".gitignore").read_text().split()
    for stage in STAGES.values():
        for out in stage["outs"]:
            if isinstance(out, str):
                assert f"/{'/'.join(out.split('/')[:2])}/" in ignored, out


@pytest.mark.slow
def test_the_lock_is_current_and_follows_code_that_decides_results(clone: Path) -> None:
    def modified() -> dict[str, list[str]]:
        """Return the modified dependencies by stage; outputs are missing in a clone."""
        stages = json.loads(dvc(clone, "status", "--json"))
        changed = {name: parts[0].get("changed deps", {}) for name, parts in stages.items()}
        found = {
            name: [dep for dep, how in deps.items() if how == "modified"] for name, deps in changed.items()
        }
        return {name: deps for name, deps in found.items() if deps}

    assert ran(dvc(clone, "repro", "--dry", "--allow-missing")) == []
    hint = clone / "data/common/errors.py"
    hint.write_text(hint.read_text().replace("did you mean", "perhaps you meant"))
    assert ran(dvc(clone, "repro", "--dry", "--allow-missing")) == []
    trainer = clone / "train/core/trainer.py"
    trainer.write_text(trainer.read_text() + "# changed\n")
    assert modified() == {stage: ["train/core"] for stage in ("train", "evaluate", "report")}


@pytest.mark.slow
def test_new_tasks_are_no_reason_to_ask_a_server(clone: Path) -> None:
    export = clone / "annotate/project/export.json"
    labels = export.read_bytes()
    (clone / ".env").write_text("LABEL_STUDIO_URL=http://127.0.0.1:9\nLABEL_STUDIO_API_KEY=none\n")
    path = clone / "params.yaml"
    path.write_text(path.read_text().replace("images: 100", "images: 120"))
    output = dvc(clone, "repro", "labels")
    assert ran(output) == ["check", "sample", "labels"]
    assert "of 120 images labelled" in output
    assert export.read_bytes() == labels
    dvc(clone, "repro", "-fs", "export", code=255)
    assert export.read_bytes() == labels


def test_labels_can_be_fetched_before_anything_else_was_run(clone: Path) -> None:
    assert "100 of 100" in dvc(clone, "repro", "-fs", "export")
    assert subprocess.check_output(["git", "status", "--porcelain"], cwd=clone, text=True) == ""


@pytest.mark.slow
def test_the_whole_pipeline_in_a_fresh_clone(clone: Path) -> None:
    write_params(clone, **BRIEF)
    output = dvc(clone, "repro")
    # The labels themselves are in git.
    assert ran(output) == ["check", "sample", "labels", "prepare", "train", "evaluate", "report"]
    assert "next      open train/out/report/index.html" in output
    assert subprocess.check_output(["git", "status", "--porcelain", "annotate"], cwd=clone, text=True) == ""
    shown = metrics(clone)
    assert set(shown) == {
        "annotate/metrics.json",
        "train/labelled.json",
        "train/metrics.json",
        "train/test.json",
    }
    assert ran(dvc(clone, "repro")) == []

    export = clone / "annotate/project/export.json"
    labels = export.read_text()
    export.write_text(labels.replace('"truck"', '"automobile"', 1))
    dvc(clone, "commit", "-f", "export")
    assert ran(dvc(clone, "repro")) == ["labels", "report"]  # not the test of all images
    export.write_text(labels)
    dvc(clone, "commit", "-f", "export")
    dvc(clone, "repro")

    write_params(clone, **BRIEF | {"max_lr": 0.2})
    assert ran(dvc(clone, "repro")) == ["check", "train", "evaluate", "report"]
    write_params(clone, **BRIEF)
    back = dvc(clone, "repro")
    assert ran(back) == []
    assert "Stage 'train' is cached" in back
    assert metrics(clone) == shown

    write_params(clone, **BRIEF | {"max_lrr": 1.0})
    wrong = dvc(clone, "repro", code=255)
    assert "recipes.quick.train.max_lrr is not a parameter" in wrong
    assert "did you mean max_lr?" in wrong
    assert ran(wrong) == ["check"]
    assert metrics(clone) == shown
    assert (clone / "train/out/model.safetensors").exists()
    write_params(clone, **BRIEF)
    assert ran(dvc(clone, "repro")) == []

    assert "steps" in json.loads(dvc(clone, "metrics", "diff", "--json"))["train/metrics.json"]
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


def metrics(clone: Path) -> dict[str, Any]:
    """Return what `dvc metrics show` shows, by file."""
    data: dict[str, Any] = json.loads(dvc(clone, "metrics", "show", "--json"))[""]["data"]
    return data


@pytest.mark.slow
def test_an_experiment_changes_a_parameter_that_its_recipe_takes_from_the_defaults(clone: Path) -> None:
    path = clone / "params.yaml"
    path.write_text(
        path.read_text().replace("max_steps: 0", "max_steps: 2").replace("depth: 56", "depth: 11")
    )
    commit(clone)
    assert "depth: 11\n" in path.read_text().replace(" #", "\n")
    dvc(clone, "exp", "run", "--name", "deeper", "-S", "recipes.quick.train.depth=20", "train")
    differences = json.loads(dvc(clone, "params", "diff", "HEAD", "--json"))["params.yaml"]
    assert differences["recipes.quick.train.depth"]["new"] == 20
    output = dvc(clone, "exp", "run", "-S", "recipes.quick.train.dept=20", code=255)
    assert "dept" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "error", "hint"),
    [
        (
            "max_lr: 0.4",
            "max_lrr: 0.4",
            "recipes.quick.train.max_lrr is not a parameter",
            "did you mean max_lr?",
        ),
        ("depth: 56", "", "depth is missing", "9 n + 2"),
        ("seed: 1", "seed: one", "seed is 'one'", "a whole number"),
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
    output = dvc(clone, "repro", "train", code=255)
    assert error in output
    assert hint in output
    assert ran(output) == ["check"]


CUT = {  # a stage's module, something deep in its work, and what it writes
    "annotate.sample": ("data.datasets.embedded.read", "annotate/project/tasks.json"),
    "annotate.export": ("annotate.export.unlabelled", "annotate/project/export.json"),
    "annotate.labels": ("annotate.labels.labelled_images", "annotate/out/labels"),
    "data.prepare": ("data.datasets.dataset.Dataset.save", "data/out/dataset"),
    "train.evaluate": ("train.evaluation.results.write_csv", "train/out/test"),
    "train.report": ("train.evaluation.results.read", "train/out/report"),
}


@pytest.mark.parametrize("stage", CUT)
def test_ctrl_c_leaves_nothing_half_written(
    stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    work, out = CUT[stage]
    prepared(tmp_path, out)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", [stage])

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.run(importlib.import_module(stage).main)
    assert ended.value.code == 130
    assert capsys.readouterr().err == f"{cli.RESUMES}\n"
    assert not (tmp_path / out).exists()
    assert not list(tmp_path.rglob("*.part"))


def prepared(folder: Path, out: str) -> None:
    """Fill a folder with what the stages read, as far as the repository has it, without one output."""
    names = ("annotate/project", "annotate/metrics.json", "data/sample", "params.yaml")
    for name in (*names, "train/metrics.json", "train/test.json", "train/reference/published.csv"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    few = embed.choose(embedded.read("test", ROOT / "data/sample"), 2)
    few.save(folder / "data/out/dataset/test.safetensors", "sample")
    few.table("test").to_csv(folder / "data/out/dataset/index.csv", index=False)
    model.write(untrained(), folder / "train/out/model.safetensors")
    (folder / "train/out/plots").mkdir()
    shutil.copy(ROOT / "train/reference/fast/curves.csv", folder / "train/out/plots/curves.csv")
    (folder / "annotate/out/images").mkdir(parents=True)
    Image.new("RGB", (32, 32)).save(folder / "annotate/out/images/test-00000.png")
    (folder / "annotate/out/labels").mkdir()
    (folder / "annotate/out/labels/labels.csv").write_text("image,agreed\n")
    if (folder / out).is_dir():
        shutil.rmtree(folder / out)
    else:
        (folder / out).unlink(missing_ok=True)


@pytest.mark.slow
def test_two_pipelines_at_once_do_not_meet(clone: Path) -> None:
    write_params(clone, **TINY | {"epochs": 400})
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
