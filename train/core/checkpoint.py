"""Checkpoints: a training that was stopped resumes, to the same weights bit for bit on a CPU.

A checkpoint is a safetensors file, in a folder that neither git nor DVC knows: weights, running statistics,
momentum, step, the losses of the epoch so far and the results of the epochs before. There is no random state,
since every random number is a function of the seed and the step (`train.core.device.seeded`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.common.files import digest, write_bytes
from data.recipe import Train
from train.core.trainer import Trainer

FOLDER = Path("train/out/checkpoints")
KEPT = 2  # the latest, and the one before in case that the latest is damaged

# What decides a training's result: the code that the stage `train` of dvc.yaml depends on.
CODE = ("data/datasets/dataset.py", "train/core", "train/fit.py")
ROOT = Path(__file__).parents[2]

Metadata = dict[str, Any]  # step, fingerprint, history, seconds, sha256


@dataclass(frozen=True)
class Fingerprint:
    """What a checkpoint belongs to; a training resumes only from one with the same fingerprint."""

    recipe: str
    data: str
    code: str
    device: str  # "cpu" or "cuda", which draw different random numbers from the same seed

    @classmethod
    def of(cls, params: Train, images: Path, device: torch.device, command: str = "fit") -> Fingerprint:
        """Take checksums of command and parameters, of the images' file, and of code and torch's release."""
        paths = [path for name in CODE for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
        code = [torch.__version__, *(digest(path, "sha256") for path in paths)]
        recipe = _short(command + params.model_dump_json())
        return cls(recipe, digest(images, "sha256")[:12], _short(" ".join(code)), device.type)

    @property
    def name(self) -> str:
        """The beginning of its checkpoints' names."""
        return _short("".join(asdict(self).values()))

    def differs(self, other: Mapping[str, str]) -> str:
        """Return the names of the parts in which another fingerprint differs."""
        names = {"recipe": "parameters", "data": "images", "code": "code", "device": "devices"}
        return " and ".join(names[part] for part, value in asdict(self).items() if other.get(part) != value)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ResumeState:
    """The results of the epochs before, and the seconds spent on the present epoch."""

    history: list[dict[str, Any]]
    seconds: float = 0.0


def write(trainer: Trainer, fingerprint: Fingerprint, state: ResumeState) -> None:
    """Save the trainer's state; keep the latest two checkpoints.

    All processes call this, and the first one writes. Raises `UserError` if the disk is full or read-only;
    earlier checkpoints are kept.
    """
    # Summed, since a training may resume with another number of processes.
    sums = {"losses": trainer.world.sum(trainer.losses), "correct": trainer.world.sum(trainer.correct)}
    if not trainer.world.first:
        return
    names: dict[Tensor, str] = {parameter: name for name, parameter in trainer.network.named_parameters()}
    tensors: dict[str, Tensor] = {f"network.{k}": v for k, v in trainer.network.state_dict().items()}
    for parameter, buffers in trainer.optimizer.state.items():
        if (momentum := buffers.get("momentum_buffer")) is not None:
            tensors[f"momentum.{names[parameter]}"] = momentum
    tensors |= {f"epoch.{name}": tensor for name, tensor in sums.items()}
    tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    metadata: Metadata = {"step": trainer.step, "fingerprint": asdict(fingerprint)} | asdict(state)
    metadata["sha256"] = _checksum(metadata, tensors)
    path = FOLDER / f"{fingerprint.name}-{trainer.step:08}.safetensors"
    write_bytes(path, save(tensors, {"metadata": json.dumps(metadata)}))
    for old in _own(fingerprint)[KEPT:]:
        old.unlink()


def resume(trainer: Trainer, fingerprint: Fingerprint) -> ResumeState:
    """Load the latest undamaged checkpoint of this training, if there is one.

    Checkpoints of other trainings and damaged ones are named and kept; partial files of killed processes are
    deleted.
    """
    for part in FOLDER.glob(".*.part") if trainer.world.first else ():
        part.unlink()
    for path in sorted(FOLDER.glob("*.safetensors"), reverse=True):
        metadata, tensors = _read(path)
        if not metadata:
            print(f"{path}: not used, damaged; delete it to free the space", flush=True)
        elif different := fingerprint.differs(metadata["fingerprint"]):
            print(f"{path}: not used, of other {different}; delete it to free the space", flush=True)
        else:
            _load(trainer, tensors)
            trainer.step = int(metadata["step"])
            print(f"{path}: resuming after step {trainer.step} of {trainer.total}", flush=True)
            return ResumeState(metadata["history"], metadata["seconds"])
    return ResumeState([])


def clear(fingerprint: Fingerprint) -> None:
    """Delete the checkpoints of a training that is complete, so that a repeat starts anew."""
    for path in _own(fingerprint):
        path.unlink()


def _own(fingerprint: Fingerprint) -> list[Path]:
    return sorted(FOLDER.glob(f"{fingerprint.name}-*.safetensors"), reverse=True)


def _read(path: Path) -> tuple[Metadata, dict[str, Tensor]]:
    """Return the metadata and tensors of a checkpoint, or nothing if the file is damaged."""
    try:
        with safe_open(path, "pt") as file:
            metadata = json.loads(file.metadata()["metadata"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        whole = metadata.pop("sha256") == _checksum(metadata, tensors)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return {}, {}
    return (metadata, tensors) if whole else ({}, {})


def _checksum(metadata: Metadata, tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of all that a checkpoint holds: a flipped bit or a missing tensor changes it."""
    checksum = hashlib.sha256(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        checksum.update(f"{name} {tensors[name].dtype} {[*tensors[name].shape]}".encode())
        checksum.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def _load(trainer: Trainer, tensors: Mapping[str, Tensor]) -> None:
    trainer.network.load_state_dict(_with_prefix(tensors, "network."))
    parameters = dict(trainer.network.named_parameters())
    for name, momentum in _with_prefix(tensors, "momentum.").items():
        buffer = torch.empty_like(parameters[name])  # in the parameter's memory format
        trainer.optimizer.state[parameters[name]]["momentum_buffer"] = buffer.copy_(momentum)
    if trainer.world.first:  # these are sums over the processes
        trainer.losses.copy_(tensors["epoch.losses"])
        trainer.correct.copy_(tensors["epoch.correct"])


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
