"""Muon: SGD with momentum whose update of a convolution's kernel is orthogonalised.

Jordan et al. 2024, *Muon: An optimizer for hidden layers in neural networks*. A kernel's update is a matrix
with a row for each output channel, replaced by the nearest one with equal singular values: directions that
are rare in the gradients move as far as those that dominate it. As in Jordan's `airbench94_muon.py` a kernel
keeps its norm, which batch norm cancels out. torch.optim.Muon takes matrices alone and lets their norms grow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ITERATIONS = 5
# Of the polynomial a x + b x^3 + c x^5, which brings singular values near to 1 in few iterations (Jordan).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.SGD):
    """torch's SGD, and Muon for groups of kernels with a `muon` factor.

    `muon` times the learning rate is the norm of an update, about, as a share of the kernel's norm. These
    groups have no weight decay.
    """

    def __init__(
        self,
        groups: list[dict[str, Any]],
        *,
        few_calls: bool = False,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        """Take groups and settings as torch's SGD does.

        few_calls: batch all kernels of as many rows, for a GPU, where calls cost more than arithmetic; dtype:
        of the iterations, by default that of the kernels.
        """
        super().__init__(groups, **settings)
        self.few_calls, self.dtype = few_calls, dtype
        self._layouts: dict[nn.Parameter, Layout] = {}  # by the first kernel of a group

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Do one step with the present gradients; `closure` is not called."""
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if not group.get("muon")]
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("muon"):
                kernels: list[nn.Parameter] = group["params"]
                updates = self._updates(kernels, group["momentum"], group["nesterov"])
                move = self._move_by_rows if self.few_calls else self._move_by_shape
                move(kernels, updates, group["lr"] * group["muon"])

    def _move_by_shape(self, kernels: list[nn.Parameter], updates: Sequence[Tensor], share: float) -> None:
        """Update kernels of the same shape together."""
        pairs: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for kernel, update in zip(kernels, updates, strict=True):
            pairs[kernel.shape].append((kernel, update))
        for shape, same in pairs.items():
            weights = torch.stack([kernel for kernel, _ in same]).flatten(2)
            directions = torch.stack([update for _, update in same]).flatten(2)
            moved = updated(weights, directions, share, self.dtype)
            torch._foreach_copy_([kernel for kernel, _ in same], moved.reshape(-1, *shape).unbind())

    def _move_by_rows(self, kernels: list[nn.Parameter], updates: Sequence[Tensor], share: float) -> None:
        """Update kernels with the same number of rows together."""
        if kernels[0] not in self._layouts:
            self._layouts[kernels[0]] = Layout(kernels)
        layout = self._layouts[kernels[0]]
        pairs = zip(layout.matrices(kernels), layout.matrices(updates), strict=True)
        moved = [updated(weights, directions, share, self.dtype) for weights, directions in pairs]
        torch._foreach_copy_([*kernels], layout.kernels(moved))

    def _updates(self, kernels: list[nn.Parameter], momentum: float, nesterov: bool) -> Sequence[Tensor]:
        """Add the gradients to the momenta; return SGD's updates at a rate of 1, not to be changed."""
        gradients, momenta = [], []
        for kernel in kernels:
            state = self.state[kernel]
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(kernel)
            assert kernel.grad is not None
            gradients.append(kernel.grad)
            momenta.append(state["momentum_buffer"])
        torch._foreach_mul_(momenta, momentum)
        torch._foreach_add_(momenta, gradients)
        return torch._foreach_add(gradients, momenta, alpha=momentum) if nesterov else momenta


class Layout:
    """Where the elements of kernels stand in few batches of matrices, N x R x C, one for each R.

    A kernel's matrix has a row for each output channel, transposed where that gives fewer rows, and is padded
    with columns of 0 to the widest of its batch, which leaves norm and singular values. ResNet56v2's 58
    kernels of 13 shapes become three batches of twice as many elements.
    """

    def __init__(self, kernels: Sequence[Tensor]) -> None:
        """Take kernels, outputs x inputs x height x width, on their device."""
        self._shapes = [kernel.permute(0, 2, 3, 1).shape for kernel in kernels]
        self._sizes = [kernel.numel() for kernel in kernels]
        by_rows: dict[int, list[Tensor]] = defaultdict(list)
        zero = sum(self._sizes)  # the position of a 0 after the elements of all kernels
        begin = 0
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            positions = torch.arange(begin, begin + size).reshape(shape[0], -1)
            positions = positions.T if len(positions) > positions.shape[1] else positions
            by_rows[len(positions)].append(positions)
            begin += size
        device = kernels[0].device
        self._positions: list[Tensor] = []
        for same in by_rows.values():
            widest = max(positions.shape[1] for positions in same)
            padded = [F.pad(positions, (0, widest - positions.shape[1]), value=zero) for positions in same]
            self._positions.append(torch.stack(padded).to(device))
        flat = torch.cat([positions.flatten() for positions in self._positions])
        used = (flat < zero).nonzero()[:, 0]
        self._inverse = torch.empty(zero, dtype=torch.int64, device=device)
        self._inverse[flat[used]] = used

    def matrices(self, kernels: Sequence[Tensor]) -> list[Tensor]:
        """Return kernels, or their updates, as batches N x R x C; channels_last needs no copy."""
        flat = [kernel.permute(0, 2, 3, 1).reshape(-1) for kernel in kernels]
        elements = torch.cat([*flat, flat[0].new_zeros(1)])
        return [elements[positions] for positions in self._positions]

    def kernels(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return the kernels of such batches, outputs x inputs x height x width, channels_last."""
        elements = torch.cat([batch.flatten() for batch in matrices])[self._inverse]
        parts = zip(torch.split(elements, self._sizes), self._shapes, strict=True)
        return [part.view(shape).permute(0, 3, 1, 2) for part, shape in parts]


def updated(weights: Tensor, updates: Tensor, share: float, dtype: torch.dtype | None = None) -> Tensor:
    """Return weights N x R x C less orthogonalised updates N x R x C, with their norms as before.

    An update's norm is about `share` of the weights'; dtype as in `orthogonal`.
    """
    updates = orthogonal(updates, dtype)
    # The root is the norm of an orthogonal update: its singular values are near to 1.
    share /= min(weights.shape[1:]) ** 0.5
    norm = weights.norm(dim=(1, 2), keepdim=True)
    moved: Tensor = weights - updates * (share * norm)
    moved *= norm / moved.norm(dim=(1, 2), keepdim=True)
    return moved


def orthogonal(matrices: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """Return matrices N x R x C with the same singular vectors and singular values near to 1.

    Five Newton-Schulz iterations bring what is above two thousandths of the norm to 0.7 to 1.2, and multiply
    what is below by 500 at most; 0 stays 0. They compute in `dtype`, by default that of the matrices; in
    bfloat16 the vectors of the smallest singular values mix.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT, dtype).mT
    a, b, c = COEFFICIENTS
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    x = x.to(dtype or x.dtype)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    nearest: Tensor = x.to(matrices.dtype)
    return nearest
