from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pandas as pd
import pytest

from train.prediction.writers import Format, write

ODD = ["a.png", 'with "quotes", comma.png', "new\nline.png", "[bold]ra.png", "esc\x1b[31m.png", "\udcff.png"]


def tables(*parts: list[str]) -> Iterator[pd.DataFrame]:
    """Yield tables as the prediction does, the last one maybe empty."""
    for names in parts:
        about = pd.DataFrame({"image": pd.Series(names, dtype=object)})
        about["predicted"] = ["frog"] * len(names)
        about["confidence"] = [0.5] * len(names)
        yield about


def text(how: Format, *parts: list[str], width: int = 80) -> str:
    return "".join(write(tables(*parts), how, width))


def test_csv_has_one_head_and_comes_back() -> None:
    said = text(Format.csv, ODD[:3], ODD[3:], [])
    assert said.count("image,predicted,confidence") == 1
    written = io.BytesIO(said.encode(errors="backslashreplace"))
    assert pd.read_csv(written)["image"].tolist() == [*ODD[:-1], "\\udcff.png"]
    assert text(Format.csv, []) == "image,predicted,confidence\n"


@pytest.mark.parametrize("parts", [[[]], [["a.png"], []], [ODD[:3], ODD[3:]], [[], ["a.png"]]])
def test_json_is_one_list_however_it_came(parts: list[list[str]]) -> None:
    said = text(Format.json, *parts).encode(errors="backslashreplace").decode()
    names = [name for part in parts for name in part]
    assert json.loads(said) == [{"image": name, "predicted": "frog", "confidence": 0.5} for name in names]
    assert said.endswith("]\n")


def test_what_a_table_does_not_say_is_null_in_json() -> None:
    table = pd.DataFrame({"image": ["a"], "label": [float("nan")], "predicted": ["cat"], "confidence": [1.0]})
    assert json.loads("".join(write([table], Format.json, 80)))[0]["label"] is None


def test_a_table_has_a_head_once_and_a_line_a_image() -> None:
    lines = text(Format.table, ["a.png", "b.png"], ["c.png"], []).splitlines()
    assert [line.split() for line in lines] == [
        ["image", "class"],
        *([f"{name}.png", "frog", "50.0%"] for name in "abc"),
    ]
    assert len({line.index("frog") for line in lines[1:]}) == 1


def test_names_are_shown_whatever_is_in_them() -> None:
    said = text(Format.table, ODD)
    assert len(said.splitlines()) == 1 + len(ODD)
    assert "[bold]ra.png" in said
    assert "\x1b" not in said
    assert "\\udcff" in said


def test_long_names_are_folded_and_none_is_cut() -> None:
    lines = text(Format.table, ["x" * 100], width=40).splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.count("x") for line in lines) == 100


def test_a_name_has_sixteen_columns_however_narrow_the_terminal_is() -> None:
    lines = text(Format.table, ["x" * 100], width=5).splitlines()
    assert [line.count("x") for line in lines[1:]] == [16] * 6 + [4]


def test_a_table_of_boxes_shows_which_and_what_was_said() -> None:
    table = pd.DataFrame(
        {"image": ["a", "a"], "box": [1, 2], "label": ["cat", None], "x": [1.0, 2.0]}
        | {"predicted": ["cat", "dog"], "confidence": [0.9, 0.8]}
        | {"predicted_2": ["dog", "cat"], "confidence_2": [0.05, 0.1]}
    )
    lines = "".join(write([table], Format.table, 100)).splitlines()
    assert lines[0].split() == ["image", "box", "label", "class", "2"]
    assert lines[1].split() == ["a", "1", "cat", "cat", "90.0%", "dog", "5.0%"]
    assert lines[2].split() == ["a", "2", "dog", "80.0%", "cat", "10.0%"]
