from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from data.common.errors import UserError
from tests.tiny import untrained
from train.core import model
from train.core.augment import Normalise
from train.core.model import Model
from train.core.network import ResNet

CPU = torch.device("cpu")


def test_a_written_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    written = Model(ResNet(11), Normalise.of("image", torch.randint(256, (9, 32, 32, 3))), 40)
    for name in ("model.safetensors", "again"):
        model.write(written, tmp_path / name)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model.safetensors").read_bytes()
    loaded = model.load(CPU, tmp_path / "model.safetensors")
    assert (loaded.network.depth, loaded.size) == (11, 40)
    for name, tensor in written.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor)
    assert torch.equal(loaded.normalise.mean, written.normalise.mean)
    assert torch.equal(loaded.normalise.std, written.normalise.std)


def not_there(path: Path) -> None:
    pass


def text(path: Path) -> None:
    path.write_text("not a model")


def cut_short(path: Path) -> None:
    model.write(untrained(), path)
    path.write_bytes(path.read_bytes()[:10_000])


def described(text: str) -> Callable[[Path], None]:
    """Return a function that writes the weights of depth 11 with another description."""

    def write(path: Path) -> None:
        inputs = {"input.mean": torch.zeros(3), "input.std": torch.ones(3)}
        save_file(ResNet(11).state_dict() | inputs, path, {"about": text})

    return write


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (not_there, "no such file"),
        (text, "not a trained network"),
        (cut_short, "not a trained network"),
        (
            described('{"classes": [], "depth": 20, "size": 32}'),
            "not a trained network (Error(s) in loading state_dict",
        ),
        (described('{"classes": [], "depth": 12}'), "not a trained network (depth is 12; expected 9 n + 2)"),
        (described('{"classes": []}'), "not a trained network"),
        (described("depth 11"), "not a trained network"),
        (
            described('{"classes": ["cat", "dog"], "depth": 11, "size": 32}'),
            "has the classes ['cat', 'dog']; expected ['airplane'",
        ),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, make: object, what: str) -> None:
    path = tmp_path / "model.safetensors"
    assert callable(make)
    make(path)
    with pytest.raises(UserError) as caught:
        model.load(CPU, path)
    assert what in caught.value.what
    assert caught.value.what.startswith(str(path))
    assert caught.value.hint.startswith("name a file that the stage train wrote")
