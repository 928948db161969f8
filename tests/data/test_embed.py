from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import embed
from data.datasets import embedded
from tests.tiny import ROOT


@pytest.mark.slow
def test_making_it_again_gives_the_same_bytes(
    full_cifar10: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    embed.main()
    made = {path.name: path.read_bytes() for path in Path("data/sample").iterdir()}
    assert made == {path.name: path.read_bytes() for path in (ROOT / embedded.FOLDER).iterdir()}


@given(rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_a_sheet_is_cut_into_the_images_that_it_was_made_of(rows: int, columns: int) -> None:
    images = np.random.default_rng(rows).integers(0, 256, (rows * columns, 32, 32, 3), np.uint8)
    sheet = embed.to_sheet(images, columns)
    assert sheet.shape == (rows * 32, columns * 32, 3)
    assert np.array_equal(embedded.from_sheet(sheet, columns), images)
