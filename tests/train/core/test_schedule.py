from __future__ import annotations

import pandas as pd
import pytest

from data import params
from tests.tiny import ROOT, tiny
from train.core.schedule import Schedule, parts

RECIPES = params.load(ROOT / "params.yaml").recipes


def test_original_has_the_published_learning_rates_to_the_last_digit() -> None:
    log = pd.read_csv(ROOT / "train/reference/published.csv")
    schedule = Schedule(RECIPES["original"].train, steps=98)
    assert schedule.total == 50 * 98
    for epoch, published in enumerate(log["lr"]):
        for step in (0, 50, 97):
            assert schedule.lr(epoch * 98 + step) == pytest.approx(published, abs=1e-9)
            assert schedule.momentum(epoch * 98 + step) == 0.95


@pytest.mark.parametrize("name", ["quick", "fast", "best"])
def test_one_cycle_climbs_to_the_peak_once_and_comes_down_to_nearly_zero(name: str) -> None:
    train = RECIPES[name].train
    schedule = Schedule(train, steps=100)
    rates = [schedule.lr(step) for step in range(schedule.total)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(train.max_lr, rel=0.01)
    assert 0 < rates[0] < 0.01 * train.max_lr
    assert 0 < rates[-1] < 0.01 * train.max_lr
    assert peak / schedule.total == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize("at_peak", [0.85, 0.99])
def test_the_momentum_is_at_its_other_end_where_the_rate_is_greatest(at_peak: float) -> None:
    train = tiny(momentum=0.95, momentum_at_peak=at_peak)
    schedule = Schedule(train, steps=100)
    peak = max(range(schedule.total), key=schedule.lr)
    ends = [schedule.momentum(step) for step in (0, peak, schedule.total - 1)]
    assert ends == pytest.approx([0.95, at_peak, 0.95], abs=0.001)


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("epochs", [1, 3, 20, 300])
def test_any_number_of_epochs_has_the_whole_cycle(name: str, epochs: int) -> None:
    train = params.changed(RECIPES[name].train, [f"epochs={epochs}"])
    schedule, whole = Schedule(train, 100), Schedule(RECIPES[name].train, 100)
    if train.lr_changes == "step":
        for share in (0.0, 0.1, 0.25, 0.6, 0.99):
            rates = [cycle.lr(int(share * cycle.total)) for cycle in (schedule, whole)]
            assert rates[0] == pytest.approx(rates[1], abs=0.02 * train.max_lr)
    ends = [end for end, _ in parts(train)]
    assert ends == sorted(ends)
    assert ends[-1] == epochs


def test_a_rate_by_epoch_changes_between_epochs_only() -> None:
    schedule = Schedule(RECIPES["original"].train, steps=7)
    for epoch in range(50):
        assert len({schedule.lr(epoch * 7 + step) for step in range(7)}) == 1
