"""The recipe `original` point by point; the rest of it is tested where it lives, as named here.

Learning rates to the last digit: test_schedule.py. Layers and initialisation: test_network.py. Shifts by part
of a pixel: test_augment.py. That the test images are watched: test_fit.py.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from data import params
from tests.tiny import ROOT
from train.core.trainer import Trainer

ORIGINAL = params.load(ROOT / "params.yaml").recipes["original"]


# What the published log says and, where it is silent, Keras' cifar10_resnet.py, whose network it prints.
POINTS = {
    "depth": 56,
    "size": 32,  # every image as it is
    "progressive": (),
    "rise": 0.46,  # of 50 epochs: lr 0.1 in the first, 1.5 in the 24th
    "fall": 0.46,  # 0.1 in the 47th
    "muon_lr": 0.0,  # SGD
    "batch": 512,  # 98 steps an epoch
    "epochs": 50,
    "validation": 0,  # 98 steps of 512 are all 50,000 images
    "watch_test": True,  # val_acc ends at 0.9048, a multiple of 1 / 10,000
    "lr_changes": "epoch",  # by a LearningRateScheduler; test_trainer.py: momentum as in Keras
    "momentum": 0.95,
    "momentum_at_peak": 0.95,
    "nesterov": False,
    "weight_decay": 0.0,  # Keras' 1e-4 would add 1.13 to the printed loss at the start
    "label_smoothing": 0.0,
    "bn_momentum": 0.01,  # 0.99 in Keras' sense
    "precision": "float32",
    "normalise": "image",  # x_train -= x_train_mean
    "flip": "random",  # horizontal_flip=True
    "shift": 3.2,  # width_shift_range=0.1
    "shift_by": "subpixel",
    "shift_fill": "edge",  # fill_mode="nearest"
    "colour_jitter": 0.0,  # the example has none
    "cutout": 0,
}


@pytest.mark.parametrize(("name", "value"), POINTS.items())
def test_it_is_the_published_one(name: str, value: Any) -> None:
    assert getattr(ORIGINAL.train, name) == value
    assert ORIGINAL.prepare.source == "cifar10"


def test_an_epoch_has_98_steps_the_last_one_of_336_images() -> None:
    images = torch.zeros(50_000, 1, 1, 3, dtype=torch.uint8)
    trainer = Trainer(
        ORIGINAL.train.model_copy(update={"depth": 11}), images, torch.zeros(50_000, dtype=torch.int64)
    )
    assert trainer.steps == 98
    assert len(trainer._rows(0)[97 * 512 :]) == 336
    assert trainer.total == 4900
    norms = [module for module in trainer.network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}
