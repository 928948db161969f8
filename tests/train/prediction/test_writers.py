from __future__ import annotations

import io
import json

import pandas as pd

from train.prediction.writers import Format, as_text

NAMES = ['with "quotes", comma.png', "Ünïcode.png"]
TABLE = pd.DataFrame(
    {"image": NAMES, "box": [1, 2], "label": [float("nan"), "cat"]}
    | {"predicted": ["frog", "cat"], "confidence": [0.5, 0.25]}
)


def test_csv_comes_back() -> None:
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(as_text(TABLE, Format.csv))), TABLE)
    assert as_text(TABLE[:0], Format.csv) == "image,box,label,predicted,confidence\n"


def test_json_is_a_list_in_which_an_empty_cell_is_null() -> None:
    text = as_text(TABLE, Format.json)
    first = {"image": NAMES[0], "box": 1, "label": None, "predicted": "frog", "confidence": 0.5}
    assert (json.loads(text)[0], text[-1]) == (first, "\n")
    assert json.loads(as_text(TABLE[:0], Format.json)) == []


def test_a_table_for_people_is_aligned_and_confidences_are_in_per_cent() -> None:
    ranked = TABLE.assign(predicted_2=["automobile", "dog"], confidence_2=[0.0999, 0.02])
    assert as_text(ranked, Format.table).splitlines() == [
        "image                     box  label  class         2",
        'with "quotes", comma.png    1         frog   50.0%  automobile  10.0%',
        "Ünïcode.png                 2  cat    cat    25.0%  dog          2.0%",
    ]
