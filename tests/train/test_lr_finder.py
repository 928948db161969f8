from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.common.errors import UserError
from tests.tiny import tiny
from train import lr_finder
from train.core.schedule import Schedule
from train.lr_finder import rising, suggestion


def test_the_rate_rises_linearly_and_the_momentum_stays() -> None:
    train = tiny(momentum=0.9, momentum_at_peak=0.8, muon_lr=0.02, max_lr=0.5)
    recipe = rising(train, count=64, max_lr=3.0, steps=60, size=16)
    assert recipe.muon_lr / recipe.max_lr == pytest.approx(0.02 / 0.5)
    schedule = Schedule(recipe, steps=4)
    rates = [schedule.lr(step) for step in range(60)]
    assert rates == pytest.approx([3.0 * (step + 0.5) / 60 for step in range(60)])
    assert {schedule.momentum(step) for step in range(60)} == {0.9}
    assert schedule.total >= 60


@pytest.mark.parametrize(
    ("max_lr", "conclusion"),
    [
        (0.0003, "60 steps up to a learning rate of 0.0002975\n.+"),
        (1e20, "the loss diverged at .*: repeat with --max-lr "),
    ],
)
def test_it_writes_a_curve_and_a_figure_and_prints_a_conclusion(
    workspace: Path, capsys: pytest.CaptureFixture[str], max_lr: float, conclusion: str
) -> None:
    lr_finder.main(max_lr=max_lr, steps=60, size=8)
    output = capsys.readouterr().out
    assert "train/out/lr_finder/curve.csv, curve.png: " in output
    assert re.search(conclusion, output)
    curve = pd.read_csv(lr_finder.FOLDER / "curve.csv")
    assert curve["lr"].is_monotonic_increasing
    assert (len(curve) == 60) == (max_lr < 1)
    assert curve["lr"][0] == pytest.approx(max_lr / 120)  # small rates keep their digits
    with Image.open(lr_finder.FOLDER / "curve.png") as image:
        assert image.width > 600


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
    ("options", "what"),
    [({"size": 10}, "--size is 10; expected a multiple of 4"), ({"recipe": "fats"}, "--recipe fats")],
)
def test_what_cannot_be_run_is_named(workspace: Path, options: dict[str, Any], what: str) -> None:
    with pytest.raises(UserError, match=what):
        lr_finder.main(**options)
