"""Muon: SGD with momentum whose steps turn a convolution's kernel in all directions alike.

Jordan et al. 2024, *Muon: An optimizer for hidden layers in neural networks*. The momentum of a kernel, seen
as a matrix with a row for each output channel, is replaced by the nearest matrix with equal singular values:
directions that are rare in the gradients move as far as those that dominate it. As in Jordan's
`airbench94_muon.py` a kernel keeps its length, so that a rate is an angle: batch norm takes out the length.
torch.optim.Muon takes matrices alone and lets them grow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

ITERATIONS = 5
# Of the polynomial a x + b x^3 + c x^5, which brings singular values near to 1 in few iterations (Jordan).
COEFFICIENTS = (3.4445, -4.7750, 2.0315)


class Muon(torch.optim.SGD):
    """SGD for groups of parameters as torch has it, and Muon for those with a `turn`.

    A group's `turn` times its learning rate is about how far a step moves a kernel at most, as a share of its
    length; weight decay does not concern it.
    """

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
        """Turn the kernels of a group, those of the same shape at once: most are small."""
        alike: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for kernel in group["params"]:
            matrix = self._momentum(kernel, group["momentum"], group["nesterov"]).flatten(1)
            alike[(matrix.shape[0], matrix.shape[1])].append((kernel, matrix))
        for (rows, columns), found in alike.items():
            steps = orthogonal(torch.stack([matrix for _, matrix in found]))
            # The root is how long the step is by itself: its singular values are near to 1.
            share = group["lr"] * group["turn"] / min(rows, columns) ** 0.5
            for (kernel, _), step in zip(found, steps, strict=True):
                length = kernel.norm()
                kernel.sub_(step.reshape(kernel.shape) * (share * length))
                kernel.mul_(length / kernel.norm())

    def _momentum(self, kernel: nn.Parameter, momentum: float, nesterov: bool) -> Tensor:
        gradient, state = kernel.grad, self.state[kernel]
        assert gradient is not None
        buffer: Tensor | None = state.get("momentum_buffer")
        if buffer is None:
            buffer = state["momentum_buffer"] = torch.zeros_like(kernel)
        buffer.mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum) if nesterov else buffer


def orthogonal(matrices: Tensor) -> Tensor:
    """Return matrices N x R x C with the same singular vectors and singular values near to 1.

    Five Newton-Schulz iterations bring what is above a thousandth of the norm to 0.7 to 1.2, and multiply
    what is below by 500 at most; 0 stays 0.
    """
    if matrices.shape[1] > matrices.shape[2]:
        return orthogonal(matrices.mT).mT
    a, b, c = COEFFICIENTS
    x = matrices / matrices.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    nearest: Tensor = x
    return nearest
