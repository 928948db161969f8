from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from train.compare import __main__, forest_plot
from train.compare.comparison import Row, changed
from train.compare.runs import Run
from train.compare.significance import Difference


def run(name: str, watch_test: bool = False) -> Run:
    """Return a run of two epochs, the second without a validation."""
    curves = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.2, 0.4], "val_accuracy": [0.3, None]})
    predictions, parameters = pd.DataFrame({"right": [True, False]}), {"watch_test": watch_test}
    return Run(name, "1234567", "", "quick", parameters, 1.0, 2.0, predictions, curves)


def test_each_run_has_a_line_with_its_difference_and_a_curve() -> None:
    difference = Difference(100, 20, 5)
    forest, curves = forest_plot.draw(
        [Row(run("a"), None, None, []), Row(run("b"), difference, 0.004, [])]
    ).axes
    assert [text.get_text() for text in forest.texts] == [
        "50.00%   baseline",
        "50.00%   +15.00   p = 0.004",
    ]
    lines = [list(line.get_xdata()) for line in forest.get_lines()]  # type: ignore[arg-type]
    assert [100 * end for end in difference.interval()] in lines
    assert [15.0] in lines
    train, watched, test = (
        [np.asarray(line.get_ydata()).tolist() for line in curves.get_lines()[kind::3]] for kind in range(3)
    )
    assert train == [[0.2, 0.4]] * 2
    assert [values[0] for values in watched] == [0.3, 0.3]
    assert test == [[0.5]] * 2
    ends = [np.asarray(line.get_xdata()).item() for line in curves.get_lines()[2::3]]
    assert 2 < ends[0] < ends[1]  # side by side


@pytest.mark.parametrize(
    ("watch_test", "label"),
    [
        ([False, False], "validation"),
        ([True], "test, each epoch"),
        ([True, False], "validation or test, each epoch"),
    ],
)
def test_the_legend_names_the_watched_images(watch_test: list[bool], label: str) -> None:
    legend = (
        forest_plot.draw([Row(run("a", watched), None, None, []) for watched in watch_test])
        .axes[1]
        .get_legend()
    )
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == ["train", label, "test, at the end"]


def test_names_are_shortened_and_not_interpreted_as_formulas() -> None:
    forest = forest_plot.draw(
        [Row(run(name), None, None, []) for name in ("$x_2$", "_hidden", "x" * 100)]
    ).axes[0]
    labels = forest.get_yticklabels()
    assert [label.get_text().split("\n")[0] for label in labels] == ["$x_2$", "_hidden", "x" * 27 + "…"]
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 30])
def test_every_run_has_its_own_colour(number: int) -> None:
    assert len(set(forest_plot.colours(number))) == number


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.04, ", more than chance would explain (p = 0.040)"), (0.06, ", could be chance (p = 0.060)")],
)
def test_the_verdict_depends_on_the_corrected_p(p: float, text: str) -> None:
    row = Row(run("b"), Difference(100, 20, 5), p, [])
    assert __main__.verdict(row, "a") == f"b: +15.00 points against a{text}"


def test_a_parameter_that_only_one_run_has_is_new_or_gone() -> None:
    old, new = {"a": None, "b": 1, "c": 2, "d": "x"}, {"a": None, "b": 3, "d": "y", "e": 0.1}
    assert changed(old, new) == ["b 3 (was 1)", "c gone (was 2)", "d y (was x)", "e 0.1 (new)"]
