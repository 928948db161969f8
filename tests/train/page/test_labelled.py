from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from data.common.errors import UserError
from train.evaluation import agreement

HEAD = "image,class,agreed,cifar10,annotator,seconds,boxes\n"


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where the labels are, in an empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    agreement.LABELS.parent.mkdir(parents=True)
    return agreement.LABELS


def answers(**classes: str) -> pd.DataFrame:
    """Return what a network answered."""
    return pd.DataFrame({"image": list(classes), "predicted": list(classes.values()), "confidence": 0.9})


def test_several_annotators_are_one_row_and_agree_or_not(labels: Path) -> None:
    labels.write_text(
        HEAD + "a,cat,cat,cat,annotator-1,1,0\na,cat,cat,cat,annotator-2,1,0\n"
        "b,cat,,dog,annotator-1,1,0\nb,dog,,dog,annotator-2,1,0\nc,,,bird,annotator-1,1,0\n"
    )
    table = agreement.read().set_index("image")
    assert table["annotators"].to_dict() == {"a": "cat / cat", "b": "cat / dog"}  # c has boxes, but no class
    assert table["agreed"].isna().to_dict() == {"a": False, "b": True}


def test_an_annotator_who_was_outvoted_differs(labels: Path) -> None:
    rows = [f"a,{said},cat,cat,annotator-{number},1,0" for number, said in enumerate(("cat", "cat", "dog"))]
    labels.write_text(HEAD + "\n".join(rows) + "\n")
    assert agreement.beside(agreement.read(), answers(a="cat"))["differ"].tolist() == [True]


def test_classes_that_look_like_numbers_or_nothing_are_names(labels: Path) -> None:
    labels.write_text(HEAD + "a,1,1,,annotator-1,1,0\nb,None,None,,annotator-1,1,0\n")
    assert agreement.read()["annotators"].tolist() == ["1", "None"]


@pytest.mark.parametrize(
    ("row", "predicted", "differ"),
    [
        ("a,cat,cat,cat,annotator-1,1,0", "cat", False),
        ("a,cat,cat,cat,annotator-1,1,0", "dog", True),
        ("a,cat,cat,dog,annotator-1,1,0", "cat", True),
        ("a,cat,cat,,annotator-1,1,0", "cat", False),  # an image that CIFAR-10 does not know
        ("a,cat,,cat,annotator-1,1,0", "cat", True),  # its annotators do not agree
        ("a,person,person,,annotator-1,1,0", "cat", True),
    ],
)
def test_who_differs(labels: Path, row: str, predicted: str, differ: bool) -> None:
    labels.write_text(HEAD + row + "\n")
    assert agreement.beside(agreement.read(), answers(a=predicted))["differ"].tolist() == [differ]


def test_agreement_of_each_two(labels: Path) -> None:
    rows = [("a", "cat", "cat"), ("b", "dog", "dog"), ("c", "cat", "dog"), ("d", "dog", "dog")]
    labels.write_text(HEAD + "".join(f"{name},{said},{said},{truth},x,1,0\n" for name, said, truth in rows))
    table = agreement.beside(agreement.read(), answers(a="cat", b="cat", c="cat", d="dog"))
    pairs = agreement.agreement(table).set_index("pair")
    assert pairs["same"].to_dict() == {
        "annotators and model": 3,
        "annotators and CIFAR-10": 3,
        "model and CIFAR-10": 2,
    }
    # Both say cat twice and dog twice; 3 of 4 the same where chance gives 2 of 4: (3/4 - 1/2) / (1 - 1/2).
    assert pairs.loc["annotators and CIFAR-10", "kappa"] == pytest.approx(0.5)


def test_kappa_is_not_defined_for_one_class_and_pairs_without_images_are_left_out(labels: Path) -> None:
    labels.write_text(HEAD + "a,cat,cat,,annotator-1,1,0\n")
    pairs = agreement.agreement(agreement.beside(agreement.read(), answers(a="cat")))
    assert pairs["pair"].tolist() == ["annotators and model"]
    assert pairs["kappa"].isna().all()


@pytest.mark.parametrize("content", [HEAD, HEAD + "a,,,cat,annotator-1,1,0\n"])
def test_no_labels_are_no_rows(labels: Path, content: str) -> None:
    labels.write_text(content)
    table = agreement.beside(agreement.read(), answers(a="cat"))
    assert table.empty
    assert agreement.agreement(table).empty


def test_a_missing_table_is_named(labels: Path) -> None:
    with pytest.raises(UserError, match=r"annotate/out/labels/labels\.csv: no such file"):
        agreement.read()
