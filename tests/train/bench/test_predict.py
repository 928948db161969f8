from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import Stage, untrained
from train.bench import predict
from train.core import model


def test_files_and_the_bare_network_take_turns(stage: Stage, workspace: Path) -> None:
    model.write(untrained())
    done = stage(
        "train.bench.predict", "--images", "60", "--turns", "3", "--rounds", "2", "--out", "bench.json"
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(Path("bench.json").read_text())
    assert figures["files_by_forward"] > 0
    assert all(rate > 0 for rate in figures["images_per_second"].values())
    assert "median of 6 turns" in done.stdout


def test_the_ratio_is_the_median_of_turns(capsys: pytest.CaptureFixture[str]) -> None:
    predict.report([90.0, 50.0, 300.0], [100.0, 100.0, 300.0], "here", None)
    assert "files / forward      0.900" in capsys.readouterr().out
