"""What in an image speaks for a class: Grad-CAM (Selvaraju et al. 2017, section 3), by captum."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from captum.attr import LayerGradCam  # type: ignore[import-untyped]
from matplotlib import colormaps
from numpy.typing import NDArray
from torch import Tensor

from train.core.model import Model

SIDE = 64  # pixels of an overlay: enough for a map of 8 x 8, which an image of 32 x 32 has
STRENGTH = 0.65  # of the colour where the map is highest; the image stays visible


def maps(model: Model, images: Tensor, classes: Tensor) -> Tensor:
    """Return how much each place speaks for a class: N x 1 x S / 4 x S / 4, not negative.

    images: N x 32 x 32 x 3, uint8; classes: N, int64. S is the model's image size. The
    layer is the last one before global average pooling.
    """
    model.network.eval()
    cam = LayerGradCam(model.network, model.network.last)
    attributions: Tensor = cam.attribute(model.inputs(images), target=classes, relu_attributions=True)
    return attributions.detach()


def overlays(model: Model, images: Tensor, classes: Tensor) -> NDArray[np.uint8]:
    """Return the images enlarged to 64 x 64 with their maps in colour over them: N x 64 x 64 x 3.

    Each map is scaled to its own maximum.
    """
    if not len(images):
        return np.empty((0, SIDE, SIDE, 3), np.uint8)
    heat = F.interpolate(maps(model, images, classes), (SIDE, SIDE), mode="bilinear", align_corners=False)
    heat = heat[:, 0] / heat.amax((1, 2, 3), keepdim=True)[:, 0].clamp(min=1e-12)
    shares = heat.cpu().numpy()
    enlarged = images.cpu().numpy().repeat(2, axis=1).repeat(2, axis=2)
    colours = colormaps["inferno"](shares)[..., :3] * 255
    weight = STRENGTH * shares[..., None]
    mixed: NDArray[np.float64] = enlarged * (1 - weight) + colours * weight
    return np.rint(mixed).astype(np.uint8)
