"""The command on a repository with runs of many kinds."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.image
import pandas as pd
import pytest

from data.common import cli
from data.datasets.dataset import CLASSES
from tests.clones import commit, dvc
from train.compare import __main__
from train.compare.__main__ import FOLDER
from train.compare.runs import CURVES, METRICS, PREDICTIONS, TEST

pytestmark = pytest.mark.slow

Command = Callable[..., tuple[int, str]]

# A pipeline whose stages write the files of a run at once, as params.yaml says.
PIPELINE = """
stages:
  train:
    cmd: python fake/stage.py train
    deps: [fake/stage.py]
    params: ['recipes.${recipe}.train']
    outs: [train/out/model.safetensors, train/out/plots]
    metrics: [{train/metrics.json: {cache: false}}]
  evaluate:
    cmd: python fake/stage.py evaluate
    deps: [train/out/model.safetensors]
    params: ['recipes.${recipe}.test']
    outs: [train/out/test]
    metrics: [{train/test.json: {cache: false}}]
"""
STAGE = """
import json, pathlib, sys
from ruamel.yaml import YAML
params = YAML(typ="safe").load(pathlib.Path("params.yaml"))
values = params["recipes"][params["recipe"]]
classes = CLASSES
for folder in ("train/out/plots", "train/out/test"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
def write(path, content):
    pathlib.Path("train", path).write_text(content)
if sys.argv[1] == "train":
    write("out/model.safetensors", str(values["train"]))
    write("metrics.json", json.dumps({"epochs": 2, "equivalent_epochs": 1.25}))
    write("out/plots/curves.csv", "epoch,lr,accuracy,val_accuracy\\n1,0.1,0.2,0.3\\n2,0.1,0.4,\\n")
else:
    first, number, wrong, shift = (values["test"][name] for name in ("first", "images", "wrong", "shift"))
    rows = ["image,actual,predicted,confidence"]
    for index in range(number):
        actual = (index + first + shift) % 10
        predicted = actual if index % 100 >= wrong else (actual + 1) % 10
        rows.append(f"test-{index + first:05},{classes[actual]},{classes[predicted]},0.5")
    write("out/test/predictions.csv", "\\n".join(rows) + "\\n")
    right = sum(row.split(",")[1] == row.split(",")[2] for row in rows[1:]) / number
    write("test.json", json.dumps({"images": number, "accuracy": round(right, 4), "loss": 1.5}))
"""
TRAIN = {"seed": 1, "max_lr": 0.4, "progressive": [{"share": 0.7, "size": 16}]}
SCORES = {"first": 0, "images": 200, "wrong": 40, "shift": 0}


def write_params(
    folder: Path, train: dict[str, Any] | None = None, recipe: str = "quick", **test: int
) -> None:
    values = {"train": TRAIN | (train or {}), "test": SCORES | test}
    (folder / "params.yaml").write_text(json.dumps({"recipe": recipe, "recipes": {recipe: values}}))


def git(folder: Path, *arguments: str) -> str:
    user = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.check_output(["git", *user, *arguments], cwd=folder, text=True)


def run_pipeline(folder: Path, tag: str, *arguments: Any, **test: Any) -> None:
    """Run the pipeline, commit, and tag the commit."""
    write_params(folder, *arguments, **test)
    dvc(folder, "repro")
    commit(folder)
    git(folder, "tag", tag)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with runs of many kinds, each under a tag, and an experiment."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "-q")
    (folder / "README").touch()
    commit(folder)
    git(folder, "tag", "empty")
    dvc(folder, "init")
    (folder / ".gitignore").write_text("/train/out\n")
    (folder / "fake").mkdir()
    (folder / "fake/stage.py").write_text(STAGE.replace("CLASSES", repr(CLASSES), 1))
    (folder / "dvc.yaml").write_text(PIPELINE)
    write_params(folder)
    dvc(folder, "repro", "train")
    commit(folder)
    git(folder, "tag", "half")
    run_pipeline(folder, "base")
    git(folder, "tag", "-a", "annotated", "-m", "a tag with a message")
    run_pipeline(folder, "better", {"max_lr": 0.2}, wrong=25)
    run_pipeline(folder, "a_$x_2$_b", {"seed": 2}, wrong=41)
    run_pipeline(folder, "larger", {"max_lr": 0.2}, "fast", images=1000, wrong=10)
    run_pipeline(folder, "elsewhere", None, first=5000)
    run_pipeline(folder, "otherclasses", None, shift=1)
    lock = (folder / "dvc.lock").read_text()
    (folder / "dvc.lock").write_text(lock.replace("train/out/model.safetensors", "train/model.safetensors"))
    commit(folder)
    git(folder, "tag", "older")
    git(folder, "checkout", "-q", "-b", "work", "base")
    dvc(folder, "exp", "run", "--name", "shallow", "-S", "recipes.quick.test.wrong=60")
    git(folder, "checkout", "-qf", "work")
    dvc(folder, "checkout")
    return folder


@pytest.fixture
def repo(history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of it to work in, at the run `base`."""
    folder = tmp_path / "repo"
    shutil.copytree(history, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def compare(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command and returns its exit code and output."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["compare", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.run(__main__.main)
        return int(caught.value.code or 0), "".join(capsys.readouterr())

    return run


def table() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "compare.csv", index_col="run", keep_default_na=False)


def test_runs_by_tag_experiment_and_workspace(compare: Command) -> None:
    code, output = compare("base", "better", "shallow", "workspace")
    assert code == 0, output
    rows = table()
    assert list(rows.index) == ["base", "better", "shallow", "workspace"]
    assert list(rows["accuracy"]) == [0.6, 0.75, 0.4, 0.6]
    assert list(rows["difference"]) == ["", "0.15", "-0.2", "0.0"]
    assert list(rows["better"]) == ["", "30", "0", "0"]
    assert rows["changes"]["better"] == "max_lr 0.2 (was 0.4)"
    assert list(rows["equivalent_epochs"]) == [1.25] * 4
    assert "better: +15.00 points against base, more than chance would explain (p < 0.0001)" in output
    assert "shallow: -20.00 points against base, more than chance" in output
    assert "workspace: right on the same images as base, no difference" in output
    assert "corrected for 3 runs (Holm 1979)" in output
    assert float(rows["p_corrected"]["better"]) == pytest.approx(2 * float(rows["p"]["better"]), rel=0.01)
    low, high = float(rows["low"]["better"]), float(rows["high"]["better"])
    assert 0 < low < 0.15 < high
    assert matplotlib.image.imread(FOLDER / "compare.png").shape[1] > 1000


@pytest.mark.parametrize("arguments", [(), ("HEAD",), ("annotated",)])
def test_a_single_run_is_compared_with_the_workspace(
    compare: Command, repo: Path, arguments: tuple[str]
) -> None:
    write_params(repo, {"seed": 3}, wrong=42)
    dvc(repo, "repro")
    code, output = compare(*arguments)
    assert code == 0, output
    assert list(table().index) == [*(arguments or ("HEAD",)), "workspace"]
    assert "workspace: seed 3 (was 1)" in output
    assert "workspace: -2.00 points against" in output
    assert "could be chance (p = 0.062)" in output
    assert "Holm" not in output
    assert git(repo, "status", "--porcelain", "--", "train/out") == ""


def test_only_shared_images_are_compared_and_the_others_counted(compare: Command) -> None:
    code, output = compare("base", "larger")
    assert code == 0, output
    assert "compared on the 200 test images in common with base, of 1,000 and 200" in output
    row = table().loc["larger"]
    assert (row["shared_images"], row["difference"], row["recipe"]) == ("200", "0.3", "fast")


def test_many_runs_give_the_same_bytes_each_time(compare: Command) -> None:
    files = []
    for _ in range(2):
        code, output = compare(*["base", "better"] * 7)
        assert code == 0, output
        files.append([(FOLDER / name).read_bytes() for name in ("compare.csv", "compare.png")])
    assert files[0] == files[1]
    assert len(table()) == 14


def test_names_are_not_interpreted_as_markup(compare: Command, repo: Path) -> None:
    git(repo, "tag", "_hidden", "better")
    code, output = compare("a_$x_2$_b", "_hidden")
    assert code == 0, output
    assert all(f"  {name} " in output for name in ("a_$x_2$_b", "_hidden"))
    code, output = compare("[red]x[/red]")
    assert (code, output.splitlines()[0]) == (1, "error: '[red]x[/red]' is no git revision and no experiment")


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nope"], "'nope' is no git revision and no experiment", "dvc exp list"),
        (["bettr"], "'bettr' is no git revision", "did you mean better?"),
        (["shalow"], "'shalow' is no git revision", "did you mean shallow?"),
        (["HEAD~500"], "'HEAD~500' is no git revision", "git fetch --unshallow"),
        (["base", "empty"], "empty: no DVC in this commit", "git log -- dvc.lock"),
        (["half"], f"half: no complete run, {TEST} is missing", ""),
        (["base", "older"], "older: made by an older release", ""),
        (["base", "elsewhere"], "base and elsewhere have no test image in common", "data set"),
        (["base", "otherclasses"], "base and otherclasses have different classes for test-00000,", ""),
    ],
)
def test_what_cannot_be_compared(compare: Command, arguments: list[str], error: str, hint: str) -> None:
    code, output = compare(*arguments)
    assert code == 1, output
    assert output.startswith(f"error: {error}")
    assert hint in output.splitlines()[1]
    assert not FOLDER.exists()


@pytest.mark.parametrize("lost", ["test-00000,airplane", "predictions.csv", ""])  # a file, its folder, all
def test_outputs_that_are_not_in_the_cache_are_named_with_commands_that_make_them(
    compare: Command, repo: Path, lost: str
) -> None:
    for path in Path(".dvc/cache/files").rglob("*"):
        if path.is_file() and lost in path.read_text():
            path.unlink()
    code, output = compare("better")
    sha = git(repo, "rev-parse", "--short=7", "better").strip()
    assert code == 1
    assert output.startswith(f"error: better: {PREDICTIONS} is not in DVC's cache")
    assert f'"git switch -c here-{sha} {sha}", "dvc repro" and "git commit -am here"' in output


@pytest.mark.parametrize(
    ("path", "old", "new", "error"),
    [
        (TEST, "{", "<<<<<<< HEAD", "not the files of a run"),
        (TEST, '"loss"', '"lost"', "not the files of a run (KeyError: 'loss')"),
        (METRICS, '{"epochs": 2, "equivalent_epochs": 1.25}', "[]", "not the files of a run"),
        (PREDICTIONS, "image", "name", "not the files of a run"),
        (CURVES, "0.3", "x", "not the files of a run"),
        ("dvc.lock", "  evaluate:", "  evaluated:", "not the files of a run"),
    ],
)
def test_damaged_files_of_the_workspace_are_named(
    compare: Command, path: str, old: str, new: str, error: str
) -> None:
    Path(path).chmod(0o644)
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1))
    code, output = compare("base")
    assert code == 1, output
    assert output.startswith(f"error: workspace: {error}"), output
    assert 'hint: make it with "dvc repro".' in output


def test_a_test_of_an_older_model_is_refused(compare: Command, repo: Path) -> None:
    write_params(repo, {"seed": 9})
    dvc(repo, "repro", "train")
    code, output = compare("base")
    assert code == 1
    assert f"{TEST} is not of the model that was trained last" in output


def test_a_folder_that_is_no_repository(
    compare: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path / "plain")
    code, output = compare("HEAD")
    assert (code, output.splitlines()[0]) == (1, "error: no git repository with DVC in it here")
