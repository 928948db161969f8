"""A training of seconds: the parameters of the repository, some of them made small."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import Tensor

from data import params
from data.datasets.dataset import Dataset
from data.recipe import Train
from train.core.augment import Normalise
from train.core.model import MODEL, Model
from train.core.network import ResNet

ROOT = Path(__file__).parents[1]

# Runs `python -m MODULE ARGUMENTS` in a workspace: the fixture `stage`.
Stage = Callable[..., subprocess.CompletedProcess[str]]

# A training of seconds: the smallest network of the family, small images, 20 steps of 16 images.
TINY = {
    "depth": 11,
    "epochs": 5,
    "batch": 16,
    "validation": 16,
    "progressive": [{"share": 1.0, "size": 8}],
    "rise": 0.2,
    "fall": 0.8,
    "max_lr": 0.1,
}

# The same for a clone, whose sample has 300 steps an epoch.
BRIEF = TINY | {"max_steps": 40}


def write_params(folder: Path, **changes: object) -> None:
    """Write the repository's params.yaml with changes to the train parameters of its recipe `quick`."""
    yaml = YAML(typ="safe")
    values: dict[str, Any] = yaml.load((ROOT / "params.yaml").read_text())
    values["recipes"]["quick"]["train"] |= changes
    with (folder / "params.yaml").open("w") as file:
        yaml.dump(values, file)


def tiny(**changes: object) -> Train:
    """Return the parameters of a training of seconds."""
    return Train.model_validate(_quick().model_dump() | TINY | changes)


@cache
def _quick() -> Train:
    return params.load(ROOT / "params.yaml").recipes["quick"].train


def as_tensors(dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return images, N x 32 x 32 x 3, and labels, N, as a trainer takes them."""
    return torch.from_numpy(dataset.images), torch.from_numpy(dataset.labels).long()


def untrained(depth: int = 11) -> Model:
    """Return a network before its first step."""
    return Model(ResNet(depth), Normalise.of("channel", torch.empty(0)))


def start(
    *command: str, environment: Mapping[str, str] | None = None, new_session: bool = False
) -> subprocess.Popen[str]:
    """Start Python with a command, by default `-m train.fit`, in the current folder, with pipes.

    `environment` comes on top of ours.
    """
    return subprocess.Popen(
        [sys.executable, *(command or ("-m", "train.fit"))],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | dict(environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=new_session,
    )


def wait_for(process: subprocess.Popen[str], beginning: str) -> None:
    """Read a process' output up to a line."""
    assert process.stdout is not None
    assert any(line.startswith(beginning) for line in process.stdout), beginning


def weights() -> str:
    """Return the checksum of the model that was trained in the current folder."""
    return hashlib.sha256(MODEL.read_bytes()).hexdigest()
