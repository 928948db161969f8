from __future__ import annotations

import json
from pathlib import Path

from train import bench


def test_it_measures_loop_and_bare_step_in_turns(workspace: Path) -> None:
    out = workspace / "bench.json"
    bench.main(batch=16, rounds=2, steps=2, out=out)
    figures = json.loads(out.read_text())
    rates = figures["pictures_per_second"]
    assert set(rates) == {"loop", "bare step"}
    assert all(rate > 0 for rate in rates.values())
    assert figures["loop_by_bare_step"] > 0
    assert (figures["memory_mb"] > 0) == Path("/proc/self/status").exists()
