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
        """Turn the kernels of a group, those of the same shape at once: many small calls take longer."""
        kernels: list[nn.Parameter] = group["params"]
        wanted = self._steps(kernels, group["momentum"], group["nesterov"])
        alike: dict[torch.Size, list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
        for kernel, step in zip(kernels, wanted, strict=True):
            alike[kernel.shape].append((kernel, step))
        for shape, found in alike.items():
            weights = torch.stack([kernel for kernel, _ in found]).flatten(2)
            steps = orthogonal(torch.stack([step for _, step in found]).flatten(2))
            # The root is how long the step is by itself: its singular values are near to 1.
            share = group["lr"] * group["turn"] / min(weights.shape[1:]) ** 0.5
            length = weights.norm(dim=(1, 2), keepdim=True)
            weights -= steps * (share * length)
            weights *= length / weights.norm(dim=(1, 2), keepdim=True)
            torch._foreach_copy_([kernel for kernel, _ in found], weights.reshape(-1, *shape).unbind())

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
