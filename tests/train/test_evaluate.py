from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from data.common.errors import UserError
from data.datasets.dataset import CLASSES, Dataset
from tests.tiny import Stage
from tests.train.page.run_files import prepare
from train import evaluate
from train.core import model
from train.evaluation import results
from train.evaluation.results import FOLDER, METRICS, PREDICTIONS


@pytest.fixture
def trained(workspace: Path, few: Dataset) -> Path:
    """Return a workspace with an untrained network and 80 test images."""
    prepare(few)
    return workspace


@pytest.mark.slow
def test_it_writes_metrics_and_predictions(stage: Stage, trained: Path) -> None:
    done = stage("train.evaluate")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(METRICS.read_text())
    table = pd.read_csv(PREDICTIONS)
    assert metrics["images"] == len(table) == 80
    assert metrics["accuracy"] == (table["actual"] == table["predicted"]).mean()
    assert sorted(metrics["by_class"]) == sorted(CLASSES)
    ranks = [name for end in ("", "_2", "_3") for name in (f"predicted{end}", f"confidence{end}")]
    assert list(table) == ["image", "actual", *ranks, "margin"]
    assert (table["margin"] - (table["confidence"] - table["confidence_2"])).abs().max() < 2e-4


def test_what_is_written_is_read_again_and_the_same_each_time(trained: Path) -> None:
    files = []
    for _ in range(2):
        evaluate.main()
        files.append({path.name: path.read_bytes() for path in [*FOLDER.iterdir(), METRICS]})
    assert files[0] == files[1]
    test = results.read()
    assert len(test.images) == len(test.predictions) == 80
    wrong = min(80 - round(80 * test.metrics["accuracy"]), results.SHOWN)
    assert test.overlays["predicted"].shape == test.overlays["actual"].shape == (wrong, 64, 64, 3)


def test_no_model_says_how_to_get_one(trained: Path) -> None:
    model.MODEL.unlink()
    with pytest.raises(UserError, match="no such file") as caught:
        evaluate.main()
    assert '"dvc repro"' in caught.value.hint
