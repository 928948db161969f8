"""The trained network as a file: safetensors, which cannot run code, with its depth, size and classes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.common.errors import UserError
from data.common.files import write_bytes
from data.common.progress import progress
from data.datasets.dataset import CLASSES, SIDE
from train.core.augment import Normalise, resize, to_nchw
from train.core.network import ResNet, to_device

MODEL = Path("train/out/model.safetensors")


@dataclass(frozen=True)
class Model:
    """A network with the normalisation and size of its inputs."""

    network: ResNet
    normalise: Normalise
    size: int = SIDE  # side of its inputs in pixels

    def inputs(self, images: Tensor) -> Tensor:
        """Return images, N x 32 x 32 x 3, uint8, as the network takes them: N x 3 x size x size."""
        return resize(to_nchw(self.normalise(images)), self.size)


def write(model: Model, path: Path = MODEL) -> None:
    """Write weights, running statistics and normalisation, with depth, size and class names."""
    network = model.network
    metadata = {"architecture": "ResNet v2", "classes": CLASSES, "depth": network.depth, "size": model.size}
    tensors = {name: tensor.contiguous() for name, tensor in network.state_dict().items()}
    tensors |= {"input.mean": model.normalise.mean, "input.std": model.normalise.std}
    # A single entry, since safetensors writes several in no fixed order.
    write_bytes(path, save(tensors, {"about": json.dumps(metadata, sort_keys=True)}))


def load(device: torch.device, path: Path = MODEL) -> Model:
    """Read a model that `write` wrote.

    Raises `UserError` if there is no such file, or if it holds something else.
    """
    hint = "name a file that the stage train wrote, as train/out/model.safetensors."
    if path == MODEL:
        hint = f'train one with "dvc repro", or bring the latest back with "dvc checkout --force {MODEL}".'
    try:
        with safe_open(path, "pt", device=str(device)) as file:
            metadata = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        classes, network, size = metadata["classes"], ResNet(metadata["depth"]), int(metadata["size"])
        normalise = Normalise(tensors.pop("input.mean"), tensors.pop("input.std"))
        network.load_state_dict(tensors)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file", hint) from None
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(f"{path}: not a trained network ({reason})", hint) from None
    if classes != list(CLASSES):
        raise UserError(f"{path}: has the classes {classes}; expected {list(CLASSES)}", hint)
    return Model(to_device(network, device), normalise, size)


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
