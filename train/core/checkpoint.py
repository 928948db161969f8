"""Checkpoints: a run that was stopped goes on where it stopped, to the same weights bit for bit on the CPU.

One safetensors file a checkpoint, in a folder that neither git nor DVC knows: weights, running
statistics, momentum, the step, the losses of the epoch so far, and the epochs' results. There is no random
state to save, since every random number is a function of the seed and the step (`train.core.device.seeded`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from data.common.files import digest, write_bytes
from data.params import Train
from train.core.trainer import Trainer

FOLDER = Path("train/out/checkpoints")
KEPT = 2  # the latest, and the one before in case that the latest is damaged

# What decides a training's result: of dvc.yaml, the code that the stage `train` depends on.
CODE = ("data/datasets/dataset.py", "train/core", "train/fit.py")
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Fingerprint:
    """What a checkpoint belongs to; a run goes on only from one whose every part is its own."""

    recipe: str
    data: str
    code: str
    device: str  # "cpu" or "cuda": from the same seed each draws other numbers

    @classmethod
    def of(cls, params: Train, images: Path, device: torch.device, command: str = "fit") -> Fingerprint:
        """Take checksums of the parameters, of the file of images, and of the code with torch's release.

        Part of the parameters is the command: a run belongs to that which began it.
        """
        paths = [path for name in CODE for path in sorted((ROOT / name).rglob("*.py")) or [ROOT / name]]
        code = [torch.__version__, *(digest(path, "sha256") for path in paths)]
        recipe = _short(command + params.model_dump_json())
        return cls(recipe, digest(images, "sha256")[:12], _short(" ".join(code)), device.type)

    @property
    def name(self) -> str:
        """What the names of its checkpoints begin with."""
        return _short("".join(asdict(self).values()))

    def differs(self, other: Mapping[str, str]) -> str:
        """Name the parts in which another run differs."""
        names = {"recipe": "parameters", "data": "images", "code": "code", "device": "devices"}
        return " and ".join(names[part] for part, value in asdict(self).items() if other.get(part) != value)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class ResumeState:
    """How a run came to where it stands: its epochs' results, and the seconds spent on the present epoch."""

    history: list[dict[str, Any]]
    seconds: float = 0.0


def write(trainer: Trainer, fingerprint: Fingerprint, story: ResumeState) -> None:
    """Save where the trainer stands and how it came there; keep the latest two.

    All processes call this, and the first one writes. Raises `UserError` if the disk is full or cannot be
    written to; the checkpoints before are kept.
    """
    # Of all processes: how many there will be after a stop is not known.
    sums = {"losses": trainer.world.sum(trainer.losses), "correct": trainer.world.sum(trainer.correct)}
    if not trainer.world.first:
        return
    names: dict[Tensor, str] = {parameter: name for name, parameter in trainer.network.named_parameters()}
    tensors: dict[str, Tensor] = {f"network.{k}": v for k, v in trainer.network.state_dict().items()}
    for parameter, state in trainer.optimizer.state.items():
        if (momentum := state.get("momentum_buffer")) is not None:
            tensors[f"momentum.{names[parameter]}"] = momentum
    tensors |= {f"epoch.{name}": tensor for name, tensor in sums.items()}
    tensors = {name: tensor.contiguous().cpu() for name, tensor in tensors.items()}
    about = {"step": trainer.step, "fingerprint": asdict(fingerprint)} | asdict(story)
    about["sha256"] = _checksum(about, tensors)
    write_bytes(_path(trainer, fingerprint), save(tensors, {"about": json.dumps(about)}))
    for old in _own(fingerprint)[KEPT:]:
        old.unlink()


def withdraw(trainer: Trainer, fingerprint: Fingerprint) -> None:
    """Delete the checkpoint of the present step, if there is one: its weights turned out to be no good."""
    _path(trainer, fingerprint).unlink(missing_ok=True)


def resume(trainer: Trainer, fingerprint: Fingerprint) -> ResumeState:
    """Bring the trainer to the latest whole checkpoint of its own run and return how it came there.

    Checkpoints of other runs and damaged ones are named and left alone; with none of its own the trainer
    stays at step 0. What a killed process was writing is removed.
    """
    for part in FOLDER.glob(".*.part") if trainer.world.first else ():
        part.unlink()
    for path in sorted(FOLDER.glob("*.safetensors")):
        if not path.name.startswith(fingerprint.name):
            other = _about(path)
            reason = f"of other {fingerprint.differs(other['fingerprint'])}" if other else "damaged"
            print(f"{path}: not used, {reason}; delete it to free the space", flush=True)
    for path in _own(fingerprint):
        about, tensors = _about(path), _tensors(path)
        if about is None or about.pop("sha256") != _checksum(about, tensors):
            print(f"{path}: not used, damaged; taking the one before", flush=True)
            continue
        _load(trainer, tensors)
        trainer.step = int(about["step"])
        print(f"{path}: going on after step {trainer.step} of {trainer.total}", flush=True)
        return ResumeState(about["history"], about["seconds"])
    return ResumeState([])


def clear(fingerprint: Fingerprint) -> None:
    """Delete the checkpoints of a run that has come to its end: a repeat is to train anew."""
    for path in _own(fingerprint):
        path.unlink()


def _path(trainer: Trainer, fingerprint: Fingerprint) -> Path:
    return FOLDER / f"{fingerprint.name}-{trainer.step:08}.safetensors"


def _own(fingerprint: Fingerprint) -> list[Path]:
    return sorted(FOLDER.glob(f"{fingerprint.name}-*.safetensors"), reverse=True)


def _about(path: Path) -> dict[str, Any] | None:
    """Return what a checkpoint says of itself, or None if the file is damaged."""
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()["about"])
            found = {name: about[name] for name in ("step", "fingerprint", "history", "seconds")}
            return found | {"sha256": about.get("sha256")}  # which those of older code have not
    except (SafetensorError, OSError, ValueError, KeyError, TypeError):
        return None


def _tensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a file, none if it is damaged."""
    try:
        with safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError):
        return {}


def _checksum(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    """Return a checksum of all that a checkpoint holds: a flipped bit or a missing tensor changes it."""
    checksum = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name in sorted(tensors):
        checksum.update(f"{name} {tensors[name].dtype} {[*tensors[name].shape]}".encode())
        checksum.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def _load(trainer: Trainer, tensors: Mapping[str, Tensor]) -> None:
    trainer.network.load_state_dict(dict(_under(tensors, "network.")))
    parameters = dict(trainer.network.named_parameters())
    for name, momentum in _under(tensors, "momentum."):
        like = torch.empty_like(parameters[name])  # in the memory format that the step goes on in
        trainer.optimizer.state[parameters[name]]["momentum_buffer"] = like.copy_(momentum)
    if trainer.world.first:  # the others' part is in it
        trainer.losses.copy_(tensors["epoch.losses"])
        trainer.correct.copy_(tensors["epoch.correct"])


def _under(tensors: Mapping[str, Tensor], prefix: str) -> Iterator[tuple[str, Tensor]]:
    return (
        (name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix)
    )
