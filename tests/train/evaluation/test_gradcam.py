from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from data.datasets.dataset import Dataset
from tests.tiny import untrained
from train.evaluation import gradcam


def some(few: Dataset) -> torch.Tensor:
    """Return five real images, 5 x 32 x 32 x 3."""
    return torch.from_numpy(few.images[:5])


@pytest.mark.parametrize(("size", "fields"), [(32, 8), (40, 10)])
def test_a_map_is_what_each_place_adds_to_the_classs_logit(few: Dataset, size: int, fields: int) -> None:
    """With a mean and one dense layer behind it Grad-CAM is CAM, but for a factor (Selvaraju 2017, 3.1)."""
    model, images = replace(untrained(), size=size), some(few)
    classes = torch.tensor([0, 1, 2, 3, 4])
    maps = gradcam.maps(model, images, classes)
    assert maps.shape == (5, 1, fields, fields)
    with torch.no_grad():
        network = model.network.eval()
        features = network.last(network.blocks(network.stem(model.inputs(images))))
        cam = torch.einsum("nchw,nc->nhw", features, network.dense.weight[classes]).relu() / fields**2
    assert torch.allclose(maps[:, 0], cam, atol=1e-6)
    assert cam.amax() > 0


def test_an_overlay_is_brightest_in_colour_where_the_map_is_highest(few: Dataset) -> None:
    torch.manual_seed(1)
    model, images = untrained(), some(few)
    classes = torch.zeros(5, dtype=torch.int64)
    overlays = gradcam.overlays(model, images, classes)
    assert overlays.shape == (5, 64, 64, 3)
    assert overlays.dtype == np.uint8
    plain = images.numpy().repeat(2, axis=1).repeat(2, axis=2)
    changed = np.abs(overlays.astype(int) - plain).sum(axis=3)
    compared = 0
    for difference, heat in zip(changed, gradcam.maps(model, images, classes)[:, 0], strict=True):
        fields = difference.reshape(8, 8, 8, 8).mean(axis=(1, 3))
        hot, cold = heat > 0.5 * heat.amax(), heat < 0.1 * heat.amax()
        if cold.any():  # a map may be warm everywhere, or nowhere
            assert fields[hot].mean() > fields[cold].mean()
            compared += 1
    assert compared > 2


def test_where_a_map_is_highest_two_thirds_are_its_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    heat = torch.full((1, 1, 8, 8), 0.5)  # the same everywhere: scaled to 1
    monkeypatch.setattr(gradcam, "maps", lambda *_: heat)
    grey = torch.full((1, 32, 32, 3), 100, dtype=torch.uint8)
    overlay = gradcam.overlays(untrained(), grey, torch.zeros(1, dtype=torch.int64))
    brightest = np.array([252, 255, 164])  # where matplotlib's inferno ends
    assert np.allclose(overlay[0], 0.35 * 100 + 0.65 * brightest, atol=1)


def test_no_images_are_no_maps() -> None:
    images = torch.zeros(0, 32, 32, 3, dtype=torch.uint8)
    assert gradcam.overlays(untrained(), images, torch.zeros(0, dtype=torch.int64)).shape == (0, 64, 64, 3)


def test_the_network_is_not_changed(few: Dataset) -> None:
    model = untrained()
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}
    gradcam.maps(model, some(few), torch.zeros(5, dtype=torch.int64))
    assert all(torch.equal(before[name], tensor) for name, tensor in model.network.state_dict().items())
    assert all(parameter.grad is None for parameter in model.network.parameters())
