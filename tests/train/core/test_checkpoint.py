from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ruamel.yaml import YAML
from safetensors.torch import save

from data.datasets.dataset import Dataset
from tests.tiny import ROOT, as_tensors, tiny
from train.core import checkpoint
from train.core.checkpoint import Fingerprint, ResumeState
from train.core.trainer import Trainer

MINE = Fingerprint(recipe="r", data="d", code="c", device="cpu")
CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.fixture
def trainer(few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainer:
    """Return a trainer of seconds that has done no step, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    checkpoint.FOLDER.mkdir(parents=True)
    return make(few)


def make(few: Dataset, muon_lr: float = 0.0) -> Trainer:
    """Return a trainer that augments in every way and ends an epoch with a smaller batch."""
    recipe = tiny(
        batch=24,
        muon_lr=muon_lr,
        colour_jitter=0.4,
        cutout=8,
        momentum_at_peak=0.8,
        epochs=3,
        size=16,
        progressive=[{"share": 0.67, "size": 8}],
        rise=0.33,
        fall=0.67,
    )
    return Trainer(recipe, *as_tensors(few))


def run(trainer: Trainer, steps: int) -> None:
    """Do so many steps."""
    for _ in range(steps):
        trainer.take_step()


# In an epoch, at its end, in a later one, before the last step.
@pytest.mark.parametrize(("stop", "muon_lr"), [(1, 0.0), (4, 0.0), (6, 0.0), (11, 0.0), (6, 0.02)])
@pytest.mark.usefixtures("trainer")
def test_a_run_that_stopped_anywhere_ends_in_the_same_weights(
    few: Dataset, stop: int, muon_lr: float
) -> None:
    trainer = make(few, muon_lr)
    run(trainer, stop)
    checkpoint.write(trainer, MINE, ResumeState([{"epoch": 1, "loss": 0.5}], seconds=2.5))
    run(trainer, trainer.total - stop)

    resumed = make(few, muon_lr)
    assert checkpoint.resume(resumed, MINE) == ResumeState([{"epoch": 1, "loss": 0.5}], seconds=2.5)
    assert resumed.step == stop
    run(resumed, resumed.total - stop)
    for name, tensor in trainer.network.state_dict().items():
        assert torch.equal(tensor, resumed.network.state_dict()[name]), name
    assert resumed.totals() == trainer.totals()


def cut_short(content: bytes) -> bytes:
    return content[:-100]


def with_a_bit_flipped(content: bytes) -> bytes:
    return content[:-1000] + bytes([content[-1000] ^ 1]) + content[-999:]


def with_another_step(content: bytes) -> bytes:
    assert content.count(rb"\"step\": 3") == 1
    return content.replace(rb"\"step\": 3", rb"\"step\": 4")


def another_file(_: bytes) -> bytes:
    return save({"tensor": torch.zeros(2)})


@pytest.mark.parametrize("damage", [cut_short, with_a_bit_flipped, with_another_step, another_file])
def test_of_the_two_that_are_kept_a_damaged_one_is_named_and_the_other_taken(
    trainer: Trainer, few: Dataset, capsys: pytest.CaptureFixture[str], damage: Callable[[bytes], bytes]
) -> None:
    for _ in range(3):
        run(trainer, 1)
        checkpoint.write(trainer, MINE, ResumeState([]))
    before, latest = sorted(checkpoint.FOLDER.iterdir())
    assert before.name == f"{MINE.name}-00000002.safetensors"
    latest.write_bytes(damage(latest.read_bytes()))
    (checkpoint.FOLDER / f".{latest.name}.7.part").write_bytes(b"what a killed process was writing")
    resumed = make(few)
    checkpoint.resume(resumed, MINE)
    assert resumed.step == 2
    assert f"{latest}: not used, damaged" in capsys.readouterr().out
    assert not list(checkpoint.FOLDER.glob(".*.part"))


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (Fingerprint("x", "d", "c", "cpu"), "of other parameters"),
        (Fingerprint("r", "x", "c", "cpu"), "of other images"),
        (Fingerprint("x", "d", "x", "cpu"), "of other parameters and code"),
        (Fingerprint("r", "d", "c", "cuda"), "of other devices"),
    ],
)
def test_a_checkpoint_of_another_training_is_named_and_kept(
    trainer: Trainer, few: Dataset, capsys: pytest.CaptureFixture[str], other: Fingerprint, reason: str
) -> None:
    run(trainer, 1)
    checkpoint.write(trainer, other, ResumeState([{"epoch": 1}]))
    resumed = make(few)
    assert checkpoint.resume(resumed, MINE) == ResumeState([])
    assert resumed.step == 0
    assert f"not used, {reason}; delete it" in capsys.readouterr().out
    checkpoint.clear(MINE)
    assert len(list(checkpoint.FOLDER.iterdir())) == 1


def test_the_fingerprint_changes_with_recipe_images_device_code_and_torchs_release_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in checkpoint.CODE:
        source, copy = ROOT / name, tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, copy) if source.is_dir() else shutil.copy(source, copy)
    images = tmp_path / "train.safetensors"
    images.write_bytes(b"a")
    monkeypatch.setattr(checkpoint, "ROOT", tmp_path)
    first = Fingerprint.of(tiny(), images, CPU)

    def difference(seed: int = 1, device: torch.device = CPU) -> str:
        return first.differs(vars(Fingerprint.of(tiny(seed=seed), images, device)))

    assert difference(seed=2) == "parameters"
    assert difference(device=GPU) == "devices"
    files = ("data/datasets/dataset.py", "train/core/augment.py", "train/fit.py", "train.safetensors")
    for name in files:
        before = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(before + b"# another line\n")
        assert difference() == ("images" if name == "train.safetensors" else "code"), name
        (tmp_path / name).write_bytes(before)
    assert not difference()
    monkeypatch.setattr(torch, "__version__", "9.9.9")
    assert difference() == "code"


def test_the_code_is_that_which_the_stage_train_depends_on() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    dependencies = [path for path in stages["train"]["deps"] if not path.startswith("data/out/")]
    assert sorted(checkpoint.CODE) == sorted(dependencies)
