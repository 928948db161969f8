from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate import next as following
from annotate import sample
from annotate.tasks import CHOSEN, LABELS, read_chosen, read_tasks
from data import sample as embedded
from data.errors import UserError
from data.pictures import CLASSES
from tests.tiny import ROOT


def shares(**rows: list[float]) -> pd.DataFrame:
    """Return probabilities of cat, dog and ship by picture."""
    return pd.DataFrame.from_dict(rows, orient="index", columns=["cat", "dog", "ship"])


def test_the_most_uncertain_have_two_classes_nearly_equal() -> None:
    table = shares(sure=[0.9, 0.1, 0.0], torn=[0.45, 0.44, 0.11], half=[0.6, 0.3, 0.1])
    assert following.uncertain(table, 2) == ["torn", "half"]


def test_the_diverse_ones_come_from_different_corners() -> None:
    corners = {"cat": [1.0, 0.0, 0.0], "dog": [0.0, 1.0, 0.0], "ship": [0.0, 0.0, 1.0]}
    table = shares(**{f"{name}{n}": row for name, row in corners.items() for n in range(5)})
    chosen = following.diverse(table, 3, seed=1)
    assert {name.rstrip("01234") for name in chosen} == {"cat", "dog", "ship"}


@given(count=st.integers(1, 12), seed=st.integers(0, 3))
def test_diverse_pictures_are_as_many_as_asked_and_different(count: int, seed: int) -> None:
    random = np.random.default_rng(seed).dirichlet(np.ones(3), 12)
    chosen = following.diverse(shares(**{f"p{n}": list(row) for n, row in enumerate(random)}), count, seed)
    assert len(set(chosen)) == count


def test_doubted_labels_are_ranked_by_what_the_model_says_instead() -> None:
    table = shares(a=[0.05, 0.9, 0.05], b=[0.8, 0.1, 0.1], c=[0.3, 0.4, 0.3])
    doubts = following.doubted(table, {"a": "cat", "b": "cat", "c": "cat"}, 2)
    assert [(doubt.picture, doubt.rival, doubt.margin) for doubt in doubts] == [
        ("a", "dog", 0.075),
        ("c", "dog", 0.45),
    ]


@pytest.fixture
def looked_at(room: Path) -> Path:
    """Return a room with the real sample, its first tasks, and probabilities for all test pictures."""
    (room / "data").mkdir()
    (room / "data/sample").symlink_to(ROOT / "data/sample")
    shutil.copy(ROOT / "params.yaml", room)
    sample.main()
    pictures = embedded.read("test")
    table = pd.DataFrame(
        np.random.default_rng(7).dirichlet(np.ones(10), len(pictures)).round(4), columns=list(CLASSES)
    )
    table.insert(0, "picture", [f"test-{index:05}" for index in pictures.indices])
    following.PROBABILITIES.parent.mkdir(parents=True)
    table.to_csv(following.PROBABILITIES, index=False)
    LABELS.mkdir(parents=True, exist_ok=True)
    return room


@pytest.mark.parametrize("by", ["uncertainty", "diversity"])
def test_a_choice_is_recorded_and_becomes_tasks(looked_at: Path, by: str) -> None:
    before = {task.image_id for task in read_tasks()}
    names = following.choose(by, 5)
    assert read_chosen() == names
    assert not before & set(names)
    sample.main()
    assert {task.image_id for task in read_tasks()} == before | set(names)
    again = following.choose(by, 3)
    assert not (before | set(names)) & set(again)
    assert read_chosen() == sorted([*names, *again])


def test_more_than_there_are_is_refused(looked_at: Path) -> None:
    with pytest.raises(UserError, match="--count is 901; 900 pictures are left"):
        following.choose("uncertainty", 901)
    assert not CHOSEN.exists()


def label(rows: str) -> None:
    (LABELS / "labels.csv").write_text("picture,class,agreed,cifar10,annotator,seconds,boxes\n" + rows)


def test_without_labels_there_is_nothing_to_doubt(looked_at: Path) -> None:
    label("")
    with pytest.raises(UserError, match="no picture is labelled yet") as caught:
        following.doubts(5)
    assert "dvc repro -fs export" in caught.value.hint


@pytest.mark.parametrize(
    ("picture", "what"),
    [("train-00000", "the model was trained on train-00000"), ("test-99999", "the model has not looked at")],
)
def test_only_pictures_that_the_model_knows_but_was_not_trained_on_count(
    looked_at: Path, picture: str, what: str
) -> None:
    label(f"{picture},cat,cat,cat,annotator-1,2.0,0\n")
    with pytest.raises(UserError, match=what):
        following.doubts(5)


def test_a_picture_is_doubted_once_whoever_labelled_it(looked_at: Path) -> None:
    name = read_tasks()[0].image_id
    label(f"{name},cat,cat,cat,annotator-1,2.0,0\n{name},cat,cat,cat,annotator-2,2.0,0\n")
    assert [doubt.picture for doubt in following.doubts(5)] == [name]


def test_without_a_model_the_next_command_is_named(looked_at: Path) -> None:
    following.PROBABILITIES.unlink()
    with pytest.raises(UserError, match="no model has looked at the pictures") as caught:
        following.choose("uncertainty", 5)
    assert "dvc repro" in caught.value.hint


def test_own_pictures_are_labelled_by_raising_their_number(looked_at: Path) -> None:
    text = Path("params.yaml").read_text()
    Path("params.yaml").write_text(text.replace("source: data/sample", "source: photos"))
    with pytest.raises(UserError, match=r"annotate.source is photos") as caught:
        following.choose("uncertainty", 5)
    assert "raise annotate.pictures" in caught.value.hint


@pytest.mark.parametrize("content", ["{}", "[1]", "not json"])
def test_a_damaged_record_is_named(room: Path, content: str) -> None:
    CHOSEN.parent.mkdir(exist_ok=True)
    CHOSEN.write_text(content)
    with pytest.raises(UserError, match=r"next\.json: not a list of pictures' names"):
        read_chosen()


def test_a_record_of_a_picture_that_there_is_not_is_named(looked_at: Path) -> None:
    CHOSEN.write_text(json.dumps(["test-99999"]))
    with pytest.raises(UserError, match="test-99999 is not among the sample's test pictures"):
        sample.main()
