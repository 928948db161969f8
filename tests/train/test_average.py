from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from data.pictures import Pictures
from tests.tiny import as_tensors, tiny
from train.augment import colours_first
from train.checkpoint import Fingerprint
from train.distributed import ALONE, World
from train.epochs import Run
from train.inference import logits, score
from train.loop import Trainer
from train.stopping import Stop


def make(few: Pictures, changes: Mapping[str, object], world: World = ALONE) -> Trainer:
    """Return a trainer of 15 steps, five an epoch, at a rate that does not fall to zero."""
    recipe = tiny(epochs=3, progressive=[], rise_epochs=1, fall_epochs=1, final_lr=0.05, **changes)
    return Trainer(recipe, *as_tensors(few), world)


def weights(trainer: Trainer) -> list[Tensor]:
    """Return a copy of the parameters as they stand."""
    return [weight.detach().clone() for weight in trainer.network.parameters()]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"average_epochs": 1.0}, 5),
        ({"average_epochs": 1.3}, 7),  # 6.5 steps
        ({"average_epochs": 0.1}, 1),  # half a step
        ({"average_epochs": 3.0}, 15),
        ({"average_epochs": 1.0, "max_steps": 7}, 5),
        ({"average_epochs": 2.0, "max_steps": 7}, 7),
        ({"average_epochs": 1.0, "muon_lr": 0.02}, 5),
        ({}, 0),
    ],
)
def test_it_is_the_mean_of_the_weights_after_the_last_steps(
    few: Pictures, changes: dict[str, float], steps: int
) -> None:
    trainer = make(few, changes)
    passed = []
    for _ in range(trainer.total):
        trainer.take_step()
        passed.append(weights(trainer))
    trainer.settle()
    expected = passed[-max(steps, 1) :]
    for found, *those in zip(weights(trainer), *expected, strict=True):
        assert torch.allclose(found, torch.stack(those).mean(0), atol=1e-6)


def test_a_run_ends_with_it_and_its_last_validation_is_of_it(
    few: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trainer, by_hand = (make(few, {"average_epochs": 2.0}) for _ in range(2))
    watched = as_tensors(few)
    run = Run(trainer, watched, Fingerprint("r", "d", "c", "cpu"))
    run.to_the_end(Stop())
    for _ in range(by_hand.total):
        by_hand.take_step()
    unsettled = score(logits(by_hand.model, watched[0]), watched[1]).loss
    by_hand.settle()
    for name, tensor in by_hand.network.state_dict().items():
        assert torch.equal(tensor, trainer.network.state_dict()[name]), name
    settled = score(logits(by_hand.model, watched[0]), watched[1]).loss
    assert settled != pytest.approx(unsettled, abs=1e-3)
    assert run.history[-1]["val_loss"] == round(settled, 4)
    assert capsys.readouterr().out.count("taking the mean of the weights of the last 2 epochs\n") == 1


def test_all_processes_settle(few: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norm that they share waits for each of them in every layer."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(World, "agree", lambda _, values: list(values))  # as if the other one said the same
    monkeypatch.setattr(World, "sum", lambda _, values: values)
    monkeypatch.setattr(World, "wrap", lambda _, network: network)
    settled: list[int] = []
    monkeypatch.setattr(Trainer, "settle", lambda trainer: settled.append(trainer.world.rank))
    for rank in range(2):
        trainer = make(few, {"average_epochs": 1.0}, World(rank, 2, torch.device("cpu")))
        Run(trainer, as_tensors(few), Fingerprint("r", "d", str(rank), "cpu")).to_the_end(Stop())
    assert settled == [0, 1]


def test_it_is_begun_anew_with_the_run(few: Pictures) -> None:
    ends = []
    trainer = make(few, {"average_epochs": 1.0})
    for seed in (1, 2, 1):
        trainer.restart(trainer.params.model_copy(update={"seed": seed}), trainer.images, trainer.labels)
        assert not trainer.average.mean
        for _ in range(trainer.total):
            trainer.take_step()
        trainer.settle()
        ends.append(trainer.network.state_dict()["last.0.running_var"].clone())
    assert torch.equal(ends[0], ends[2])
    assert not torch.equal(ends[0], ends[1])


def test_batch_norm_has_the_statistics_of_the_train_pictures_with_the_mean_weights(few: Pictures) -> None:
    plain = {"flip": "none", "shift": 0.0, "cutout": 0}
    trainer = make(few, {"average_epochs": 2.0, "batch": 80} | plain)  # one batch is all pictures as they are
    for _ in range(trainer.total):
        trainer.take_step()
    trainer.settle()
    stem, norm = trainer.network.stem[0], trainer.network.stem[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        features = stem(colours_first(trainer.model.normalise(trainer.images)))
    assert torch.allclose(norm.running_mean, features.mean((0, 2, 3)), atol=1e-5)
    assert torch.allclose(norm.running_var, features.var((0, 2, 3)), rtol=1e-4)
    assert norm.momentum == trainer.params.bn_momentum  # as it was, for another run


def test_without_it_the_last_weights_and_statistics_stay(few: Pictures) -> None:
    trainer = make(few, {})
    for _ in range(trainer.total):
        trainer.take_step()
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    trainer.settle()
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.network.state_dict().items())
