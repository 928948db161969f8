from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from data.pictures import Pictures
from tests.tiny import as_tensors, tiny
from train.augment import colours_first
from train.loop import Trainer


def make(few: Pictures, **changes: object) -> Trainer:
    """Return a trainer of 15 steps, five an epoch, at a rate that does not fall to zero."""
    recipe = tiny(epochs=3, progressive=[], rise_epochs=1, fall_epochs=1, final_lr=0.05, **changes)
    return Trainer(recipe, *as_tensors(few))


def weights(trainer: Trainer) -> list[Tensor]:
    """Return a copy of the parameters as they stand."""
    return [weight.detach().clone() for weight in trainer.network.parameters()]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"average_epochs": 1.0}, 5),
        ({"average_epochs": 1.3}, 6),  # 6.5 steps
        ({"average_epochs": 0.1}, 0),  # half a step
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
    trainer = make(few, **changes)
    passed = []
    for _ in range(trainer.total):
        trainer.take_step()
        passed.append(weights(trainer))
    trainer.settle()
    expected = passed[-max(steps, 1) :]
    for found, *those in zip(weights(trainer), *expected, strict=True):
        assert torch.allclose(found, torch.stack(those).mean(0), atol=1e-6)


def test_it_is_begun_anew_with_the_run(few: Pictures) -> None:
    ends = []
    trainer = make(few, average_epochs=1.0)
    for seed in (1, 2, 1):
        trainer.restart(trainer.params.model_copy(update={"seed": seed}), trainer.images, trainer.labels)
        for _ in range(trainer.total):
            trainer.take_step()
        trainer.settle()
        ends.append(trainer.network.state_dict()["last.0.running_var"].clone())
    assert torch.equal(ends[0], ends[2])
    assert not torch.equal(ends[0], ends[1])


def test_batch_norm_has_the_statistics_of_the_train_pictures_with_the_mean_weights(few: Pictures) -> None:
    plain = {"flip": "none", "shift": 0.0, "cutout": 0}
    trainer = make(few, average_epochs=2.0, batch=80, **plain)  # one batch is all pictures as they are
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
    trainer = make(few)
    for _ in range(trainer.total):
        trainer.take_step()
    before = {name: tensor.clone() for name, tensor in trainer.network.state_dict().items()}
    trainer.settle()
    assert all(torch.equal(tensor, before[name]) for name, tensor in trainer.network.state_dict().items())
