"""ResNet v2 for images of 32 x 32 pixels, as in Keras' cifar10_resnet.py.

He et al. 2016, "Identity Mappings in Deep Residual Networks", figure 4 (e), with bottlenecks.
Shapes: N images, C channels, S x S pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM = 16  # channels of the first convolution
BN_EPS = 1e-3  # Keras' default, which the published run used

# Standard deviation of a normal distribution truncated at two deviations: Keras' initialisers divide by it,
# so that the weights have the variance of He et al.
TRUNCATED_STD = 0.87962566103423978


class PreActivation(nn.Sequential):
    """Batch norm and ReLU, then the convolution that they prepare for."""

    def __init__(self, conv: nn.Conv2d, bn_momentum: float) -> None:
        """Wrap a convolution; `bn_momentum` is the newest batch's weight in the running statistics."""
        super().__init__(batch_norm(conv.in_channels, bn_momentum), nn.ReLU(inplace=True), conv)


class Block(nn.Module):
    """A bottleneck of 1x1, 3x3, 1x1 convolutions with an identity shortcut.

    Where the shape changes, the shortcut is a 1x1 convolution without batch norm.
    """

    def __init__(self, inputs: int, width: int, outputs: int, stride: int, bn_momentum: float) -> None:
        """Take N x inputs x S x S to N x outputs x S/stride x S/stride."""
        super().__init__()
        first = conv(inputs, width, 1, stride)
        # The first block's input comes out of the stem normalised and activated.
        self.reduce = first if inputs == STEM else PreActivation(first, bn_momentum)
        self.spatial = PreActivation(conv(width, width, 3), bn_momentum)
        self.expand = PreActivation(conv(width, outputs, 1), bn_momentum)
        self.shortcut = conv(inputs, outputs, 1, stride) if inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Return shortcut plus residual; nothing follows the addition."""
        shortcut: Tensor = self.shortcut(x)
        residual: Tensor = self.expand(self.spatial(self.reduce(x)))
        return residual + shortcut


class ResNet(nn.Module):
    """ResNet v2 of depth 9 n + 2: a stem, three stages of n blocks, batch norm, ReLU, mean, dense layer."""

    def __init__(self, depth: int = 56, classes: int = 10, bn_momentum: float = 0.1) -> None:
        """Initialise as Keras does, from torch's global random state.

        Raises `ValueError` if depth is not 9 n + 2.
        """
        super().__init__()
        self.depth = depth
        blocks, rest = divmod(depth - 2, 9)
        if rest or blocks < 1:
            raise ValueError(f"depth is {depth}; expected 9 n + 2")
        self.stem = nn.Sequential(conv(3, STEM, 3), batch_norm(STEM, bn_momentum), nn.ReLU(inplace=True))
        # Width of the bottleneck, channels that leave a block, stride of the stage's first block.
        stages = ((STEM, 64, 1), (64, 128, 2), (128, 256, 2))
        inputs, layers = STEM, []
        for width, outputs, stride in stages:
            for block in range(blocks):
                layers.append(Block(inputs, width, outputs, stride if block == 0 else 1, bn_momentum))
                inputs = outputs
        self.blocks = nn.Sequential(*layers)
        self.last = nn.Sequential(batch_norm(inputs, bn_momentum), nn.ReLU(inplace=True))
        self.dense = nn.Linear(inputs, classes)
        self.apply(initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits, N x classes, for normalised images N x 3 x S x S, S a multiple of 4."""
        features: Tensor = self.last(self.blocks(self.stem(x)))
        logits: Tensor = self.dense(features.mean((2, 3)))
        return logits


def conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Return a convolution with bias and Keras' "same" padding."""
    return nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)


def batch_norm(channels: int, momentum: float) -> nn.BatchNorm2d:
    """Return a batch norm; momentum is the newest batch's weight (0.01 is 0.99 in Keras' sense)."""
    return nn.BatchNorm2d(channels, eps=BN_EPS, momentum=momentum)


def to_device(network: ResNet, device: torch.device) -> ResNet:
    """Move a network to its device, with kernels as channels_last, the fastest on GPUs and CPUs."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            # `contiguous` keeps the strides of a 1x1 kernel, which then differ from those of its gradient.
            like = torch.empty_like(parameter, memory_format=torch.channels_last)
            parameter.data = like.data.copy_(parameter.data)
    return network.to(device)


@torch.no_grad()
def initialise(module: nn.Module) -> None:
    """Draw weights as Keras' he_normal does (He et al. 2015): truncated normal by fan-in; biases are 0."""
    if isinstance(module, nn.Conv2d | nn.Linear):
        fan_in = module.weight[0].numel()
        std = (2 / fan_in) ** 0.5 / TRUNCATED_STD
        nn.init.trunc_normal_(module.weight, std=std, a=-2 * std, b=2 * std)
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]
