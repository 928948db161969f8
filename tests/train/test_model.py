from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from data.errors import UserError
from train import model
from train.resnet import ResNet

CPU = torch.device("cpu")


def test_a_written_network_comes_back_bit_for_bit(tmp_path: Path) -> None:
    network = ResNet(11)
    model.write(network, 11, tmp_path / "model.safetensors")
    loaded = model.load(CPU, tmp_path / "model.safetensors")
    for name, tensor in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)


def test_the_same_network_is_the_same_bytes(tmp_path: Path) -> None:
    network = ResNet(11)
    for name in "ab":
        model.write(network, 11, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def not_there(path: Path) -> None:
    pass


def text(path: Path) -> None:
    path.write_text("not a model")


def pickled(path: Path) -> None:
    torch.save(ResNet(11).state_dict(), path)


def cut_short(path: Path) -> None:
    model.write(ResNet(11), 11, path)
    path.write_bytes(path.read_bytes()[:10_000])


def somebody_elses(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def about(text: str) -> Callable[[Path], None]:
    """Return a function that writes the weights of depth 11 with another description."""

    def write(path: Path) -> None:
        save_file(ResNet(11).state_dict(), path, {"about": text})

    return write


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (not_there, "no such file"),
        (text, "not a trained network"),
        (pickled, "not a trained network"),
        (cut_short, "not a trained network"),
        (somebody_elses, "not a trained network"),
        (about('{"classes": [], "depth": 20}'), "not a trained network (Error(s) in loading state_dict"),
        (about('{"classes": [], "depth": 12}'), "not a trained network (depth is 12; expected 9 n + 2)"),
        (about('{"classes": []}'), "not a trained network"),
        (about('["depth"]'), "not a trained network"),
        (about("depth 11"), "not a trained network"),
        (
            about('{"classes": ["cat", "dog"], "depth": 11}'),
            "knows the classes ['cat', 'dog']; expected ['airplane'",
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
    assert "dvc repro" in caught.value.hint
