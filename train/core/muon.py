"""Muon: SGD with momentum whose steps turn a convolution's kernel in all directions alike.

Jordan et al. 2024, *Muon: An optimizer for hidden layers in neural networks*. The momentum of a kernel, seen
as a matrix with a row for each output channel, is replaced by the nearest matrix with equal singular values:
directions that are rare in the gradients move as far as those that dominate it. As in Jordan's
`airbench94_muon.py` a kernel keeps its length, so that a rate is an angle: batch norm takes out the length.
torch.optim.Muon takes matrices alone and lets them grow.
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
    """SGD for groups of parameters as torch has it, and Muon for those with a `turn`.

    A group's `turn` times its learning rate is about how far a step moves a kernel at most, as a share of its
    length; weight decay does not concern it.
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

        few_calls: for a GPU, where the number of calls counts and not the arithmetic: all kernels with the
        same number of rows turn at once. dtype: of the iterations that look for a step; None: the kernels'.
        """
        super().__init__(groups, **settings)
        self.few_calls, self.dtype = few_calls, dtype
        self._tables: dict[nn.Parameter, Table] = {}  # by the first kernel of a group

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Do one step with the gradients that are there; `closure` is not asked for them."""
        groups = self.param_groups
        try:
            self.param_groups = [group for group in groups if not group.get("turn")]
            super().step()
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("turn"):
                self._turn(group)

    def _turn(self, group: dict[str, Any]) -> None:
        """Turn the kernels of a group, many at once: small calls take longer than their arithmetic."""
        kernels: list[nn.Parameter] = group["params"]
        steps = self._steps(kernels, group["momentum"], group["nesterov"])
        turn = self._turn_by_rows if self.few_calls else self._turn_by_shape
        turn(kernels, steps, group["lr"] * group["turn"])

    def _turn_by_shape(self, kernels: list[nn.Parameter], steps: Sequence[Tensor], share: float) -> None:
        """Turn the kernels of the same shape at once."""
        alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for kernel, step in zip(kernels, steps, strict=True):
            alike[kernel.shape].append((kernel, step))
        for shape, found in alike.items():
            weights = torch.stack([kernel for kernel, _ in found]).flatten(2)
            moved = turned(weights, torch.stack([step for _, step in found]).flatten(2), share, self.dtype)
            torch._foreach_copy_([kernel for kernel, _ in found], moved.reshape(-1, *shape).unbind())

    def _turn_by_rows(self, kernels: list[nn.Parameter], steps: Sequence[Tensor], share: float) -> None:
        """Turn the kernels with the same number of rows at once."""
        if kernels[0] not in self._tables:
            self._tables[kernels[0]] = Table(kernels)
        table = self._tables[kernels[0]]
        pairs = zip(table.matrices(kernels), table.matrices(steps), strict=True)
        moved = [turned(weights, wanted, share, self.dtype) for weights, wanted in pairs]
        torch._foreach_copy_([*kernels], table.kernels(moved))

    def _steps(self, kernels: list[nn.Parameter], momentum: float, nesterov: bool) -> Sequence[Tensor]:
        """Add the gradients to the momenta; return the steps of SGD at a rate of 1, not to be changed."""
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


class Table:
    """Where the elements of kernels stand in few batches of matrices, N x R x C, one for each R.

    A kernel's matrix has a row for each output channel and a column for each of its height x width x inputs
    elements, transposed where that gives fewer rows. In a batch all are filled up with columns of 0 to the
    widest, which change neither their norms nor their singular values. ResNet56v2's 58 kernels of 13 shapes
    become three batches of twice as many elements.
    """

    def __init__(self, kernels: Sequence[Tensor]) -> None:
        """Make the table for kernels like these, outputs x inputs x height x width, on their device."""
        self._shapes = [kernel.permute(0, 2, 3, 1).shape for kernel in kernels]
        self._sizes = [kernel.numel() for kernel in kernels]
        alike: dict[int, list[Tensor]] = defaultdict(list)
        zero = sum(self._sizes)  # the place of the 0 that follows the elements of all kernels
        begin = 0
        for shape, size in zip(self._shapes, self._sizes, strict=True):
            places = torch.arange(begin, begin + size).reshape(shape[0], -1)
            places = places.T if len(places) > places.shape[1] else places
            alike[len(places)].append(places)
            begin += size
        device = kernels[0].device
        self._places: list[Tensor] = []
        for found in alike.values():
            widest = max(places.shape[1] for places in found)
            filled = [F.pad(places, (0, widest - places.shape[1]), value=zero) for places in found]
            self._places.append(torch.stack(filled).to(device))
        everywhere = torch.cat([places.flatten() for places in self._places])
        used = (everywhere < zero).nonzero()[:, 0]
        self._back = torch.empty(zero, dtype=torch.int64, device=device)
        self._back[everywhere[used]] = used

    def matrices(self, kernels: Sequence[Tensor]) -> list[Tensor]:
        """Return the batches, N x R x C each, of kernels or their steps, which are best kept colours last."""
        flat = [kernel.permute(0, 2, 3, 1).reshape(-1) for kernel in kernels]
        row = torch.cat([*flat, flat[0].new_zeros(1)])
        return [row[places] for places in self._places]

    def kernels(self, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return the kernels, outputs x inputs x height x width, colours last, of such batches."""
        row = torch.cat([batch.flatten() for batch in matrices])[self._back]
        parts = zip(torch.split(row, self._sizes), self._shapes, strict=True)
        return [part.view(shape).permute(0, 3, 1, 2) for part, shape in parts]


def turned(weights: Tensor, steps: Tensor, share: float, dtype: torch.dtype | None = None) -> Tensor:
    """Return matrices N x R x C, moved against the direction of steps N x R x C, all singular values alike.

    They move by about `share` of their length, and are brought back to that length; dtype as in `orthogonal`.
    """
    steps = orthogonal(steps, dtype)
    # The root is how long the step is by itself: its singular values are near to 1.
    share /= min(weights.shape[1:]) ** 0.5
    length = weights.norm(dim=(1, 2), keepdim=True)
    moved: Tensor = weights - steps * (share * length)
    moved *= length / moved.norm(dim=(1, 2), keepdim=True)
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
