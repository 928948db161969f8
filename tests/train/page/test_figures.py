from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from data.datasets.dataset import CLASSES
from tests.tiny import ROOT
from train.core.model import Score
from train.page import figures


@pytest.fixture(autouse=True)
def _published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / figures.PUBLISHED).parent.mkdir(parents=True)
    shutil.copy(ROOT / figures.PUBLISHED, tmp_path / figures.PUBLISHED)
    monkeypatch.chdir(tmp_path)


def run(val_accuracy: float | None) -> pd.DataFrame:
    """Return the curves of a run of two epochs."""
    row = {"lr": 0.1, "momentum": 0.9, "loss": 2.0, "accuracy": 0.4, "val_loss": 1.5}
    return pd.DataFrame([{**row, "epoch": epoch, "val_accuracy": val_accuracy} for epoch in (1, 2)])


@pytest.mark.parametrize(("val_accuracy", "lines"), [(0.5, 4), (None, 3)])
def test_a_run_is_drawn_beside_the_published_run(val_accuracy: float | None, lines: int) -> None:
    _, accuracy, rate = figures.curves(run(val_accuracy)).axes
    drawn = {str(line.get_label()): line for line in accuracy.get_lines()}
    assert len(drawn) == lines
    assert np.array_equal(drawn["this run: train"].get_ydata(), [0.4, 0.4])
    assert np.shape(drawn["published: test"].get_ydata()) == (50,)
    assert to_hex(drawn["this run: train"].get_color()) == figures.OURS
    assert len(rate.get_lines()) == 4


def test_the_test_after_the_last_epoch_is_a_diamond() -> None:
    loss, accuracy, _ = figures.curves(run(None), tested=Score(loss=0.3, accuracy=0.9483)).axes
    name = "this run: test, 94.83% after the last epoch"
    for axes, value in ((loss, 0.3), (accuracy, 0.9483)):
        (mark,) = (line for line in axes.get_lines() if line.get_label() == name)
        assert np.array_equal(mark.get_xydata(), [[2, value]])
    without = figures.curves(run(None)).axes[1].get_lines()
    assert not any("last epoch" in str(line.get_label()) for line in without)


def test_the_confusion_matrix_shows_every_count_that_is_not_zero() -> None:
    counts = pd.DataFrame(0, index=CLASSES, columns=CLASSES)
    counts.loc["cat", "dog"] = 7
    counts.loc["cat", "cat"] = 93
    (axes,) = figures.confusion(counts).axes
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"7": (5, 3), "93": (3, 3)}


def test_the_same_figure_is_the_same_bytes() -> None:
    for name in "ab":
        figures.write(Path(name), figures.curves(run(0.5)))
    assert Path("a").read_bytes() == Path("b").read_bytes()


def test_a_bar_is_as_high_as_the_accuracy_and_below_it_the_images() -> None:
    table = pd.DataFrame({"from": [0.0, 0.5], "to": [0.5, 1.0], "images": [0, 3]})
    table[["confidence", "accuracy"]] = [[np.nan, np.nan], [0.9, 0.25]]
    accuracy, number = figures.reliability(table).axes
    assert [bar.get_height() for bar in accuracy.patches] == [0, 0.25]  # type: ignore[attr-defined]
    assert [bar.get_height() for bar in number.patches] == [0, 3]  # type: ignore[attr-defined]


@pytest.mark.parametrize(("watch_test", "watched"), [(True, "test"), (False, "validation")])
def test_the_curve_of_the_watched_images_names_them(watch_test: bool, watched: str) -> None:
    _, accuracy, _ = figures.curves(run(0.5), watch_test).axes
    assert f"this run: {watched}" in [str(line.get_label()) for line in accuracy.get_lines()]


def test_a_figure_on_a_page_has_the_pages_colours_and_ids_of_its_own() -> None:
    first, second = (figures.svg(figures.curves(run(0.5)), name, "so & so") for name in ("a", "b"))
    assert 'aria-label="so &amp; so"' in first
    assert not re.search(r"#[0-9a-f]{6}", first)
    assert "var(--ours)" in first
    ids = [set(re.findall(r'\bid="([^"]+)"', markup)) for markup in (first, second)]
    assert not ids[0] & ids[1]
    assert set(re.findall(r"url\(#([^)]+)\)", first)) <= ids[0]
