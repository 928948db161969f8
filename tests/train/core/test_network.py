from __future__ import annotations

import pytest
import torch
from torch import nn

from train.core.network import Block, ResNet


def convolutions(network: nn.Module) -> list[nn.Conv2d]:
    """Return the convolutions in the order in which the network was built."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


def stage(width: int, inputs: int, outputs: int, stride: int, blocks: int) -> list[tuple[int, int, int, int]]:
    """Return (inputs, outputs, kernel, stride) of a stage's convolutions."""
    first = [
        (inputs, width, 1, stride),
        (width, width, 3, 1),
        (width, outputs, 1, 1),
        (inputs, outputs, 1, stride),
    ]
    later = [(outputs, width, 1, 1), (width, width, 3, 1), (width, outputs, 1, 1)]
    return first + later * (blocks - 1)


@pytest.mark.parametrize("depth", [11, 20, 56, 110])
def test_the_layers_are_those_of_keras(depth: int) -> None:
    blocks = (depth - 2) // 9
    expected = [
        (3, 16, 3, 1),
        *stage(16, 16, 64, 1, blocks),
        *stage(64, 64, 128, 2, blocks),
        *stage(128, 128, 256, 2, blocks),
    ]
    network = ResNet(depth)
    table = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in convolutions(network)]
    assert table == expected
    assert all(conv.bias is not None for conv in convolutions(network))


def test_depth_56_has_the_published_numbers() -> None:
    network = ResNet(56)
    blocks = network.blocks
    parts = [
        network.stem,
        blocks[:6],
        blocks[6:12],
        blocks[12:],
        nn.ModuleList([network.last, network.dense]),
    ]
    trainable = [sum(tensor.numel() for tensor in part.parameters()) for part in parts]
    running = [sum(t.numel() for name, t in part.named_buffers() if "running" in name) for part in parts]
    # Keras counts the running statistics among a part's parameters.
    assert [sum(pair) for pair in zip(trainable, running, strict=True)] == [512, 29056, 331136, 1309440, 3594]
    assert (sum(trainable), sum(running)) == (1_663_338, 10_400)
    assert len(convolutions(network)) == 58
    assert sum(isinstance(module, nn.BatchNorm2d) for module in network.modules()) == 55


def test_pre_activation_is_everywhere_but_at_the_very_first() -> None:
    network = ResNet(20)
    kinds = [type(block.reduce).__name__ for block in network.blocks]
    assert kinds == ["Conv2d", *["PreActivation"] * 5]
    for block in network.blocks:
        assert isinstance(block, Block)
        assert [type(part) for part in block.expand] == [nn.BatchNorm2d, nn.ReLU, nn.Conv2d]
        assert isinstance(block.shortcut, nn.Conv2d | nn.Identity)  # no batch norm on the way around


@pytest.mark.parametrize("depth", [2, 10, 12, 57, 0, -7])
def test_other_depths_are_refused(depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth is {depth}; expected 9 n"):
        ResNet(depth)


@pytest.mark.parametrize("size", [8, 16, 24, 32])
def test_smaller_images_fit_too(size: int) -> None:
    assert ResNet(11)(torch.zeros(2, 3, size, size)).shape == (2, 10)


def test_weights_start_as_keras_draws_them() -> None:
    torch.manual_seed(3)
    network = ResNet(56)
    dense = network.dense
    assert dense.weight.std().item() == pytest.approx((2 / 256) ** 0.5, rel=0.1)
    assert torch.all(dense.bias == 0)
    for conv in convolutions(network):
        std = (2 / conv.weight[0].numel()) ** 0.5
        assert conv.weight.std().item() == pytest.approx(std, rel=6 / conv.weight.numel() ** 0.5)
        assert (
            conv.weight.abs().max() <= 2 * std / 0.8796 + 1e-6
        )  # cut off at two deviations of the untruncated
        assert conv.bias is not None
        assert torch.all(conv.bias == 0)


def test_the_running_statistics_follow_as_keras_momentum_says() -> None:
    network = ResNet(11, bn_momentum=0.01)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.01, 1e-3)}
    x = torch.full((4, 16, 8, 8), 5.0)
    norms[0](x)
    assert norms[0].running_mean is not None
    assert torch.allclose(norms[0].running_mean, torch.tensor(0.05))  # 0.99 * 0 + 0.01 * 5
