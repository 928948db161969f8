from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from data.datasets.dataset import Dataset
from tests.tiny import as_tensors, untrained
from train.core import model as models


@pytest.mark.parametrize("size", [16, 32, 64])
def test_logits_do_not_depend_on_the_batches(
    few: Dataset, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    images = as_tensors(few)[0]
    model = replace(untrained(), size=size)
    shown: list[tuple[int, ...]] = []
    model.network.register_forward_pre_hook(lambda _, inputs: shown.append(tuple(inputs[0].shape)))
    together = models.logits(model, images)
    monkeypatch.setattr(models, "BATCH", 20)
    assert torch.allclose(models.logits(model, images), together, atol=1e-4)
    assert together.shape == (80, 10)
    many = {16: 20, 32: 20, 64: 5}[size]  # a batch of larger images takes no more memory
    assert shown == [(80, 3, size, size)] + [(many, 3, size, size)] * (80 // many)


@pytest.mark.parametrize(
    ("logits", "labels", "loss", "accuracy"),
    [
        ([[0.0, 0.0]], [0], math.log(2), 1.0),
        ([[0.0, 1.0]], [0], math.log(1 + math.e), 0.0),
        ([[100.0, 0.0], [100.0, 0.0]], [0, 1], 50.0, 0.5),
    ],
)
def test_score_is_mean_cross_entropy_and_share_of_correct_predictions(
    logits: list[list[float]], labels: list[int], loss: float, accuracy: float
) -> None:
    score = models.score(torch.tensor(logits), torch.tensor(labels))
    assert score.loss == pytest.approx(loss)
    assert score.accuracy == accuracy
