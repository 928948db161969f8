from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._dynamo.exc import BackendCompilerFailed

from data.common.errors import UserError
from data.datasets.dataset import Dataset
from tests.tiny import as_tensors, tiny
from train.core.device import choose_device, compiled, computes_bfloat16
from train.core.model import logits
from train.core.network import ResNet
from train.core.schedule import parts
from train.core.trainer import Trainer


@pytest.fixture
def train_set(few: Dataset) -> tuple[Tensor, Tensor]:
    """Return 80 real images, 80 x 32 x 32 x 3, and their labels."""
    return as_tensors(few)


def test_it_learns_one_batch_by_heart(train_set: tuple[Tensor, Tensor]) -> None:
    images, labels = (tensor[:16] for tensor in train_set)
    plain = {"flip": "none", "shift": 0.0, "label_smoothing": 0.0}
    recipe = tiny(epochs=40, rise=0.25, fall=0.75, **plain)
    trainer = Trainer(recipe, images, labels)
    for _ in range(trainer.total):
        trainer.take_step()
    loss, accuracy = trainer.totals()
    assert accuracy == 1
    assert loss < 0.05


# Changes of an update by a gradient at a rate and momentum, a buffer for each weight, written out.
def sutskever(weight: Tensor, gradient: Tensor, buffer: Tensor, rate: float, momentum: float) -> None:
    """Nesterov momentum and decay as in Sutskever et al. 2013 in torch's form."""
    decayed = gradient + (0.01 * weight if weight.ndim > 1 else 0)
    buffer.mul_(momentum).add_(decayed)
    weight.sub_(rate * (decayed + momentum * buffer))


def keras(weight: Tensor, gradient: Tensor, buffer: Tensor, rate: float, momentum: float) -> None:
    """A new rate concerns new gradients alone: v = momentum v - lr gradient, then v is added."""
    buffer.mul_(momentum).sub_(rate * gradient)
    weight.add_(buffer)


@pytest.mark.parametrize(
    ("update", "changes", "rates"),
    [
        (sutskever, {"momentum_at_peak": 0.8, "weight_decay": 0.01}, 9),
        (
            keras,
            {"lr_changes": "epoch", "start_lr": 0.01, "nesterov": False, "momentum_at_peak": 0.9}
            | {"weight_decay": 0.0},
            3,
        ),
    ],
)
def test_a_step_is_that_of_sgd_written_out(
    train_set: tuple[Tensor, Tensor], update: Callable[..., None], changes: dict[str, object], rates: int
) -> None:
    """In float64, since batch norm makes much of float32's last digit."""
    recipe = tiny(batch=32, **changes)
    trainer = Trainer(recipe, *train_set)
    torch.manual_seed(recipe.seed)
    network = ResNet(recipe.depth, bn_momentum=recipe.bn_momentum).double()
    trainer.network.double()
    buffers = [torch.zeros_like(weight) for weight in network.parameters()]
    images, labels = torch.randn(32, 3, 8, 8, dtype=torch.float64), torch.arange(32) % 10
    seen = set()
    for step in range(3 * trainer.steps):
        loss = torch.nn.functional.cross_entropy(network(images), labels, label_smoothing=0.1)
        gradients = torch.autograd.grad(loss, list(network.parameters()))
        seen.add(rate := trainer.schedule.lr(step))
        with torch.no_grad():
            for parts in zip(network.parameters(), gradients, buffers, strict=True):
                update(*parts, rate, trainer.schedule.momentum(step))
        trainer.update(images, labels, len(labels))
        trainer.step += 1
    assert len(seen) == rates
    for ours, written_out in zip(trainer.network.parameters(), network.parameters(), strict=True):
        assert torch.allclose(ours, written_out, atol=1e-10)


# Losses of 20 steps, in float64 so that no rounding grows to be seen: alike with AVX2 and with AVX-512. First
# weights and images are float32; without AVX they differ in their last bits, and late losses by 0.002.
BY_SGD = (
    "2.4943 2.40587 2.4316 2.46718 2.34803 2.36755 2.18518 2.5086 2.31548 2.37066 "
    "2.09965 2.22207 2.05319 2.44506 2.39822 2.04291 1.94592 2.01213 1.96055 1.89666"
)


BY_MUON = (
    "2.42754 2.25909 2.52826 2.42733 2.49418 2.34551 2.27606 2.55931 2.31053 2.48301 "
    "2.24902 2.1045 2.07429 2.38203 2.32847 2.00326 2.00739 2.08818 2.12304 1.92165"
)


@pytest.mark.parametrize(
    ("changes", "golden"), [({}, BY_SGD), ({"muon_lr": 0.02, "colour_jitter": 0.4}, BY_MUON)]
)
def test_twenty_steps_have_the_golden_losses(
    train_set: tuple[Tensor, Tensor], changes: dict[str, float], golden: str
) -> None:
    """Guards the whole of a step, its images, its schedule, its optimiser, against silent changes."""
    parts = [{"share": 0.4, "size": 16}]
    recipe = tiny(flip="random", shift=4.0, cutout=8, progressive=parts, **changes)
    trainer = Trainer(recipe, *train_set)
    trainer.network.double()
    augment = trainer._augment
    trainer._augment = lambda *batch: augment(*batch).double()  # type: ignore[assignment]
    losses = []
    for step in range(20):
        trainer.take_step()
        losses.append(trainer.losses[step % trainer.steps].item())
    assert losses == pytest.approx([float(loss) for loss in golden.split()], abs=1e-4)


def test_an_epoch_shows_every_image_once_and_the_last_batch_is_smaller(
    train_set: tuple[Tensor, Tensor],
) -> None:
    trainer = Trainer(tiny(batch=32), *train_set)
    assert trainer.steps == 3
    orders = [trainer._rows(epoch).tolist() for epoch in range(3)]
    assert all(sorted(order) == list(range(80)) for order in orders)
    assert orders[0] != orders[1] != orders[2]
    assert trainer._rows(0).tolist() == orders[0]


@pytest.mark.parametrize(("size", "area"), [(32, 1.0), (40, 1.5625)])
def test_epochs_of_smaller_images_come_first_and_cost_their_area(
    train_set: tuple[Tensor, Tensor], size: int, area: float
) -> None:
    parts = [{"share": 0.4, "size": 16}, {"share": 0.2, "size": 24}]
    trainer = Trainer(tiny(size=size, progressive=parts), *train_set)
    assert [trainer.size(epoch) for epoch in range(5)] == [16, 16, 24, size, size]
    assert trainer.work(trainer.total) == 80 * (0.25 + 0.25 + 0.5625 + 2 * area)
    assert trainer.work(trainer.steps + 1) == 80 * 0.25 + 16 * 0.25


@pytest.mark.parametrize(
    ("epochs", "expected"),
    [
        (1, ((0, 16), (1, 24), (1, 32))),
        (2, ((1, 16), (1, 24), (2, 32))),
        (3, ((1, 16), (2, 24), (3, 32))),
        (10, ((3, 16), (7, 24), (10, 32))),
        (50, ((16, 16), (36, 24), (50, 32))),
    ],
)
def test_parts_end_at_whole_epochs(epochs: int, expected: tuple[tuple[int, int], ...]) -> None:
    recipe = tiny(epochs=epochs, progressive=[{"share": 0.32, "size": 16}, {"share": 0.4, "size": 24}])
    assert parts(recipe) == list(expected)


@pytest.mark.parametrize("size", [16, 32, 40])
def test_a_network_is_tested_on_images_of_the_size_of_its_last_epochs(
    train_set: tuple[Tensor, Tensor], size: int
) -> None:
    unchanged = {"flip": "none", "shift": 0.0, "progressive": [{"share": 0.8, "size": 8}]}
    trainer = Trainer(tiny(size=size, **unchanged), *train_set)
    trainer.step = 4 * trainer.steps
    shown: list[Tensor] = []
    trainer.network.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    trainer.take_step()
    assert shown[0].shape == (16, 3, size, size)
    logits(trainer.model, trainer.images[trainer._rows(4)[:16]])
    assert torch.equal(shown[1], shown[0])


def test_totals_weigh_the_smaller_last_batch_as_small(train_set: tuple[Tensor, Tensor]) -> None:
    trainer = Trainer(tiny(batch=64), *train_set)
    for _ in range(2):
        trainer.take_step()
    losses, correct = trainer.losses.tolist(), trainer.correct.tolist()
    loss, accuracy = trainer.totals()
    assert loss == pytest.approx((64 * losses[0] + 16 * losses[1]) / 80)
    assert accuracy == pytest.approx(sum(correct) / 80)


def test_a_loss_that_is_nan_stops_with_step_and_learning_rate(train_set: tuple[Tensor, Tensor]) -> None:
    trainer = Trainer(tiny(max_lr=1e30, start_lr=1e30), *train_set)
    trainer.take_step()
    trainer.take_step()
    with pytest.raises(UserError, match=r"NaN or infinite at step 2 of 25 .*rate 1e\+30") as caught:
        trainer.totals()
    assert "max_lr" in caught.value.hint


def test_a_weight_that_is_not_finite_is_noticed_though_the_loss_before_was(
    train_set: tuple[Tensor, Tensor],
) -> None:
    trainer = Trainer(tiny(), *train_set)
    trainer.take_step()
    with torch.no_grad():
        trainer.network.dense.weight[3, 5] = math.inf
    with pytest.raises(UserError, match="NaN or infinite at step 1 of 25"):
        trainer.totals()


def test_a_trial_stops_early_on_the_same_schedule(train_set: tuple[Tensor, Tensor]) -> None:
    whole, *trials = (Trainer(tiny(max_steps=steps), *train_set) for steps in (0, 7, 1000))
    assert [whole.total, *(trial.total for trial in trials)] == [25, 7, 25]
    assert {trial.schedule.lr(3) for trial in trials} == {whole.schedule.lr(3)}


def test_bfloat16_steps_stay_near_those_in_float32(train_set: tuple[Tensor, Tensor]) -> None:
    ends = {}
    for precision in ("float32", "bfloat16"):
        trainer = Trainer(tiny(precision=precision), *train_set)
        for _ in range(3):
            trainer.take_step()
        ends[precision] = trainer.totals()[0]
        assert {weight.dtype for weight in trainer.network.state_dict().values()} <= {
            torch.float32,
            torch.int64,
        }
    assert ends["bfloat16"] == pytest.approx(ends["float32"], abs=0.05)
    assert (ends["bfloat16"] != ends["float32"]) == computes_bfloat16(torch.device("cpu"))


@pytest.mark.parametrize(
    ("error", "goes_on"),
    [
        (BackendCompilerFailed("inductor", RuntimeError("no compiler"), None), True),
        (RuntimeError("shapes cannot be multiplied"), False),
    ],
)
def test_what_cannot_be_compiled_runs_without_and_other_errors_end_it(
    train_set: tuple[Tensor, Tensor],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    goes_on: bool,
) -> None:
    plain, trainer = Trainer(tiny(), *train_set), Trainer(tiny(), *train_set)

    def fails(_: Tensor) -> Tensor:
        raise error

    monkeypatch.setattr(trainer, "forward", fails)
    if not goes_on:
        with pytest.raises(RuntimeError, match="shapes"):
            trainer.take_step()
        return
    for _ in range(2):
        plain.take_step()
        trainer.take_step()
    assert capsys.readouterr().out.count("not compiled, runs without: BackendCompilerFailed") == 1
    assert trainer.totals() == plain.totals()


@pytest.mark.parametrize(
    ("when", "device", "compiles"),
    [("never", "cuda", False), ("gpu", "cpu", False), ("gpu", "cuda", True), ("always", "cpu", True)],
)
def test_a_network_is_compiled_where_that_is_wanted(
    monkeypatch: pytest.MonkeyPatch, when: str, device: str, compiles: bool
) -> None:
    network, other = torch.nn.Identity(), torch.nn.Identity()
    monkeypatch.setattr(torch, "compile", lambda *_, **__: other)
    assert compiled(network, when, torch.device(device)) is (other if compiles else network)


def test_nothing_is_compiled_for_the_smaller_last_batch(train_set: tuple[Tensor, Tensor]) -> None:
    sizes: list[int] = []
    trainer = Trainer(tiny(batch=32), *train_set)
    trainer.forward = torch.nn.Sequential(trainer.network)  # in place of the compiled network
    trainer.forward.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    for _ in range(2 * trainer.steps):  # 80 images: 32, 32, 16
        trainer.take_step()
    assert sizes == [32, 32, 32, 32]


def test_tf32_is_off_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", used.append)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    assert choose_device(1) == torch.device("cuda", 1)
    assert used == [1]
    assert not torch.backends.cudnn.allow_tf32
