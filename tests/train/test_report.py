from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data.common.errors import UserError
from data.datasets.dataset import Dataset
from tests.tiny import Stage, write_params
from tests.train.page.run_files import label, prepare
from train import evaluate, report
from train.evaluation import results
from train.page import contents, labelled


@pytest.fixture
def tested(workspace: Path, few: Dataset) -> Path:
    """Return a workspace with a tested network, three images to label, and no label yet."""
    prepare(few)
    evaluate.main()
    return workspace


def labelled_metrics() -> dict[str, float]:
    metrics: dict[str, float] = json.loads(report.LABELLED.read_text())
    return metrics


@pytest.mark.slow
def test_it_writes_tables_images_and_the_last_lines_of_a_run(stage: Stage, tested: Path) -> None:
    done = stage("train.report")
    assert done.returncode == 0, done.stderr
    assert "labelled  0 of 3 images" in done.stdout
    assert "train/out/report/index.html" in done.stdout
    assert labelled_metrics() == {"images": 0, "other_classes": 0}  # and no accuracy
    confusion = pd.read_csv(report.FOLDER / "confusion.csv", index_col="actual").to_numpy()
    assert confusion.sum() == 80
    assert confusion.trace() / 80 == json.loads(results.METRICS.read_text())["accuracy"]
    for name in ("curves.png", "confusion.png", "reliability.png", "mistakes.png"):
        with Image.open(report.FOLDER / name) as image:
            assert image.width > 500


def test_labelled_images_count_once_and_only_where_annotators_agree(tested: Path) -> None:
    label(
        "test-00000,frog,frog,frog,annotator-1,3.0,1\n"
        "test-00000,frog,frog,frog,annotator-2,4.0,1\n"
        "test-00001,cat,,truck,annotator-1,3.0,0\n"
        "test-00001,dog,,truck,annotator-2,3.0,0\n"
        "test-00002,truck,truck,truck,annotator-1,2.0,1\n"
    )
    report.main()
    table = pd.read_csv(report.FOLDER / "labelled.csv").set_index("image").dropna(subset="agreed")
    assert table["agreed"].to_dict() == {"test-00000": "frog", "test-00002": "truck"}
    metrics = labelled_metrics()
    assert metrics["images"] == 2
    assert metrics["accuracy"] == (table["agreed"] == table["predicted"]).mean()
    confusion = pd.read_csv(report.FOLDER / "labelled_confusion.csv", index_col="actual")
    assert confusion.loc["frog"].sum() == confusion.loc["truck"].sum() == 1
    # The same image as a file and as a tensor.
    first = pd.read_csv(results.PREDICTIONS).iloc[0]
    assert table.loc["test-00000", "predicted"] == first["predicted"]
    assert table.loc["test-00000", "confidence"] == pytest.approx(first["confidence"], abs=2e-4)


def test_classes_that_the_model_does_not_have_are_counted(tested: Path) -> None:
    label("test-00000,frog,frog,frog,annotator-1,3.0,1\ntest-00001,person,person,,annotator-1,3.0,1\n")
    report.main()
    metrics = labelled_metrics()
    assert (metrics["images"], metrics["other_classes"]) == (1, 1)


@pytest.mark.slow
def test_the_same_inputs_give_the_same_bytes(tested: Path) -> None:
    written = []
    for _ in range(2):
        report.main()
        written.append({path.name: path.read_bytes() for path in report.FOLDER.iterdir()})
    assert written[0] == written[1]


def test_images_of_another_recipe_are_refused(tested: Path) -> None:
    values = Path("params.yaml").read_text()
    Path("params.yaml").write_text(values.replace("recipe: quick", "recipe: fast", 1))
    with pytest.raises(UserError, match="holds images of sample; the recipe takes those of cifar10"):
        report.main()


@pytest.mark.parametrize(
    "path", [labelled.LABELS, contents.LABEL_METRICS, contents.CURVES, contents.METRICS, results.PREDICTIONS]
)
def test_a_missing_or_damaged_file_is_named(tested: Path, path: Path) -> None:
    path.write_bytes(b"")
    with pytest.raises(UserError, match=f"{path}: damaged") as damaged:
        report.main()
    assert "dvc repro -fs" in damaged.value.hint
    path.unlink()
    with pytest.raises(UserError, match=f"{path}: no such file") as missing:
        report.main()
    assert '"dvc repro"' in missing.value.hint
    assert not report.FOLDER.exists()


@pytest.mark.parametrize(("max_steps", "stopped_after"), [(0, 0), (4, 4), (100, 0)])
def test_a_run_that_max_steps_ended_is_a_trial(tested: Path, max_steps: int, stopped_after: int) -> None:
    write_params(tested, max_steps=max_steps)
    assert contents.read_run_info().stopped_after == stopped_after  # its training took 4 steps


@pytest.mark.parametrize(
    ("stopped_after", "sizes", "work", "text"),
    [
        (0, (32, 32), 2, "2 epochs"),
        (0, (32, 16), 1.25, "2 epochs on images of 16 x 16 and 32 x 32 pixels, 1.25 32-px-equivalent epochs"),
        (0, (40, 40), 3.12, "2 epochs on images of 40 x 40 pixels, 3.12 32-px-equivalent epochs"),
        (
            0,
            (8, 16, 40),
            1.88,
            "3 epochs on images of 8 x 8, 16 x 16 and 40 x 40 pixels, 1.88 32-px-equivalent epochs",
        ),
        (1000, (16, 32), 1.25, "a trial, stopped after 1,000 steps, 1.25 32-px-equivalent epochs"),
    ],
)
def test_the_length_of_a_run(stopped_after: int, sizes: tuple[int, ...], work: float, text: str) -> None:
    curves = pd.DataFrame({"epoch": np.arange(len(sizes)), "size": sizes})
    info = contents.RunInfo("quick", False, 0.0, len(sizes), stopped_after, work, curves, 0, 0)
    assert info.length == text
