from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.tiny import TINY, Stage, tiny, write_params
from train import lr_finder
from train.core.schedule import Schedule
from train.lr_finder import conclusion, rising, suggestion


def test_the_rate_rises_linearly_and_the_momentum_stays() -> None:
    train = tiny(momentum=0.9, momentum_at_peak=0.8, muon_lr=0.02, max_lr=0.5)
    recipe = rising(train, count=64, max_lr=3.0, steps=60, size=16)
    assert recipe.muon_lr / recipe.max_lr == pytest.approx(0.02 / 0.5)
    schedule = Schedule(recipe, steps=4)
    rates = [schedule.lr(step) for step in range(60)]
    assert rates == pytest.approx([3.0 * (step + 0.5) / 60 for step in range(60)])
    assert {schedule.momentum(step) for step in range(60)} == {0.9}
    assert schedule.total >= 60


def test_it_writes_a_curve_and_a_figure_and_prints_a_conclusion(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.lr_finder", "--steps", "60", "--max-lr", "50", "--size", "8")
    assert done.returncode == 0, done.stderr
    assert "train/out/lr_finder/curve.csv, curve.png: " in done.stdout
    curve = pd.read_csv(lr_finder.FOLDER / "curve.csv")
    assert conclusion(curve, 60) in done.stdout
    assert curve["lr"].is_monotonic_increasing
    assert 0 < len(curve) <= 60
    with Image.open(lr_finder.FOLDER / "curve.png") as image:
        assert image.width > 600


def test_small_rates_keep_their_digits(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.lr_finder", "--steps", "60", "--max-lr", "0.0003", "--size", "8")
    assert "up to a learning rate of 0.0002975" in done.stdout
    assert pd.read_csv(lr_finder.FOLDER / "curve.csv")["lr"].head(2).tolist() == [2.5e-06, 7.5e-06]


def test_a_loss_that_diverges_ends_it(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.lr_finder", "--steps", "60", "--max-lr", "1e20", "--size", "8")
    assert done.returncode == 0, done.stderr
    assert len(pd.read_csv(lr_finder.FOLDER / "curve.csv")) < 60
    assert "the loss diverged at " in done.stdout
    assert "repeat with --max-lr " in done.stdout


@pytest.mark.parametrize(
    ("accuracy", "rate", "falls"),
    [
        ([0.1, 0.3, 0.5, 0.4, 0.2], 0.3, True),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0.5, False),
        ([0.1, 0.3, 0.5, 0.49, 0.495], 0.3, False),  # noise is no fall
    ],
)
def test_the_suggestion_is_where_the_accuracy_is_best_before_it_falls(
    accuracy: list[float], rate: float, falls: bool
) -> None:
    curve = pd.DataFrame({"lr": np.arange(1, 6) / 10, "smooth_accuracy": accuracy})
    assert suggestion(curve) == (rate, falls)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--size", "10"], "error: --size is 10; expected a multiple of 4"),
        (["--max-lr", "1e300"], "Invalid value for '--max-lr'"),
        (["--recipe", "fats"], "error: --recipe fats: not one of the recipes"),
    ],
)
def test_what_cannot_be_run_is_named(stage: Stage, workspace: Path, options: list[str], error: str) -> None:
    done = stage("train.lr_finder", *options)
    assert done.returncode in (1, 2)
    assert error in done.stderr
