from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from data import params
from data.common.errors import UserError
from tests.tiny import TINY, Stage, start, tiny, wait_for, write_params
from train import bench, fit, lr_finder, trials
from train.core import training
from train.core.distributed import ALONE
from train.core.trainer import Trainer
from train.fit import split

FEW = TINY | {"epochs": 2}


@pytest.mark.slow
def test_each_seed_is_a_row_and_none_is_repeated(workspace: Path, stage: Stage) -> None:
    write_params(workspace, **FEW)
    two = stage("train.trials", "--seeds", "2")
    assert two.returncode == 0, two.stderr
    assert "seed 1  accuracy" in two.stdout
    first = pd.read_csv(trials.TABLE)
    assert first["seed"].tolist() == [1, 2]
    assert set(first["shown"]) == {"validation"}

    three = stage("train.trials", "--seeds", "3")
    assert three.stdout.count(", recipe quick, seed") == 1  # the third alone
    assert "mean of 3 runs (standard deviation " in three.stdout
    table = pd.read_csv(trials.TABLE)
    assert table["seed"].tolist() == [1, 2, 3]
    pd.testing.assert_frame_equal(table[:2], first)

    # A restarted trainer trains as a new one does.
    write_params(workspace, **FEW | {"seed": 2})
    stage("train.fit")
    assert json.loads(fit.METRICS.read_text())["validation"]["accuracy"] == first["accuracy"][1]
    run = Path(trials.FOLDER, table["run"][1], "curves.csv")
    assert run.read_bytes() == training.CURVES.read_bytes()


@pytest.mark.slow
def test_one_that_is_stopped_goes_on_and_ends_as_one_that_was_not(workspace: Path, stage: Stage) -> None:
    write_params(workspace, **TINY | {"epochs": 10, "progressive": []})
    stage("train.trials", "--seeds", "1")
    unstopped = pd.read_csv(trials.TABLE).drop(columns="seconds")
    curves = trials.FOLDER / unstopped["run"][0] / "curves.csv"
    whole = curves.read_bytes()
    shutil.rmtree(trials.FOLDER)

    process = start("-m", "train.trials", "--seeds", "1")
    wait_for(process, "epoch 2/10")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    again = stage("train.trials", "--seeds", "1")
    assert "resuming after step" in again.stdout
    pd.testing.assert_frame_equal(pd.read_csv(trials.TABLE).drop(columns="seconds"), unstopped)
    assert curves.read_bytes() == whole


def test_another_value_is_another_run(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(workspace, **FEW)
    trials.main(seeds=1, set_=["validation=0", "max_lr=0.05"])
    (row,) = pd.read_csv(trials.TABLE).to_dict("records")
    assert (row["settings"], row["shown"], row["images"]) == ("max_lr=0.05 validation=0", "test", 80)
    assert "on 80 test images, one run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "what", "hint"),
    [
        ({"set_": ["max_lrr=1"]}, "'max_lrr' is not a parameter", "did you mean max_lr?"),
        ({"set_": ["seed=7"]}, "--set seed=7: the seeds are those of --seeds", "leave it out."),
        ({"recipe": "fats"}, "--recipe fats", "did you mean fast?"),
        ({"recipe": "fast"}, "--recipe fast .*cifar10", "dvc repro prepare"),
    ],
)
def test_what_cannot_be_run_is_named(workspace: Path, options: dict[str, Any], what: str, hint: str) -> None:
    with pytest.raises(UserError, match=what) as caught:
        trials.main(**options)
    assert hint in caught.value.hint
    assert not trials.FOLDER.exists()


def fit_here() -> None:
    """Do the stage `train` in this process alone."""
    fit.fit(params.load(), ALONE)


@pytest.mark.parametrize("main", [fit_here, trials.main, lr_finder.main, bench.main])
def test_images_that_are_missing_or_of_another_recipe_are_refused(
    workspace: Path, main: Callable[[], None]
) -> None:
    values = Path("params.yaml").read_text()
    Path("params.yaml").write_text(values.replace("recipe: quick", "recipe: fast", 1))
    with pytest.raises(UserError, match=r"data/out/dataset: .*sample.*cifar10") as caught:
        main()
    assert "dvc repro prepare" in caught.value.hint
    Path("data/out/dataset/train.safetensors").unlink()
    with pytest.raises(UserError, match=r"data/out/dataset/train\.safetensors: no such file"):
        main()


def test_a_damaged_table_is_named(workspace: Path) -> None:
    trials.FOLDER.mkdir(parents=True)
    trials.TABLE.write_text("nothing of the kind\n")
    with pytest.raises(UserError, match=r"train/out/trials/trials\.csv: not a table of trials"):
        trials.finished()


def test_the_interval_of_a_mean_is_students() -> None:
    """Hand-computed: mean 0.92, standard error 0.01 / sqrt(3), t of two degrees of freedom 4.3027."""
    rows = [{"accuracy": value, "images": 10000, "shown": "test"} for value in (0.91, 0.92, 0.93)]
    assert trials.summary(rows) == (
        "accuracy  92.00% on 10000 test images, mean of 3 runs "
        "(standard deviation 1.00%, 95 % from 89.52% to 94.48%)"
    )


def test_results_that_are_equal_have_an_interval_of_no_width() -> None:
    rows = [{"accuracy": 0.9012, "images": 500, "shown": "validation"}] * 2
    assert "standard deviation 0.00%, 95 % from 90.12% to 90.12%" in trials.summary(rows)


def test_a_restarted_trainer_is_as_new(workspace: Path) -> None:
    cpu = torch.device("cpu")
    first, second = (tiny(seed=seed, flip="random", shift=2.0) for seed in (1, 2))
    used, fresh = Trainer(first, *split(first, cpu)[0]), Trainer(second, *split(second, cpu)[0])
    for _ in range(5):
        used.take_step()
    used.restart(second, *split(second, cpu)[0])
    for _ in range(5):
        used.take_step()
        fresh.take_step()
    states = (trainer.network.state_dict().values() for trainer in (used, fresh))
    assert all(torch.equal(*tensors) for tensors in zip(*states, strict=True))
    assert used.totals() == fresh.totals()
