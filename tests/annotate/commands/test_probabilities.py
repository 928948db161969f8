from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from annotate.commands import probabilities
from annotate.labelling import folder
from data.common.errors import UserError
from data.datasets.dataset import CLASSES
from tests.annotate.builders import image
from tests.tiny import untrained
from train import predict
from train.core import model


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("photo,cat,dog\na,0.5,0.5", "not a table of probabilities"),
        ("image,cat\na,1", "holds 1 images and 1 classes"),
        ("image,cat,dog", "holds 0 images and 2 classes"),
        ("image,cat,dog\na,0.5,x", "column dog holds no numbers"),
        ("image,cat,dog\na,0.5,0.5\na,0.5,0.5", "a is there twice"),
        ("image,cat,dog\n,0.5,0.5", "a row names no image"),
        ("image,cat,dog\na,0.5,0.5\nb,0.5,0.4", "b: its probabilities do not add up to 1"),
        ("image,cat,dog\na,1.5,-0.5", "a: its probabilities do not add up to 1"),
        ("image,cat,dog\na,0.5,", "a: its probabilities do not add up to 1"),
    ],
)
def test_a_table_that_is_none_of_probabilities(room: Path, rows: str, problem: str) -> None:
    Path("other.csv").write_text(rows + "\n")
    with pytest.raises(UserError, match=rf"other\.csv: {problem}") as error:
        probabilities.read(Path("other.csv"))
    assert "the columns image and one for each class" in error.value.hint


def test_columns_that_are_no_classes_are_ignored(room: Path) -> None:
    Path("other.csv").write_text("image,predicted,confidence,cat,dog\n7,dog,0.75,0.25,0.75\n")
    table = probabilities.read(Path("other.csv"))
    assert (list(table.index), list(table.columns)) == (["7"], ["cat", "dog"])


def test_our_model_is_asked_for_files_and_what_it_wrote_is_read_again(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write(untrained())
    files = [Path(image(f"{number}", colour=f"#00{number}000").image) for number in range(1, 4)]
    named = {f"image {path.stem}": path for path in reversed(files)}
    Path("bad.png").write_text("no image")
    table = probabilities.of_files(named | {"bad": Path("bad.png")})
    assert (list(table), list(table.index)) == (list(CLASSES), ["image 3", "image 2", "image 1"])
    assert "1 file skipped: bad.png: not an image" in capsys.readouterr().out
    predict.main([str(files[0].parent)], probabilities=True, output=Path("p.csv"))
    source = files[0].parent
    rows, unknown = probabilities.by_name(probabilities.read(Path("p.csv")), folder.find(source), source)
    assert (len(rows), unknown) == (3, [])
    assert np.allclose(rows.to_numpy(), table.iloc[::-1].to_numpy(), atol=1e-3)


def test_rows_of_a_folder_are_matched_by_name_or_path(room: Path) -> None:
    files = {f"image-{name}": Path(f"photos/one day/{name}.png") for name in "abcd"}
    ways = ["photos/one day/a.png", str(Path("photos/one day/b.png").resolve()), "one day/c.png", "image-d"]
    table = pd.DataFrame({"cat": range(6)}, index=[*ways, "photos/nowhere.png", "one day/a.png"])
    rows, unknown = probabilities.by_name(table, files, Path("photos"))
    assert rows["cat"].to_dict() == {"image-a": 0, "image-b": 1, "image-c": 2, "image-d": 3}
    assert unknown == ["photos/nowhere.png"]
