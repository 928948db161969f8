from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from train.compare import forest_plot
from train.compare.runs import Run
from train.compare.significance import Paired, Unpaired


def run(name: str, curves: bool = True, watch_test: bool = False) -> Run:
    """Return a run of two epochs, the second without a validation."""
    table = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.2, 0.4], "val_accuracy": [0.3, None]})
    return Run(
        name,
        "1234567",
        "",
        "quick",
        {"watch_test": watch_test},
        ("a", "b"),
        100,
        0.5,
        1.0,
        2.0,
        None,
        table if curves else None,
    )


def test_each_run_has_a_line_with_its_difference_and_a_curve() -> None:
    paired = Paired(100, 20, 5)
    differences, curves = forest_plot.draw(
        [(run("a"), None, None), (run("b"), paired, 0.004), (run("c", False), Unpaired((9, 9), (4, 5)), 0.6)]
    ).axes
    said = [text.get_text() for text in differences.texts]
    assert said == [
        "50.00%   the baseline",
        "50.00%   +15.00   p = 0.004",
        "50.00%   +11.11   p = 0.60, unpaired",
    ]
    lines = [list(line.get_xdata()) for line in differences.get_lines()]  # type: ignore[arg-type]
    assert [100 * end for end in paired.interval()] in lines
    assert [15.0] in lines
    drawn = [[np.asarray(line.get_ydata()).tolist() for line in curves.get_lines()[at::3]] for at in range(3)]
    assert drawn[0] == [[0.2, 0.4]] * 2  # train, of those with curves
    assert [watched[0] for watched in drawn[1]] == [0.3, 0.3]
    assert drawn[2] == [[0.5]] * 2  # test
    ends = [np.asarray(line.get_xdata()).item() for line in curves.get_lines()[2::3]]
    assert 2 < ends[0] < ends[1]  # not one on the other


@pytest.mark.parametrize(
    ("watching", "label"),
    [
        ([False, False], "validation"),
        ([True], "test, each epoch"),
        ([True, False], "validation or test, each epoch"),
    ],
)
def test_the_key_says_which_images_were_watched(watching: list[bool], label: str) -> None:
    shown = [(run("a", watch_test=watch_test), None, None) for watch_test in watching]
    legend = forest_plot.draw(shown).axes[1].get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == ["train", label, "test, at the end"]


def test_names_are_drawn_as_they_are_or_cut() -> None:
    names = ["$x_2$", "_hidden", "x" * 100]
    differences = forest_plot.draw([(run(name), None, None) for name in names]).axes[0]
    labels = differences.get_yticklabels()
    assert [label.get_text().split("\n")[0] for label in labels] == ["$x_2$", "_hidden", "x" * 27 + "…"]
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 30])
def test_every_run_has_a_colour_of_its_own(number: int) -> None:
    assert len(set(forest_plot.colours(number))) == number
