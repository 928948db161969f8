from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from data import params
from data.common.errors import UserError
from data.recipe import Prepare, Recipe
from tests.tiny import ROOT, TINY, Stage, start, tiny, weights, write_params
from train import fit
from train.core import checkpoint, training
from train.core.device import on_device
from train.core.distributed import ALONE

CPU = torch.device("cpu")


@pytest.mark.slow
def test_a_run_prints_a_line_an_epoch_and_writes_model_curves_and_metrics(
    stage: Stage, workspace: Path
) -> None:
    done = stage("train.fit")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ResNet-11 v2, recipe quick, 64 images, ")
    assert len(lines) == 6
    assert lines[-1].startswith("epoch 5/5  lr 0.0")
    for part in ("  loss ", "  acc ", "  val_loss ", "  val_acc "):
        assert part in lines[-1]
    assert lines[-1].endswith(" s")
    assert list(pd.read_csv(training.TIMING)) == ["epoch", "size", "seconds", "threads"]
    curves = pd.read_csv(training.CURVES)
    assert list(curves) == ["epoch", "lr", "momentum", "size", "loss", "accuracy", "val_loss", "val_accuracy"]
    metrics = json.loads(fit.METRICS.read_text())
    assert metrics["steps"] == 20
    assert metrics["equivalent_epochs"] == 0.31  # five epochs at 8 x 8 pixels
    assert metrics["train"]["loss"] == curves["loss"].iloc[-1]
    assert metrics["validation"]["accuracy"] == curves["val_accuracy"].iloc[-1]
    assert not list(checkpoint.FOLDER.glob("*.safetensors"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "threads"),
    [  # as `quick`, as `best`
        ({}, "1"),
        ({"muon_lr": 0.02, "precision": "bfloat16", "colour_jitter": 0.4, "cutout": 12}, "2"),
    ],
)
def test_twice_gives_the_same_bytes(
    stage: Stage, workspace: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], threads: str
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    write_params(workspace, **TINY | {"epochs": 2, "rise": 0.5, "fall": 0.5} | changes)
    runs = []
    for _ in range(2):
        done = stage("train.fit")
        assert done.returncode == 0, done.stderr
        runs.append((weights(), training.CURVES.read_bytes(), fit.METRICS.read_bytes()))
    assert runs[0] == runs[1]


def test_where_no_checkpoint_can_be_the_place_is_named(workspace: Path) -> None:
    checkpoint.FOLDER.parent.mkdir(parents=True)
    checkpoint.FOLDER.write_text("a file, not a folder")
    with pytest.raises(UserError, match="train/out/checkpoints: cannot be written"):
        fit.fit(params.load(), ALONE)


def test_two_trainings_at_once_are_refused(workspace: Path) -> None:
    refused = pytest.raises(UserError, match="train/out/checkpoints: another training is running here")
    with fit.only_training(), refused:
        fit.fit(params.load(), ALONE)


@pytest.mark.slow
def test_beside_busy_cores_a_training_takes_fewer_threads(workspace: Path) -> None:
    busy = "import psutil\npsutil.cpu_percent = lambda *_, **__: [100.0] * 512\n"
    run = start("-c", busy + "from train import fit\nfit.main()", environment={"OMP_NUM_THREADS": ""})
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    if not torch.cuda.is_available():
        assert ", CPU, 1 thread, " in output
    assert set(pd.read_csv(training.TIMING)["threads"]) == {1}


@pytest.mark.parametrize("recipe", ["quick", "original", "fast", "best"])
def test_every_recipe_trains_with_another_number_of_epochs(workspace: Path, recipe: str) -> None:
    """`epochs: 20` alone, here of few steps on tiny networks."""
    loaded = params.load(ROOT / "params.yaml")
    small = ["epochs=20", "depth=11", "max_steps=3", "validation=0", "batch=64", "devices=1"]
    train = params.changed(loaded.recipes[recipe].train, small)
    chosen = Recipe(prepare=Prepare(source="sample"), train=train)
    fit.fit(loaded.model_copy(update={"recipe": recipe, "recipes": {recipe: chosen}}), ALONE)
    assert len(pd.read_csv(training.CURVES)) == 2  # of two steps each


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"batch": 65}, "batch is 65; expected at most the 64 images that are trained on"),
        ({"validation": 80}, "validation is 80; expected fewer than the 80 train images"),
    ],
)
def test_too_few_images_fail_before_any_work(workspace: Path, changes: dict[str, Any], what: str) -> None:
    write_params(workspace, **TINY | changes)
    with pytest.raises(UserError, match=what):
        fit.fit(params.load(), ALONE)
    assert not checkpoint.FOLDER.exists()


def test_images_held_out_are_not_trained_on(workspace: Path) -> None:
    (train, _), (held, _) = fit.split(tiny(validation=16), CPU)
    everything, _ = on_device(Path("data/out/dataset/train.safetensors"), CPU)
    assert (len(train), len(held)) == (64, 16)
    together = {image.numpy().tobytes() for image in torch.cat([train, held])}
    assert together == {image.numpy().tobytes() for image in everything}


def test_the_published_run_watches_the_test_images(workspace: Path) -> None:
    (train, _), watched = fit.split(tiny(validation=0, watch_test=True), CPU)
    test = on_device(Path("data/out/dataset/test.safetensors"), CPU)
    assert len(train) == 80
    assert all(map(torch.equal, watched, test))


def test_with_nothing_to_watch_and_few_steps(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(workspace, **TINY | {"validation": 0, "max_steps": 3})
    fit.fit(params.load(), ALONE)
    output = capsys.readouterr().out
    assert output.splitlines()[1] == "only 3 of 25 steps (max_steps)"
    assert "val_loss" not in output
    curves = pd.read_csv(training.CURVES)
    assert curves[["val_loss", "val_accuracy"]].isna().all(axis=None)
    assert "validation" not in json.loads(fit.METRICS.read_text())
