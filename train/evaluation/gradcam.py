"""Where in an image the network saw a class: Grad-CAM (Selvaraju et al. 2017, section 3), by captum."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from captum.attr import LayerGradCam  # type: ignore[import-untyped]
from matplotlib import colormaps
from numpy.typing import NDArray
from torch import Tensor

from train.core.model import Model

SIDE = 64  # pixels of a map laid over its image: enough for its fields, 8 x 8 for images of 32
STRENGTH = 0.65  # of the colour where the network looked most; the image stays visible below it


def maps(model: Model, images: Tensor, classes: Tensor) -> Tensor:
    """Return how much each place spoke for a class: N x 1 x S / 4 x S / 4, none below 0.

    images: N x 32 x 32 x 3, uint8; classes: N, int64. S is the network's own size of images. The
    maps are those of the last activations before the mean over the image.
    """
    model.network.eval()
    cam = LayerGradCam(model.network, model.network.last)
    found: Tensor = cam.attribute(model.inputs(images), target=classes, relu_attributions=True)
    return found.detach()


def overlays(model: Model, images: Tensor, classes: Tensor) -> NDArray[np.uint8]:
    """Return the images, twice as large, with their maps in colour over them: N x 64 x 64 x 3.

    A map is scaled to its own maximum: it tells where, not how much.
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
