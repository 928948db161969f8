"""The mean of a run's last weights, in place of the very last ones.

Polyak and Juditsky 1992; Izmailov et al. 2018, *Averaging Weights Leads to Wider Optima and Better
Generalization*, who take one set of weights an epoch; here it is that of every step. At a learning rate that
does not fall to zero the weights go round a minimum, and their mean lies nearer to it than any of them.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

# The most that batch norm's statistics are taken from: a tenth of one batch's error is left.
BATCHES = 100


class Average:
    """The mean of a network's weights after each of its steps but the first ones."""

    def __init__(self, network: nn.Module, after: int) -> None:
        """Take the network, and how many first steps to leave out: until then `mean` is empty."""
        self._network, self._after = network, after
        self._weights = dict(network.named_parameters())
        self.mean: dict[str, Tensor] = {}  # by the parameters' names

    @torch.no_grad()
    def take(self, step: int) -> None:
        """Take the weights after a step, counted from 1, into the mean; nothing is read from the device."""
        if step <= self._after:
            return
        if not self.mean:
            self.mean = {name: weight.detach().clone() for name, weight in self._weights.items()}
        else:
            torch._foreach_lerp_([*self.mean.values()], [*self._weights.values()], 1 / (step - self._after))

    @torch.no_grad()
    def put(self, batches: Iterable[Tensor]) -> None:
        """Give the network its mean weights, and batch norm the mean statistics of these batches with them.

        The running statistics are those of the last weights, one after another, and would not do.
        """
        torch._foreach_copy_([*self._weights.values()], [*self.mean.values()])
        update_bn(batches, self._network)
