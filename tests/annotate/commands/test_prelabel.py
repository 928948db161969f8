"""The model's suggestions are all made before anything is sent to a server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from annotate.commands import prelabel
from annotate.labelling.scheme import Choices, Scheme, read_scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from tests.annotate.builders import DEFAULT, image
from tests.tiny import ROOT, untrained
from train import predict
from train.core import model


@pytest.fixture
def tasks(room: Path) -> list[Task]:
    """Return two tasks of images beside a model."""
    model.write(untrained())
    return [image("test-00001"), image("test-00002", colour="white")]


def test_class_confidence_and_version(tasks: list[Task]) -> None:
    prelabels = prelabel.read(tasks, DEFAULT)
    table = predict.predict("annotate/out/images").table
    assert prelabels.version == predict.version()
    assert list(prelabels.suggestions) == ["test-00001", "test-00002"]
    assert [suggestion.score for suggestion in prelabels.suggestions.values()] == table["confidence"].tolist()
    value = {"choices": [table["predicted"][0]]}
    result = {"id": "p1", "from_name": "class", "to_name": "image", "type": "choices", "value": value}
    assert prelabels.suggestions["test-00001"].result == [result]


def test_a_class_that_the_scheme_does_not_have(tasks: list[Task]) -> None:
    control = DEFAULT.image_class
    assert isinstance(control, Choices)
    with pytest.raises(
        UserError, match=r"test-00001 is predicted as '\w+', which .*label_config\.xml"
    ) as error:
        prelabel.read(tasks, Scheme((replace(control, options=("aeroplane", "lorry")),)))
    assert "aeroplane" in error.value.hint


def test_an_image_that_cannot_be_read(tasks: list[Task]) -> None:
    Path(tasks[1].image).write_text("no image")
    with pytest.raises(UserError, match=r"test-00002\.png: not an image") as error:
        prelabel.read(tasks, DEFAULT)
    assert "dvc repro -f sample" in error.value.hint


def test_no_model(tasks: list[Task]) -> None:
    model.MODEL.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: no such file") as error:
        prelabel.read(tasks, DEFAULT)
    assert "dvc repro" in error.value.hint


def test_a_scheme_without_a_class_has_nothing_to_prelabel(tasks: list[Task]) -> None:
    with pytest.raises(UserError, match="asks for no class"):
        prelabel.read(tasks, read_scheme(ROOT / "annotate/project/label_config_people.xml"))
