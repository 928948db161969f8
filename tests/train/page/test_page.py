from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.common.files import write_json
from data.datasets.dataset import Dataset
from tests.tiny import ROOT
from tests.train.page.run_files import prepare
from train import evaluate, report
from train.evaluation.results import SIDES, Evaluation, Images
from train.page import contents, page
from train.page.contents import Report, RunInfo
from train.page.labelled import Labelled
from train.page.page import Mosaic


def reported(
    actual: Sequence[str], predicted: Sequence[str], confidences: Sequence[float], watch_test: bool = False
) -> Report:
    """Return a report on black images."""
    names = [f"test-{row:05}" for row in range(len(actual))]
    table = pd.DataFrame(
        {"image": names, "actual": actual, "predicted": predicted, "confidence": confidences}
    )
    table = table.assign(predicted_2="ship", confidence_2=0.02, predicted_3="frog", confidence_3=0.01)
    table["margin"] = table["confidence"]
    accuracy = float((table["actual"] == table["predicted"]).mean())
    metrics = {"images": len(actual), "accuracy": accuracy, "loss": 0.5, "calibration_error": 0.1}
    wrong = int((table["actual"] != table["predicted"]).sum())
    overlays: dict[str, Images] = {side: np.zeros((wrong, 64, 64, 3), np.uint8) for side in SIDES}
    images = np.zeros((len(actual), 32, 32, 3), np.uint8)
    curves = pd.DataFrame({"epoch": [1, 2], "lr": 0.1, "momentum": 0.9, "loss": 1.0, "accuracy": 0.5})
    curves = curves.assign(size=[16, 32], val_loss=[1.0, 1.2], val_accuracy=[0.75, 0.5])
    run = RunInfo("quick", watch_test, 0.0, 2, 0, 1.25, curves, 0, 0)
    columns = ["image", "annotators", "agreed", "cifar10", "predicted", "differ"]
    nothing = Labelled({}, pd.DataFrame(columns=columns), pd.DataFrame(), {})
    return Report(run, 11, Evaluation(images, table, metrics, overlays), nothing)


def test_the_headline_compares_with_the_published_run() -> None:
    published = pd.DataFrame({"val_accuracy": [0.91, 0.9048], "val_loss": [0.3, 0.327]})
    cats = (["cat"] * 4, ["cat", "cat", "cat", "dog"], [0.9] * 4)
    rows = {name: (ours, theirs) for name, ours, theirs in page.headline(reported(*cats), published)}
    space = "\N{NO-BREAK SPACE}"
    assert rows["accuracy after the last epoch"] == (f"75.00{space}% of 4", f"90.48{space}% of 10,000")
    assert rows["95 % confidence interval"][1] == f"89.9{space}% to 91.0{space}%"
    assert rows["best of all epochs on the test images"] == ("not evaluated", f"91.00{space}%")
    assert rows["32-px-equivalent epochs"] == ("1.25", "2")
    assert page.headline(reported(*cats, watch_test=True), published)[2][1] == f"75.00{space}%"


def test_cells_hold_shares_of_their_row_and_the_most_confident_first() -> None:
    shown = reported(["cat", "cat", "dog", "cat"], ["cat", "dog", "dog", "dog"], [0.5, 0.6, 0.7, 0.9])
    cells = page.confusion(shown, Mosaic(32))
    assert {key: round(cell["share"], 2) for key, cell in cells.items()} == {
        "cat/cat": 0.33,
        "cat/dog": 0.67,
        "dog/dog": 1,
    }
    assert cells["cat/dog"]["title"] == "2 images of cat, predicted dog"
    assert [image["name"] for image in cells["cat/dog"]["images"]] == ["test-00003", "test-00001"]


def test_without_a_mistake_the_page_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = page.render(reported(["cat", "dog"], ["cat", "dog"], [0.9, 0.8]))
    assert "There are none." in text
    assert "recipe quick: 2 epochs on images of 16 x 16 and 32 x 32 pixels" in text
    assert "nan" not in re.sub(r"data:image/webp;base64,[\w+/=]+", "", text)


@pytest.mark.slow
def test_without_labels_the_page_has_the_commands(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(few)
    evaluate.main()
    report.main()
    text = (report.FOLDER / "index.html").read_text()
    assert "No image is labelled yet." in text
    assert "python -m annotate serve" in text

    write_json(contents.LABEL_METRICS, {"images": 3, "labelled": 2})  # with boxes alone
    report.main()
    text = (report.FOLDER / "index.html").read_text()
    assert "2 of 3 images are labelled, none of them with a class" in text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [(0.5, 1, "50.0 %"), (0.904, 0, "90 %"), (float("nan"), 1, "-"), (None, 1, "-"), (1, 2, "100.00 %")],
)
def test_shares_in_per_cent(share: float | None, digits: int, text: str) -> None:
    assert page.percent(share, digits).replace("\N{NO-BREAK SPACE}", " ") == text
