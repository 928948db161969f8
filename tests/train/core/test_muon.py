from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.tiny import tiny
from train.core.muon import Muon, orthogonal
from train.core.network import ResNet
from train.core.trainer import optimizer


def kernel(rows: int, columns: int, seed: int = 1) -> nn.Parameter:
    """Return a kernel of rows x columns x 1 x 1 with a gradient."""
    generator = torch.Generator().manual_seed(seed)
    made = nn.Parameter(torch.randn(rows, columns, 1, 1, generator=generator))
    made.grad = torch.randn(rows, columns, 1, 1, generator=generator)
    return made


@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 1000))
def test_all_singular_values_come_near_to_1(rows: int, columns: int, seed: int) -> None:
    matrix = torch.randn(1, rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    left, values, right = torch.linalg.svd(matrix[0], full_matrices=False)
    made = orthogonal(matrix)[0]
    values_after = torch.einsum("ri,rc,ic->i", left, made, right)  # along the matrix' singular vectors
    assert torch.allclose(made, left @ torch.diag(values_after) @ right, atol=1e-6)
    assert (values_after < 1.25).all()
    assert (values_after[values > 0.05 * matrix.norm()] > 0.6).all()


@pytest.mark.parametrize("dtype", [None, torch.bfloat16])
def test_no_gradient_is_no_step(dtype: torch.dtype | None) -> None:
    assert torch.equal(orthogonal(torch.zeros(2, 3, 4), dtype), torch.zeros(2, 3, 4))


def test_in_bfloat16_singular_values_come_near_to_1_too() -> None:
    matrix = torch.randn(1, 16, 64, generator=torch.Generator().manual_seed(5))
    made = orthogonal(matrix, torch.bfloat16)
    assert made.dtype == torch.float32
    values = torch.linalg.svdvals(made[0])
    assert (values > 0.6).all()
    assert (values < 1.25).all()
    assert torch.cosine_similarity(made.flatten(), orthogonal(matrix).flatten(), dim=0) > 0.999


@pytest.mark.parametrize(("rows", "columns"), [(16, 48), (48, 16), (24, 24)])
@pytest.mark.parametrize("nesterov", [True, False])
def test_an_update_has_the_direction_of_torchs_muon(rows: int, columns: int, nesterov: bool) -> None:
    """For matrices of equal norm torch's differs by a factor alone, and rounds to bfloat16."""
    ours = kernel(rows, columns)
    theirs = nn.Parameter(ours.detach().flatten(1).clone())
    mine = Muon([{"params": [ours], "muon": 1.0}], lr=1e-3, momentum=0.9, nesterov=nesterov)
    torchs = torch.optim.Muon([theirs], lr=1e-3, weight_decay=0.0, momentum=0.9, nesterov=nesterov)
    for step in range(3):
        before, base = ours.detach().flatten(1).clone(), theirs.detach().clone()
        ours.grad = kernel(rows, columns, seed=step + 2).grad
        assert ours.grad is not None
        theirs.grad = ours.grad.flatten(1).clone()
        mine.step()
        torchs.step()  # type: ignore[no-untyped-call]
        moved, expected = ours.detach().flatten(1) - before, theirs.detach() - base
        # Ours is then brought back to its norm: what is left is orthogonal to the kernel.
        expected -= before * (expected * before).sum() / before.square().sum()
        assert torch.cosine_similarity(moved.flatten(), expected.flatten(), dim=0) > 0.99


SHAPES = [(6, 4, 3, 3), (6, 4, 3, 3), (9, 4, 3, 3), (6, 12, 1, 1), (12, 6, 1, 1), (48, 4, 3, 3)]


def kernels(shapes: list[tuple[int, int, int, int]]) -> list[nn.Parameter]:
    """Return kernels with gradients, channels_last as in training."""
    generator = torch.Generator().manual_seed(7)
    made = []
    for shape in shapes:
        weights = torch.randn(shape, generator=generator).to(memory_format=torch.channels_last)
        made.append(nn.Parameter(weights))
        made[-1].grad = torch.randn(shape, generator=generator)
    return made


@pytest.mark.parametrize("nesterov", [True, False])
@pytest.mark.parametrize(
    ("few_calls", "dtype", "nearness"),
    [(False, None, 1e-4), (True, None, 1e-4), (True, torch.bfloat16, 0.05)],
)
def test_kernels_updated_together_move_as_each_alone(
    nesterov: bool, few_calls: bool, dtype: torch.dtype | None, nearness: float
) -> None:
    """Of one shape, wide, narrow, and with as many rows."""

    def steps(of: list[nn.Parameter], few_calls: bool, dtype: torch.dtype | None = None) -> None:
        group = {"params": of, "muon": 1.0}
        settings = {"lr": 0.1, "momentum": 0.9, "nesterov": nesterov}
        optimiser = Muon([group], few_calls=few_calls, dtype=dtype, **settings)
        for _ in range(3):
            optimiser.step()

    before, together, alone = kernels(SHAPES), kernels(SHAPES), kernels(SHAPES)
    steps(together, few_calls, dtype)
    for single in alone:
        steps([single], False)
    for old, moved, expected in zip(before, together, alone, strict=True):
        assert ((moved - expected).norm() < nearness * (expected - old).norm()).item()
        assert moved.is_contiguous(memory_format=torch.channels_last)


def test_all_other_weights_move_as_by_torchs_sgd() -> None:
    def network() -> ResNet:
        torch.manual_seed(3)
        made = ResNet(11)
        made(torch.randn(4, 3, 8, 8)).square().sum().backward()
        return made

    muon, plain = network(), network()
    device = torch.device("cpu")
    first, second = optimizer(muon, tiny(muon_lr=0.02), device), optimizer(plain, tiny(), device)
    assert isinstance(first, Muon)
    assert not isinstance(second, Muon)
    first.step()
    second.step()
    for (name, ours), expected in zip(muon.named_parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours, expected) == (ours.ndim != 4), name


@pytest.mark.parametrize(
    ("device", "precision", "native", "few_calls", "dtype"),
    [
        ("cpu", "bfloat16", True, False, None),
        ("cuda", "bfloat16", True, True, torch.bfloat16),
        ("cuda", "bfloat16", False, True, None),
        ("cuda", "float32", True, True, None),
    ],
)
def test_on_a_gpu_few_calls_in_the_recipes_precision_update_all_kernels(
    device: str,
    precision: str,
    native: bool,
    few_calls: bool,
    dtype: torch.dtype | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("train.core.device.computes_bfloat16", lambda _: native)
    made = optimizer(ResNet(11), tiny(muon_lr=0.02, precision=precision), torch.device(device))
    assert isinstance(made, Muon)
    assert (made.few_calls, made.dtype) == (few_calls, dtype)


def test_at_the_peak_a_kernel_moves_by_muon_lr_and_keeps_its_norm() -> None:
    torch.manual_seed(3)
    network = ResNet(11)
    made = optimizer(network, tiny(muon_lr=0.02, max_lr=0.5), torch.device("cpu"))
    before = [kernel.detach().clone() for kernel in network.parameters()]
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    made.step()  # the optimiser's own rate is max_lr
    pairs = list(zip(network.parameters(), before, strict=True))
    moves = [((kernel - old).norm() / old.norm()).item() for kernel, old in pairs if kernel.ndim == 4]
    norms = [(kernel.norm() / old.norm()).item() for kernel, old in pairs if kernel.ndim == 4]
    assert norms == pytest.approx([1.0] * len(norms), abs=1e-5)
    assert np.mean(moves) == pytest.approx(0.02, rel=0.25)
