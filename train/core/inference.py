"""The trained network at work: logits for images, and what they say beside the labels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from data.common.progress import progress
from data.datasets.dataset import SIDE
from train.core.model import Model

BATCH = 500  # images of 32 x 32 at once: 2 GB at most for depth 110, and nothing is gained by more


@torch.inference_mode()
def batch_logits(model: Model, images: Tensor) -> Tensor:
    """Return N x classes logits for one batch, N x 32 x 32 x 3, uint8, on the network's device.

    In float32, whatever the training's precision was: a result does not depend on how a device rounds.
    """
    model.network.eval()
    found: Tensor = model.network(model.inputs(images))
    return found


def logits(model: Model, images: Tensor, what: str = "testing") -> Tensor:
    """Return N x classes logits for any number of images, N x 32 x 32 x 3, uint8, batch by batch."""
    parts, many = [], min(BATCH, BATCH * SIDE**2 // model.size**2)
    with progress(what, len(images), "images") as task:
        for batch in torch.split(images, many):
            parts.append(batch_logits(model, batch))
            task.advance(len(batch))
    return torch.cat(parts)


@dataclass(frozen=True)
class Score:
    """How well images were recognised."""

    loss: float  # mean cross-entropy in nats, without label smoothing
    accuracy: float  # share of 1


def score(answers: Tensor, labels: Tensor) -> Score:
    """Compare logits (N x classes) with labels (N)."""
    accuracy = (answers.argmax(1) == labels).double().mean()
    return Score(F.cross_entropy(answers, labels).item(), accuracy.item())
