from __future__ import annotations

import pandas as pd
import pytest

from train import forest
from train.runs import Run
from train.significance import Paired


def run(name: str, curves: bool = True) -> Run:
    """Return a run of two epochs, the second without a validation."""
    table = pd.DataFrame({"epoch": [1, 2], "accuracy": [0.2, 0.4], "val_accuracy": [0.3, None]})
    return Run(name, "1234567", "", "quick", {}, 100, 0.5, 1.0, 2.0, None, table if curves else None)


def test_each_run_has_a_line_with_its_difference_and_a_curve() -> None:
    paired = Paired(100, 20, 5)
    differences, curves = forest.draw([(run("a"), None), (run("b"), paired), (run("c", False), None)]).axes
    said = [text.get_text() for text in differences.texts]
    assert said == ["50.00%   the baseline", "50.00%   +15.00   p = 0.004", "50.00%   difference not known"]
    lines = [list(line.get_xdata()) for line in differences.get_lines()]  # type: ignore[arg-type]
    assert [100 * end for end in paired.interval()] in lines
    assert [15.0] in lines
    assert len(curves.get_lines()) == 2 * 3  # train, validation and test of those with curves


def test_names_are_drawn_as_they_are_or_cut() -> None:
    names = ["$x_2$", "_hidden", "x" * 100]
    differences = forest.draw([(run(name), None) for name in names]).axes[0]
    labels = differences.get_yticklabels()
    assert [label.get_text().split("\n")[0] for label in labels] == ["$x_2$", "_hidden", "x" * 27 + "…"]
    assert not any(label.get_parse_math() for label in labels)


@pytest.mark.parametrize("number", [1, 2, 9, 10, 11, 30])
def test_every_run_has_a_colour_of_its_own(number: int) -> None:
    assert len(set(forest.colours(number))) == number
