from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import untrained
from train.bench import prediction
from train.core import model


def test_files_and_the_bare_network_are_measured_in_turn(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model.write(untrained())
    rates = iter([90.0, 50.0, 300.0])
    monkeypatch.setattr(prediction, "forward", lambda *_: 100.0)
    measured = prediction.from_files
    monkeypatch.setattr(prediction, "from_files", lambda *given: next(rates) if measured(*given) > 0 else 0)
    prediction.main(count=60, rounds=3, out=Path("bench.json"))
    figures = json.loads(Path("bench.json").read_text())
    assert figures["images_per_second"] == {"files": 90.0, "forward": 100.0}
    assert figures["files_by_forward"] == 0.9
    assert "median of 3 rounds" in capsys.readouterr().out
