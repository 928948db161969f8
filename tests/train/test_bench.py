from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tiny import TINY, Stage, write_params
from train import bench


def test_all_take_turns_and_the_loop_is_compared_with_each(stage: Stage, workspace: Path) -> None:
    write_params(workspace, **TINY)
    done = stage("train.bench", *["--batch", "16", "--rounds", "2", "--steps", "2", "--out", "bench.json"])
    assert done.returncode == 0, done.stderr
    figures = json.loads(Path("bench.json").read_text())
    rates = figures["pictures_per_second"]
    assert set(rates) == {"loop", "bare_step", "plain_loop"}
    assert all(rate > 0 for rate in rates.values())
    for ratio in ("loop_by_bare_step", "loop_by_plain_loop", "share_of_matrix_product"):
        assert figures[ratio] > 0
    assert (figures["memory_mb"] > 0) == Path("/proc/self/status").exists()
    for line in ("loop / bare step", "loop / plain loop", "of the matrix product's"):
        assert line in done.stdout


def test_ratios_are_medians_of_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    rates = {
        "loop": [10.0, 20.0, 90.0],
        "bare step": [10.0, 40.0, 30.0],
        "plain loop": [5.0] * 3,
        "matrix product": [6 * 193.1e6 * 40] * 3,
    }
    bench.report(rates, "here", 128, 0.0, None)
    said = capsys.readouterr().out
    assert "loop / bare step   1.000" in said
    assert "loop / plain loop  4.000" in said
    assert "50% of the matrix product's 46 GFLOP/s" in said
