"""Training steps on a data set that lies on the device, with nothing between one step and the next.

Random numbers are a function of the seed and the step, the learning rate of the step alone: a trainer with
the weights, momentum and step of another continues exactly as that one would.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from data.common.errors import UserError
from data.datasets.dataset import SIDE
from data.recipe import Train
from train.core.augment import Augment, Normalise
from train.core.device import ORDER, autocast, cannot_compile, compiled, in_bfloat16, seeded
from train.core.distributed import ALONE, World
from train.core.model import Model
from train.core.muon import Muon
from train.core.network import ResNet, to_device
from train.core.schedule import Schedule, parts


class Trainer:
    """A network, its data and its optimiser; `step` is the number of steps done."""

    def __init__(self, params: Train, images: Tensor, labels: Tensor, world: World = ALONE) -> None:
        """Take the train set on its device: images M x 32 x 32 x 3, uint8; labels M, int64.

        Raises `UserError` if an epoch's last batch has fewer images than there are processes.
        """
        smallest = (len(images) - 1) % params.batch + 1
        if smallest < world.size:
            raise UserError(
                f"batch is {params.batch}, the last batch of an epoch of {len(images)} images {smallest}; "
                f"expected at least an image for each of {world.size} processes",
                "choose another batch, or fewer devices, in params.yaml.",
            )
        self.world, self.device = world, images.device
        self.network = to_device(ResNet(params.depth, bn_momentum=params.bn_momentum), self.device)
        self._eager = world.wrap(self.network)
        self.forward = compiled(self._eager, params.compile, self.device)
        self.restart(params, images, labels)

    def restart(self, params: Train, images: Tensor, labels: Tensor) -> None:
        """Go back to step 0, with other images or parameters, without compiling again.

        depth, bn_momentum and compile stay as they are.
        """
        self.params, self.images, self.labels = params, images, labels
        torch.manual_seed(params.seed)
        self.network.load_state_dict(ResNet(params.depth).state_dict())
        self.optimizer = optimizer(self.network, params, self.device)
        self.steps = math.ceil(len(images) / params.batch)
        self.schedule = Schedule(params, self.steps)
        self.total = min(params.max_steps or self.schedule.total, self.schedule.total)
        self.step = 0
        # Of the epoch's steps: this process' part of the batch's mean loss, and its correct predictions.
        # After a checkpoint was loaded the first process has the sums of all.
        self.losses = torch.zeros(self.steps, device=self.device)
        self.correct = torch.zeros(self.steps, device=self.device)
        self._augment = Augment(params, Normalise.of(params.normalise, images))
        self._order = torch.empty(0, dtype=torch.int64)
        self._order_epoch = -1

    @property
    def model(self) -> Model:
        """The network with the normalisation and the size of its inputs."""
        return Model(self.network, self._augment.normalise, self.params.size)

    @property
    def epoch(self) -> int:
        """The epoch that the next step belongs to, counted from 0."""
        return self.step // self.steps

    def size(self, epoch: int) -> int:
        """Return the side of the images in an epoch, in pixels."""
        return next((size for end, size in parts(self.params) if epoch < end), self.params.size)

    def count(self, step: int) -> int:
        """Return how many images a step takes: the last one of an epoch has the rest."""
        return min(self.params.batch, len(self.images) - step % self.steps * self.params.batch)

    def work(self, steps: int) -> float:
        """Return the cost of the first steps, by area, in images of 32 x 32."""
        epochs, rest = divmod(steps, self.steps)
        whole = sum(len(self.images) * (self.size(epoch) / SIDE) ** 2 for epoch in range(epochs))
        return whole + min(rest * self.params.batch, len(self.images)) * (self.size(epochs) / SIDE) ** 2

    @property
    def equivalent_epochs(self) -> float:
        """The cost of the steps so far, in epochs at 32 x 32 pixels."""
        return round(self.work(self.step) / len(self.images), 2)

    def take_step(self) -> None:
        """Do one step; nothing is read back from the device."""
        epoch, within = divmod(self.step, self.steps)
        rows = self._rows(epoch)[within * self.params.batch : (within + 1) * self.params.batch]
        share = self.world.share(len(rows))
        images = self._augment(self.images, rows, self.step, epoch, self.size(epoch), share)
        loss, correct = self.update(images, self.labels[rows[share]], len(rows))
        self.losses[within], self.correct[within] = loss, correct
        self.step += 1

    def update(self, images: Tensor, labels: Tensor, batch: int) -> tuple[Tensor, Tensor]:
        """Update the weights by this process' share, N x 3 x S x S, of a batch of so many images.

        Returns its part of the batch's mean loss, and its number of correct predictions.
        """
        for group in self.optimizer.param_groups:
            group["lr"], group["momentum"] = self.schedule.lr(self.step), self.schedule.momentum(self.step)
        if self.params.lr_changes == "epoch" and self.step and not self.step % self.steps:
            self._keep_velocity(self.schedule.lr(self.step - 1), self.schedule.lr(self.step))
        if not self.network.training:  # half a millisecond, through 259 modules
            self.network.train()
        # The last batch of an epoch is smaller: compiling for it takes longer than all of its steps.
        forward = self.forward if batch == self.params.batch else self._eager
        try:
            loss, correct = self._gradients(forward, images, labels, batch)
        except Exception as error:
            if forward is self._eager or not cannot_compile(error):
                raise
            reason = str(error).strip().splitlines()[0]
            print(f"not compiled, runs without: {type(error).__name__}: {reason}", flush=True)
            self.forward = self._eager
            loss, correct = self._gradients(self._eager, images, labels, batch)
        self.optimizer.step()
        return loss, correct

    def _gradients(
        self, forward: nn.Module, images: Tensor, labels: Tensor, batch: int
    ) -> tuple[Tensor, Tensor]:
        """Compute the gradients of a batch; return loss and correct predictions as `update` does."""
        self.optimizer.zero_grad()
        with autocast(self.device, self.params.precision):
            logits = forward(images)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))  # out of bfloat16
        mean = F.cross_entropy(logits, labels, label_smoothing=self.params.label_smoothing)
        loss = mean * (len(labels) / batch)
        # Gradients are averaged over the processes.
        (loss * self.world.size).backward()  # type: ignore[no-untyped-call]
        return loss.detach(), (logits.argmax(1) == labels).sum()

    def _keep_velocity(self, before: float, now: float) -> None:
        """Let a new learning rate apply to new gradients alone, as in Keras.

        Its SGD keeps v = momentum v - lr gradient and adds v; torch keeps the sum of the gradients and
        multiplies all of it by the present rate. At a rate of 0 Keras goes on by momentum, and torch stands.
        The scale of Muon's momentum does not matter.
        """
        if before == now or not now:
            return
        for group in self.optimizer.param_groups:
            for parameter in () if group.get("muon") else group["params"]:
                momentum = self.optimizer.state[parameter].get("momentum_buffer")
                if momentum is not None:
                    momentum.mul_(before / now)

    def _rows(self, epoch: int) -> Tensor:
        """Return the order of the images in an epoch."""
        if epoch != self._order_epoch:
            generator = seeded(self.params.seed, ORDER, epoch, device=self.device)
            self._order = torch.randperm(len(self.images), generator=generator, device=self.device)
            self._order_epoch = epoch
        return self._order

    def totals(self) -> tuple[float, float]:
        """Return mean loss and accuracy of the latest epoch's steps so far; this reads from the device.

        Raises `UserError` if a loss or a weight is NaN or infinite.
        """
        done = (self.step - 1) % self.steps + 1
        sums = self.world.sum(torch.stack([self.losses[:done], self.correct[:done]]))
        losses, correct = sums.double().cpu()
        bad = (~losses.isfinite()).nonzero()
        if len(bad):
            self.diverged(self.step - done + int(bad[0]))
        finite = torch.stack([part.isfinite().all() for part in self.network.state_dict().values()]).all()
        if any(self.world.largest([not finite])):
            self.diverged(self.step - 1)  # its loss is computed before the weights change
        sizes = torch.tensor([self.count(step) for step in range(done)])
        return ((losses * sizes).sum() / sizes.sum()).item(), (correct.sum() / sizes.sum()).item()

    def diverged(self, step: int) -> NoReturn:
        """Raise `UserError` for a loss that is NaN or infinite at a step, counted from 0."""
        raise UserError(
            f"the loss became NaN or infinite at step {step + 1} of {self.total} "
            f"(epoch {step // self.steps + 1}, learning rate {self.schedule.lr(step):.4g})",
            "lower max_lr or raise rise, in params.yaml or with --set.",
        )


def optimizer(network: nn.Module, params: Train, device: torch.device) -> torch.optim.SGD:
    """Return SGD, with Muon for convolutions where `muon_lr` is not 0.

    Weight decay is on the weights of convolutions and the dense layer alone: decaying biases and batch norm
    gains nothing (Jia et al. 2018, section 3.2). Kernels under Muon keep their norm.
    """
    weights = [tensor for tensor in network.parameters() if tensor.ndim > 1]
    vectors = [tensor for tensor in network.parameters() if tensor.ndim == 1]
    groups: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": params.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if params.muon_lr:
        kernels = [tensor for tensor in weights if tensor.ndim == 4]
        groups[0]["params"] = [tensor for tensor in weights if tensor.ndim == 2]
        groups.append({"params": kernels, "muon": params.muon_lr / params.max_lr})
    on_gpu = device.type == "cuda"
    settings: dict[str, Any] = {
        "lr": params.max_lr,
        "momentum": max(params.momentum, params.momentum_at_peak),
        "nesterov": params.nesterov,
        "fused": on_gpu or None,
    }
    if not params.muon_lr:
        return torch.optim.SGD(groups, **settings)
    # On a CPU, where they are a small part of the work, Muon's iterations stay in float32.
    half = on_gpu and in_bfloat16(device, params.precision)
    return Muon(groups, few_calls=on_gpu, dtype=torch.bfloat16 if half else None, **settings)
