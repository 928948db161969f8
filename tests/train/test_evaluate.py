from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from data.common.errors import UserError
from data.common.files import write_json
from data.datasets.dataset import CLASSES, Dataset
from tests.tiny import TINY, Stage, write_params
from tests.train.page.reported import label, prepare
from train import evaluate
from train.core import model
from train.evaluation import agreement


@pytest.fixture
def trained(workspace: Path, few: Dataset) -> Path:
    """Return a workspace with a network that was not trained, images to label, and no label yet."""
    prepare(few)
    return workspace


def test_it_writes_metrics_predictions_and_images(stage: Stage, trained: Path) -> None:
    done = stage("train.evaluate")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(evaluate.METRICS.read_text())
    table = pd.read_csv(evaluate.REPORT / "predictions.csv")
    assert metrics["images"] == len(table) == 80
    assert metrics["accuracy"] == (table["actual"] == table["predicted"]).mean()
    assert sorted(metrics["by_class"]) == sorted(CLASSES)
    confusion = pd.read_csv(evaluate.REPORT / "confusion.csv", index_col="actual")
    assert confusion.to_numpy().sum() == 80
    assert confusion.to_numpy().trace() / 80 == metrics["accuracy"]
    for name in ("curves.png", "confusion.png", "reliability.png", "mistakes.png"):
        with Image.open(evaluate.REPORT / name) as image:
            assert image.width > 500


def test_without_labels_it_says_so_and_gives_no_accuracy(stage: Stage, trained: Path) -> None:
    done = stage("train.evaluate")
    assert json.loads(evaluate.METRICS.read_text())["labelled"] == {"images": 0, "other_classes": 0}
    assert "labelled  0 of 3 images" in done.stdout
    assert "NaN" not in evaluate.METRICS.read_text()


def test_labelled_images_count_once_and_only_where_annotators_agree(trained: Path) -> None:
    label(
        "test-00000,frog,frog,frog,annotator-1,3.0,1\n"
        "test-00000,frog,frog,frog,annotator-2,4.0,1\n"
        "test-00001,cat,,truck,annotator-1,3.0,0\n"
        "test-00001,dog,,truck,annotator-2,3.0,0\n"
        "test-00002,truck,truck,truck,annotator-1,2.0,1\n"
    )
    evaluate.main()
    answers = pd.read_csv(evaluate.REPORT / "labelled.csv").set_index("image")
    answers = answers.dropna(subset="agreed")
    assert answers["agreed"].to_dict() == {"test-00000": "frog", "test-00002": "truck"}
    metrics = json.loads(evaluate.METRICS.read_text())["labelled"]
    assert metrics["images"] == 2
    assert metrics["accuracy"] == (answers["agreed"] == answers["predicted"]).mean()


def test_classes_that_the_network_does_not_know_are_counted_and_left_out(trained: Path) -> None:
    label("test-00000,frog,frog,frog,annotator-1,3.0,1\ntest-00001,person,person,,annotator-1,3.0,1\n")
    evaluate.main()
    metrics = json.loads(evaluate.METRICS.read_text())["labelled"]
    assert (metrics["images"], metrics["other_classes"]) == (1, 1)


@pytest.mark.parametrize(("max_steps", "cut_short"), [(0, 0), (4, 4), (100, 0)])
def test_a_run_is_cut_short_if_it_ended_by_max_steps(trained: Path, max_steps: int, cut_short: int) -> None:
    write_params(trained, max_steps=max_steps)
    assert evaluate.about().cut_short == cut_short  # its training took 4 steps


@pytest.mark.parametrize(("steps", "worth", "cut_short"), [(20, 0.31, 0), (19, 0.31, 19), (20, 0.3, 20)])
def test_a_run_as_long_as_its_schedule_is_a_whole_one(
    trained: Path, steps: int, worth: float, cut_short: int
) -> None:
    write_params(trained, **TINY, max_steps=steps)  # five epochs of 8 x 8 pixels, each a sixteenth
    write_json(evaluate.RUN, {"epochs": 5, "steps": steps, "equivalent_epochs": worth})
    assert evaluate.about().cut_short == cut_short


@pytest.mark.parametrize(("size", "worth", "cut_short"), [(16, 1.25, 0), (40, 7.81, 0), (40, 6.25, 20)])
def test_a_whole_run_at_another_size_is_worth_its_area(
    trained: Path, size: int, worth: float, cut_short: int
) -> None:
    write_params(trained, **TINY | {"size": size, "progressive": []}, max_steps=20)
    write_json(evaluate.RUN, {"epochs": 5, "steps": 20, "equivalent_epochs": worth})
    assert evaluate.about().cut_short == cut_short


def test_images_of_another_recipe_are_refused(stage: Stage, trained: Path) -> None:
    values = Path("params.yaml").read_text()
    Path("params.yaml").write_text(values.replace("recipe: quick", "recipe: fast", 1))
    done = stage("train.evaluate")
    assert done.returncode == 1
    assert "error: data/out/dataset: holds images of sample; the recipe takes those of cifar10" in done.stderr


OTHERS = [agreement.LABELS, evaluate.LABEL_METRICS, evaluate.CURVES, evaluate.RUN]


@pytest.mark.parametrize("missing", OTHERS)
def test_a_file_of_another_stage_that_is_missing_is_named_before_any_work(
    trained: Path, missing: Path
) -> None:
    missing.unlink()
    with pytest.raises(UserError, match=f"{missing}: no such file") as caught:
        evaluate.main()
    assert '"dvc repro"' in caught.value.hint
    assert not evaluate.REPORT.exists()


def test_the_same_image_gets_the_same_answer_as_a_file_and_as_a_tensor(trained: Path) -> None:
    label("test-00000,frog,frog,frog,annotator-1,3.0,1\n")
    evaluate.main()
    as_file = pd.read_csv(evaluate.REPORT / "labelled.csv").iloc[0]
    as_tensor = pd.read_csv(evaluate.REPORT / "predictions.csv").iloc[0]
    assert as_file["predicted"] == as_tensor["predicted"]
    assert as_file["confidence"] == pytest.approx(as_tensor["confidence"], abs=2e-4)


def test_twice_gives_the_same_bytes(trained: Path) -> None:
    runs = []
    for _ in range(2):
        evaluate.main()
        runs.append({path.name: path.read_bytes() for path in evaluate.REPORT.iterdir()})
    assert runs[0] == runs[1]


def test_no_model_says_how_to_get_one(stage: Stage, trained: Path) -> None:
    model.MODEL.unlink()
    done = stage("train.evaluate")
    assert done.returncode == 1
    assert done.stderr == (
        "error: train/out/model.safetensors: no such file\n"
        'hint: train one with "dvc repro", or bring the latest back with '
        '"dvc checkout --force train/out/model.safetensors".\n'
    )


def test_every_image_to_label_gets_a_prediction_with_the_models_checksum(trained: Path) -> None:
    evaluate.main()
    predictions = pd.read_csv(evaluate.REPORT / "task_predictions.csv")
    assert list(predictions) == ["image", "predicted", "confidence", "model"]
    assert predictions["image"].tolist() == ["test-00000", "test-00001", "test-00002"]
    assert hashlib.sha256(model.MODEL.read_bytes()).hexdigest().startswith(predictions["model"][0])
    probabilities = pd.read_csv(evaluate.REPORT / "probabilities.csv")
    assert probabilities["image"].is_unique
    assert set(predictions["image"]) <= set(probabilities["image"])
