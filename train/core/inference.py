"""Logits of a trained network, and how well they fit labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from data.common.progress import progress
from data.datasets.dataset import SIDE
from train.core.model import Model

BATCH = 500  # images of 32 x 32 at once: 2 GB at most for depth 110, and more gains nothing


@torch.inference_mode()
def batch_logits(model: Model, images: Tensor) -> Tensor:
    """Return logits, N x classes, of one batch, N x 32 x 32 x 3, uint8, on the network's device.

    In float32, whatever the training's precision was.
    """
    model.network.eval()
    logits: Tensor = model.network(model.inputs(images))
    return logits


def logits(model: Model, images: Tensor, what: str = "testing") -> Tensor:
    """Return logits, N x classes, of any number of images, N x 32 x 32 x 3, uint8, batch by batch."""
    parts, count = [], min(BATCH, BATCH * SIDE**2 // model.size**2)
    with progress(what, len(images), "images") as task:
        for batch in torch.split(images, count):
            parts.append(batch_logits(model, batch))
            task.advance(len(batch))
    return torch.cat(parts)


@dataclass(frozen=True)
class Score:
    """How well images were classified."""

    loss: float  # mean cross-entropy in nats, without label smoothing
    accuracy: float  # share of 1


def score(logits: Tensor, labels: Tensor) -> Score:
    """Compare logits (N x classes) with labels (N)."""
    accuracy = (logits.argmax(1) == labels).double().mean()
    return Score(F.cross_entropy(logits, labels).item(), accuracy.item())
