from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import matplotlib.image
import pandas as pd
import pytest
from rich.console import Console

from data.common import cli
from data.datasets.dataset import CLASSES
from tests.clones import commit, dvc, environment
from train.compare import __main__
from train.compare.__main__ import FOLDER
from train.compare.runs import Run
from train.compare.significance import Paired

# A pipeline whose stages write what is asked of them: the files of a run without its minutes.
PIPELINE = """
stages:
  train:
    cmd: python given/stage.py train
    deps: [given/stage.py]
    params: ['recipes.${recipe}.train']
    outs: [train/out/model.safetensors, train/out/plots]
    metrics: [{train/metrics.json: {cache: false}}]
  evaluate:
    cmd: python given/stage.py evaluate
    deps: [train/out/model.safetensors]
    params: ['recipes.${recipe}.test']
    outs: [train/out/report]
    metrics: [{train/test.json: {cache: false}}]
"""
STAGE = """
import json, pathlib, sys
from ruamel.yaml import YAML
params = YAML(typ="safe").load(pathlib.Path("params.yaml"))
given = params["recipes"][params["recipe"]]
classes = CLASSES
for folder in ("train/out/plots", "train/out/report"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
def write(path, content):
    pathlib.Path("train", path).write_text(content)
if sys.argv[1] == "train":
    write("model.safetensors", str(given["train"]))
    write("metrics.json", json.dumps({"epochs": 2, "equivalent_epochs": 1.25}))
    write("plots/curves.csv", "epoch,lr,accuracy,val_accuracy\\n1,0.1,0.2,0.3\\n2,0.1,0.4,\\n")
else:
    first, number, wrong, shift = (given["test"][name] for name in ("first", "images", "wrong", "shift"))
    rows = ["image,actual,predicted,confidence"]
    for index in range(number):
        actual = (index + first + shift) % 10
        predicted = actual if index % 100 >= wrong else (actual + 1) % 10
        rows.append(f"test-{index + first:05},{classes[actual]},{classes[predicted]},0.5")
    write("report/predictions.csv", "\\n".join(rows) + "\\n")
    right = sum(row.split(",")[1] == row.split(",")[2] for row in rows[1:]) / number
    write("test.json", json.dumps({"images": number, "accuracy": round(right, 4), "loss": 1.5}))
"""
TRAIN = {"seed": 1, "max_lr": 0.4, "progressive": [{"epochs": 7, "size": 16}]}
TEST = {"first": 0, "images": 200, "wrong": 40, "shift": 0}


def params(folder: Path, train: dict[str, Any] | None = None, recipe: str = "quick", **test: int) -> None:
    """Write what the next run is to be."""
    given = {"train": TRAIN | (train or {}), "test": TEST | test}
    (folder / "params.yaml").write_text(json.dumps({"recipe": recipe, "recipes": {recipe: given}}))


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    return subprocess.check_output(["git", *who, *arguments], cwd=folder, text=True)


def ran(folder: Path, name: str, *arguments: Any, **test: Any) -> None:
    """Run the pipeline, commit, and give the commit a name."""
    params(folder, *arguments, **test)
    dvc(folder, "repro")
    commit(folder)
    git(folder, "tag", name)


@pytest.fixture(scope="session")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with runs of many kinds, each under a tag, and an experiment."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "-q")
    (folder / "README").touch()
    commit(folder)
    git(folder, "tag", "empty")
    dvc(folder, "init")
    (folder / ".gitignore").write_text(
        "/train/out/model.safetensors\n/train/out/plots\n/train/out/report\n/train/compare\n"
    )
    (folder / "given").mkdir()
    (folder / "given/stage.py").write_text(STAGE.replace("CLASSES", repr(CLASSES), 1))
    (folder / "dvc.yaml").write_text(PIPELINE)
    params(folder)
    commit(folder)
    git(folder, "tag", "before")
    dvc(folder, "repro", "train")
    commit(folder)
    git(folder, "tag", "half")
    ran(folder, "base")
    git(folder, "tag", "-a", "annotated", "-m", "a tag with a message")
    ran(folder, "better", {"max_lr": 0.2}, wrong=25)
    ran(folder, "a_$x_2$_b", {"seed": 2}, wrong=41)
    ran(folder, "larger", {"max_lr": 0.2}, "fast", images=1000, wrong=10)
    ran(folder, "elsewhere", None, first=5000)
    ran(folder, "otherclasses", None, shift=1)
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
def said(repo: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that runs the command and returns its exit code and all that it says."""

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["compare", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.run(__main__.main)
        return int(ended.value.code or 0), "".join(capsys.readouterr())

    return run


def written() -> pd.DataFrame:
    return pd.read_csv(FOLDER / "compare.csv", index_col="run", keep_default_na=False)


def test_runs_by_tag_experiment_and_workspace(said: Any) -> None:
    code, out = said("base", "better", "shallow", "workspace")
    assert code == 0, out
    table = written()
    assert list(table.index) == ["base", "better", "shallow", "workspace"]
    assert list(table["accuracy"]) == [0.6, 0.75, 0.4, 0.6]
    assert list(table["difference"]) == ["", "0.15", "-0.2", "0.0"]
    assert list(table["better"]) == ["", "30", "0", "0"]
    assert table["changes"]["better"] == "max_lr 0.2 (was 0.4)"
    assert "better: +15.00 points against base, more than chance would explain (p < 0.0001)" in out
    assert "shallow: -20.00 points against base, more than chance" in out
    assert "workspace: right on the same images as base, no difference" in out
    assert "corrected for 3 runs (Holm 1979)" in out
    assert "unpaired" not in out
    assert list(table["paired"]) == ["", "yes", "yes", "yes"]
    assert float(table["p_corrected"]["better"]) == pytest.approx(2 * float(table["p"]["better"]), rel=0.01)
    low, high = float(table["low"]["better"]), float(table["high"]["better"])
    assert 0 < low < 0.15 < high
    assert matplotlib.image.imread(FOLDER / "compare.png").shape[1] > 1000


@pytest.mark.parametrize("arguments", [(), ("HEAD",), ("annotated",)])
def test_one_run_or_none_is_compared_with_the_workspace(said: Any, repo: Path, arguments: tuple[str]) -> None:
    params(repo, {"seed": 3}, wrong=42)
    dvc(repo, "repro")
    code, out = said(*arguments)
    assert code == 0, out
    assert list(written().index) == [*(arguments or ("HEAD",)), "workspace"]
    assert "workspace: seed 3 (was 1)" in out
    assert "workspace: -2.00 points against" in out
    assert "could be chance (p = 0.062)" in out
    assert "Holm" not in out
    assert git(repo, "status", "--porcelain", "--", "train/out/compare") == ""


def test_images_that_one_alone_was_shown_are_left_out_and_counted(said: Any) -> None:
    code, out = said("base", "larger")
    assert code == 0, out
    assert "larger: compared on the 200 test images that base was shown too, of 1,000 and 200" in out
    row = written().loc["larger"]
    assert (row["shared_images"], row["difference"], row["recipe"]) == ("200", "0.3", "fast")


def test_the_same_runs_are_the_same_bytes(said: Any) -> None:
    said("base", "better")
    first = [(FOLDER / name).read_bytes() for name in ("compare.csv", "compare.png")]
    said("base", "better")
    assert first == [(FOLDER / name).read_bytes() for name in ("compare.csv", "compare.png")]


def test_names_are_no_markup(said: Any, repo: Path) -> None:
    git(repo, "tag", "_hidden", "better")
    git(repo, "tag", "猫", "better")
    code, out = said("a_$x_2$_b", "_hidden", "猫")
    assert code == 0, out
    for name in ("a_$x_2$_b", "_hidden", "猫"):
        assert f"  {name} " in out
    code, out = said("[red]x[/red]")
    assert (code, out.splitlines()[0]) == (1, "error: '[red]x[/red]' is no git revision and no experiment")


def test_a_name_that_several_commits_have_is_said_to_be_that(said: Any, repo: Path) -> None:
    ref = git(repo, "for-each-ref", "--format=%(refname)", "refs/exps/*/*/shallow").strip()
    other = git(repo, "rev-parse", "better").strip()
    git(repo, "update-ref", f"refs/exps/{other[:2]}/{other[2:]}/shallow", ref)
    git(repo, "checkout", "-q", "larger")
    code, out = said("shallow")
    assert (code, out.splitlines()[0]) == (1, "error: 'shallow' is the name of 2 experiments")
    assert "dvc exp list --all-commits" in out
    sha = git(repo, "rev-parse", ref).strip()
    assert sha[:7] in dvc(repo, "exp", "list", "--all-commits")
    code, out = said("base", sha[:7])
    assert code == 0, out


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["nope"], "'nope' is no git revision and no experiment", '"git log --oneline" and "dvc exp list'),
        (["bettr"], "'bettr' is no git revision and no experiment", "did you mean better?"),
        (["shalow"], "'shalow' is no git revision and no experiment", "did you mean shallow?"),
        (["HEAD~500"], "'HEAD~500' is no git revision", "the history is shorter, or this clone has only"),
        (["@^2"], "'@^2' is no git revision", "the history is shorter"),
        (["bettr~1"], "'bettr~1' is no git revision", "did you mean better?"),
        (["\udcff"], "'\\udcff' is no git revision and no experiment", '"git log --oneline" and'),
        (["base:train"], "'base:train' is no git revision", ""),
        ([""], "'' is no git revision", ""),
        (
            ["base", "empty"],
            "empty has no train/test.json: the pipeline was not run to its end there",
            "git log",
        ),
        (["before"], "before has no train/test.json: the pipeline", "name a commit that was made after"),
        (["half"], "half has no train/test.json", ""),
        (
            ["base", "elsewhere"],
            "base and elsewhere share no test image: base has 200 as test-00000",
            "data set",
        ),
        (
            ["base", "otherclasses"],
            "test images have another class in otherclasses than in base: test-00000, test-00001,"
            " test-00002, test-00003, test-00004 and 195 more",
            "",
        ),
    ],
)
def test_what_cannot_be_compared_is_said(said: Any, arguments: list[str], error: str, hint: str) -> None:
    code, out = said(*arguments)
    assert code == 1, out
    assert out.startswith(f"error: {error}")
    assert f"\nhint: {hint}" in out or hint in out.splitlines()[1]
    assert not FOLDER.exists()


def lose(text: str) -> None:
    """Take what holds a text out of DVC's cache."""
    for path in Path(".dvc/cache/files").rglob("*"):
        if path.is_file() and text in path.read_text():
            path.unlink()


@pytest.mark.parametrize(
    ("lost", "files"),
    [
        ("test-00000,airplane", "train/out/report/predictions.csv"),
        ("predictions.csv", "train/out/report/predictions.csv"),  # the list of the folder's files
        ("", "train/out/report/predictions.csv, train/out/plots/curves.csv"),  # all of the cache
    ],
)
def test_outputs_that_are_not_in_the_cache_are_named_and_the_metrics_shown(
    said: Any, repo: Path, lost: str, files: str
) -> None:
    lose(lost)
    code, out = said("base", "better", "workspace")
    assert code == 0, out
    for name in ("base", "better"):
        sha = git(repo, "rev-parse", "--short=7", name).strip()
        assert f"{name}: not in DVC's cache: {files}: of a run on another machine, or removed by" in out
        assert f"name it here-{sha}: (git worktree add -b here-{sha} ../here-{sha} {sha} && cd" in out
    assert "75.00%" in out
    assert "better: +15.00 points against base, more than chance would explain (p = 0.003, unpaired)" in out
    assert "unpaired  as of different images" in out
    assert written()["paired"]["better"] == "no"
    assert written()["missing"]["better"] == files.replace(",", "")


def test_the_command_that_makes_a_run_anew_does_so_beside_changes(said: Any, repo: Path) -> None:
    lose("")
    (repo / "train/out/report").rename(repo / "lost")
    params(repo, {"max_lr": 0.1}, wrong=30)
    dvc(repo, "repro")
    command = re.search(r"to make it here, and name it (here-\w+): (.*)", said("better")[1])
    assert command
    who = {f"GIT_{role}_{what}": "test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    subprocess.run(["bash", "-c", command[2]], cwd=repo, env=environment() | who, check=True)
    code, out = said(command[1], "workspace")
    assert code == 0, out
    assert "workspace: -5.00 points against here-" in out
    assert "unpaired" not in out


def change(path: str, old: str, new: str) -> None:
    text = Path(path).read_text()
    assert old in text
    Path(path).write_text(text.replace(old, new, 1), errors="surrogateescape")


ONE_RUN = "train/out/report/predictions.csv and train/test.json are not of one run:"
NOTHING = "recipes.quick.train: null\n      other.yaml:\n        other:"


@pytest.mark.parametrize(
    ("path", "old", "new", "error"),
    [
        ("train/test.json", "{", "<<<<<<< HEAD", "train/test.json is no JSON"),
        ("train/test.json", '"loss"', '"lost"', "train/test.json is not a run's metrics (without loss)"),
        ("train/test.json", "200", '"many"', "train/test.json is not a run's metrics (images is"),
        ("train/test.json", "1.5", "NaN", "train/test.json is not a run's metrics (loss is NaN, not a"),
        ("train/test.json", "0.6", "6", "train/test.json is not a run's metrics (an accuracy of 6 of 200"),
        ("train/test.json", "{", "{\udcff", "train/test.json is no text in UTF-8"),
        ("train/metrics.json", "1.25", '"x"', "train/metrics.json is not a run's metrics (equivalent_epochs"),
        ("train/metrics.json", "{", "[]{", "train/metrics.json is no JSON"),
        (
            "train/metrics.json",
            '{"epochs": 2, "equivalent_epochs": 1.25}',
            "[]",
            "train/metrics.json is not a",
        ),
        ("train/test.json", "0.6", "0.7", f"{ONE_RUN} accuracy 0.6 of 200 images in one, 0.7 of 200"),
        ("train/test.json", "0.6", "0.60006", f"{ONE_RUN} accuracy 0.6 of 200 images in one, 0.60006"),
        ("train/test.json", "200", "400", f"{ONE_RUN} accuracy 0.6 of 200 images in one, 0.6 of 400"),
        (
            "train/out/report/predictions.csv",
            "image",
            "name",
            "train/out/report/predictions.csv is not the table",
        ),
        (
            "train/out/report/predictions.csv",
            "test-00001",
            "test-00000",
            "train/out/report/predictions.csv has the",
        ),
        (
            "train/out/plots/curves.csv",
            "0.3",
            "x",
            "train/out/plots/curves.csv is not the table it should be",
        ),
        ("dvc.lock", "recipes.quick.train", "train", "dvc.lock has no whole run of the stages train and"),
        ("dvc.lock", "recipes.quick.train:", NOTHING, "dvc.lock has no whole run of the stages train and"),
        (
            "train/out/plots/curves.csv",
            "epoch",
            "round",
            "train/out/plots/curves.csv is not the table it should be",
        ),
        ("dvc.lock", "stages:", "<<<<<<< HEAD\nstages:", "dvc.lock has no whole run of the stages train and"),
        ("dvc.lock", "  evaluate:", "  evaluated:", "dvc.lock has no whole run of the stages train and"),
    ],
)
def test_files_of_the_workspace_that_are_not_those_of_a_run_are_named(
    said: Any, path: str, old: str, new: str, error: str
) -> None:
    Path(path).chmod(0o644)
    change(path, old, new)
    code, out = said("base")
    assert code == 1, out
    assert out.startswith(f"error: workspace: {error}"), out
    assert 'hint: make it with "dvc repro".' in out


def test_an_evaluation_of_an_older_network_is_not_taken_for_the_run(said: Any, repo: Path) -> None:
    params(repo, {"seed": 9})
    dvc(repo, "repro", "train")
    code, out = said("base")
    assert (code, out.splitlines()[0]) == (
        1,
        "error: workspace: train/test.json is about another network than the one trained last",
    )


@pytest.mark.parametrize(("width", "left_out"), [(200, 0), (80, 4), (50, 5)])
def test_a_narrow_terminal_has_fewer_columns_and_says_so(
    said: Any, monkeypatch: pytest.MonkeyPatch, width: int, left_out: int
) -> None:
    monkeypatch.setattr(
        __main__, "Console", lambda **_: Console(force_terminal=True, width=width, color_system=None)
    )
    code, out = said("base", "better")
    assert code == 0, out
    assert "75.00%" in out
    assert "+15.00" in out
    found = re.search("no room for: (.*); they are in", out)
    assert (found[1].split(", ") if found else []) == list(__main__.LEAST[:left_out])


def test_a_folder_that_is_no_repository(said: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plain").mkdir()
    monkeypatch.chdir(tmp_path / "plain")
    code, out = said("HEAD")
    assert (code, out.splitlines()[0]) == (1, "error: this folder is no git repository with DVC in it")


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.04, "more than chance would explain (p = 0.040)"), (0.06, "could be chance (p = 0.060)")],
)
def test_the_verdict_goes_by_the_corrected_p(p: float, said: str) -> None:
    run = Run("b", "", "", "quick", {}, ("a", "b"), 100, 0.5, 1.0, None, None, None)
    row = __main__.Row(run, Paired(100, 20, 5), p, [])
    assert __main__.verdict(row, "a") == f"b: +15.00 points against a{', ' if p < 0.05 else ' '}{said}"


@pytest.mark.parametrize(("data", "same"), [("b", True), ("c", False), ("", False)])
def test_one_network_is_no_different_from_itself_wherever_its_answers_are(data: str, same: bool) -> None:
    one, other = (
        Run("b", "", "", "quick", {}, ("a", of), 100, 0.5, 1.0, None, None, None) for of in ("b", data)
    )
    assert (__main__.pair(one, other) == Paired(100, 0, 0)) == same


def test_a_parameter_that_one_run_alone_has_is_new_or_gone() -> None:
    old, new = {"a": None, "b": 1, "c": 2, "d": "x"}, {"a": None, "b": 3, "d": "y", "e": 0.1}
    assert __main__.changed(old, new) == ["b 3 (was 1)", "c gone (was 2)", "d y (was x)", "e 0.1 (new)"]


def test_the_help_names_the_argument(said: Any) -> None:
    code, out = said("--help")
    assert code == 0
    assert "[REV]..." in out
    assert "[[REV]" not in out


def test_many_runs_and_the_same_one_twice(said: Any) -> None:
    code, out = said(*["base", "better"] * 7)
    assert code == 0, out
    assert len(written()) == 14
