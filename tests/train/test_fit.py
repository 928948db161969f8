from __future__ import annotations

import json
import signal
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from ruamel.yaml import YAML

from data.datasets import dataset
from tests.tiny import ROOT, TINY, Stage, start, tiny, weights, write_params
from train import fit
from train.core import checkpoint, training
from train.core.device import on_device


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


def test_max_steps_is_said_with_the_whole_schedule(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY, max_steps=3)
    done = stage("train.fit")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "only 3 of 20 steps (max_steps)"


@pytest.mark.parametrize("seconds", [0.2, 0.7, 1.2])
def test_ctrl_c_while_pytorch_is_imported_is_one_line(workspace: Path, seconds: float) -> None:
    process = start()
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in {-signal.SIGINT, 130}
    assert "Traceback" not in errors


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
    write_params(workspace, **TINY | changes)
    runs = []
    for _ in range(2):
        done = stage("train.fit")
        assert done.returncode == 0, done.stderr
        runs.append((weights(), training.CURVES.read_bytes(), fit.METRICS.read_bytes()))
    assert runs[0] == runs[1]


def test_where_no_checkpoint_can_be_the_place_is_named(stage: Stage, workspace: Path) -> None:
    checkpoint.FOLDER.parent.mkdir(parents=True)
    checkpoint.FOLDER.write_text("a file, not a folder")
    done = stage("train.fit")
    assert done.returncode == 1
    assert "error: train/out/checkpoints: cannot be written (File exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_trainings_at_once_are_refused(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY | {"epochs": 2000})
    first = start()
    assert first.stdout is not None
    first.stdout.readline()
    second = stage("train.fit")
    first.kill()
    first.communicate()
    assert second.returncode == 1
    assert "error: train/out/checkpoints: another training is running here" in second.stderr


@pytest.mark.slow
def test_beside_busy_cores_a_training_takes_fewer_threads(workspace: Path) -> None:
    busy = "import psutil\npsutil.cpu_percent = lambda *_, **__: [100.0] * 512\n"
    run = start("-c", busy + "from train import fit\nfit.main()", environment={"OMP_NUM_THREADS": ""})
    output, errors = run.communicate(timeout=60)
    assert run.returncode == 0, errors
    if not torch.cuda.is_available():
        assert ", CPU, 1 thread, " in output
    assert set(pd.read_csv(training.TIMING)["threads"]) == {1}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["quick", "original", "fast", "best"])
def test_every_recipe_trains_with_another_number_of_epochs(
    stage: Stage, workspace: Path, recipe: str
) -> None:
    """`epochs: 20` alone, here of few steps on tiny networks."""
    yaml = YAML(typ="safe")
    values = yaml.load((ROOT / "params.yaml").read_text())
    small = {"epochs": 20, "depth": 11, "max_steps": 3, "validation": 0, "batch": 64, "devices": 1}
    values["recipe"], values["recipes"][recipe]["prepare"]["source"] = recipe, "sample"
    values["recipes"][recipe]["train"] |= small
    with (workspace / "params.yaml").open("w") as file:
        yaml.dump(values, file)
    done = stage("train.fit")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"batch": 65}, "batch is 65; expected at most the 64 images that are trained on"),
        ({"validation": 80}, "validation is 80; expected fewer than the 80 train images"),
        ({"max_lrr": 1.0}, "recipes.quick.train.max_lrr is not a parameter"),
    ],
)
def test_parameters_that_cannot_work_fail_before_any_work(
    stage: Stage, workspace: Path, changes: dict[str, Any], what: str
) -> None:
    write_params(workspace, **TINY | changes)
    done = stage("train.fit")
    assert done.returncode == 1
    assert what in done.stderr
    assert not list(checkpoint.FOLDER.glob("*.safetensors"))


def test_images_held_out_are_not_trained_on(workspace: Path) -> None:
    (train, _), (held, _) = fit.split(tiny(validation=16), torch.device("cpu"))
    everything, _, _ = dataset.load(Path("data/out/dataset/train.safetensors"))
    assert (len(train), len(held)) == (64, 16)
    together = {image.numpy().tobytes() for image in torch.cat([train, held])}
    assert together == {image.tobytes() for image in everything}


def test_the_published_run_watches_the_test_images(workspace: Path) -> None:
    (train, _), (watched, labels) = fit.split(tiny(validation=0, watch_test=True), torch.device("cpu"))
    test, _ = on_device(Path("data/out/dataset/test.safetensors"), torch.device("cpu"))
    assert len(train) == 80
    assert torch.equal(watched, test)
    assert len(labels) == len(test)


def test_with_nothing_to_watch_the_columns_stay_empty(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY | {"validation": 0, "epochs": 1, "progressive": []})
    done = stage("train.fit")
    assert "val_loss" not in done.stdout
    curves = pd.read_csv(training.CURVES)
    assert curves[["val_loss", "val_accuracy"]].isna().all(axis=None)
    assert "validation" not in json.loads(fit.METRICS.read_text())
