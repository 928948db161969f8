"""The model's answers are checked, all of them, before a server hears of any."""

from __future__ import annotations

from pathlib import Path

import pytest

from annotate.commands import prelabel
from annotate.labelling.scheme import read_scheme
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from tests.annotate.builders import DEFAULT
from tests.annotate.clone import write_predictions
from tests.tiny import ROOT

TASKS = [Task("test-00001", "a.png", ""), Task("test-00002", "b.png", "")]


def test_class_score_and_version(room: Path) -> None:
    version = write_predictions([("test-00001", "cat", 0.75), ("test-00002", "ship", 1)])
    found = prelabel.read(TASKS, DEFAULT)
    assert found.version == version
    assert [one.score for one in found.suggestions.values()] == [0.75, 1.0]
    part = {"id": "p1", "from_name": "class", "to_name": "image", "type": "choices"}
    assert found.suggestions["test-00001"].result == [{**part, "value": {"choices": ["cat"]}}]


@pytest.mark.parametrize(
    ("row", "model", "says", "hint"),
    [
        (("test-00002", "aeroplane", 0.5), "m1", "test-00002 is 'aeroplane'", "did you mean airplane?"),
        (("test-00003", "cat", 0.5), "m1", "test-00003 is not in annotate/project/tasks.json", "evaluate"),
        (("test-00001", "cat", 0.5), "m1", "test-00001 is twice", "evaluate"),
        (("test-00002", "cat", 1.5), "m1", "confidence is '1.5'; expected 0 to 1", "evaluate"),
        (("test-00002", "cat", "nan"), "m1", "confidence is 'nan'; expected 0 to 1", "evaluate"),
        (("test-00002", "cat", ""), "m1", "confidence is ''; expected 0 to 1", "evaluate"),
        (("test-00002", "cat", 0.5), "", "models are ['']; expected one", "evaluate"),
        (("test-00002", "cat", 0.5), "file x", "models are ['file x']; expected one", "evaluate"),
    ],
)
def test_answers_that_cannot_be_right(
    room: Path, row: tuple[str, str, object], model: str, says: str, hint: str
) -> None:
    write_predictions([("test-00001", "cat", 0.5), row], said=model)
    with pytest.raises(UserError) as error:
        prelabel.read(TASKS, DEFAULT)
    assert says in error.value.what
    assert hint in error.value.hint


def test_answers_of_another_model_than_the_one_of_now(room: Path) -> None:
    before = write_predictions([("test-00001", "cat", 0.5)], "before")
    Path("train/out/model.safetensors").write_text("after")
    with pytest.raises(
        UserError, match=f"is the work of model {before}; train/out/model.safetensors is"
    ) as error:
        prelabel.read(TASKS, DEFAULT)
    assert error.value.hint == 'make it anew with "dvc repro evaluate".'
    Path("train/out/model.safetensors").unlink()
    with pytest.raises(UserError, match="no such file") as error:
        prelabel.read(TASKS, DEFAULT)
    assert "dvc checkout" in error.value.hint


def test_several_models_and_none(room: Path) -> None:
    path = Path("answers.csv")
    head = "image,predicted,confidence,model\n"
    path.write_text(f"{head}test-00001,cat,0.5,a\ntest-00002,cat,0.5,b\n")
    with pytest.raises(UserError, match="models are") as error:
        prelabel.read(TASKS, DEFAULT, path)
    assert "['a', 'b']" in error.value.what
    path.write_text(head)
    with pytest.raises(UserError, match="models are"):
        prelabel.read(TASKS, DEFAULT, path)


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "no such file"), (b"a,b\n1,2\n", "expected the columns"), (b"\xff\xfe\x00", "not a table")],
)
def test_a_file_that_is_none(room: Path, content: bytes | None, says: str) -> None:
    if content is not None:
        Path("answers.csv").write_bytes(content)
    with pytest.raises(UserError, match=says) as error:
        prelabel.read(TASKS, DEFAULT, Path("answers.csv"))
    assert "dvc repro" in error.value.hint


def test_a_scheme_without_a_class_has_nothing_to_prelabel(room: Path) -> None:
    with pytest.raises(UserError, match="asks for no class"):
        prelabel.read(TASKS, read_scheme(ROOT / "annotate/project/label_config_people.xml"))
