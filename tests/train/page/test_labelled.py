from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from train.page import labelled

HEAD = "image,class,agreed,cifar10,annotator,seconds,boxes\n"


@pytest.fixture
def labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the labels, in an empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    labelled.LABELS.parent.mkdir(parents=True)
    return labelled.LABELS


def side_by_side(**classes: str) -> pd.DataFrame:
    """Return the labels beside predictions of these classes."""
    columns = {"image": list(classes), "predicted": list(classes.values()), "confidence": 0.9}
    return labelled.side_by_side(labelled.read_labels(), pd.DataFrame(columns))


def test_the_labels_of_an_image_become_a_row(labels: Path) -> None:
    labels.write_text(
        HEAD + "a,cat,cat,cat,annotator-1,1,0\na,cat,cat,cat,annotator-2,1,0\n"
        "b,cat,,dog,annotator-1,1,0\nb,dog,,dog,annotator-2,1,0\nc,,,bird,annotator-1,1,0\n"
    )
    table = labelled.read_labels().set_index("image")
    assert table["annotators"].to_dict() == {"a": "cat / cat", "b": "cat / dog"}  # c has only boxes
    assert table["agreed"].isna().to_dict() == {"a": False, "b": True}


def test_classes_that_look_like_numbers_or_nothing_are_names(labels: Path) -> None:
    labels.write_text(HEAD + "a,1,1,,annotator-1,1,0\nb,None,None,,annotator-1,1,0\n")
    assert labelled.read_labels()["annotators"].tolist() == ["1", "None"]


@pytest.mark.parametrize(
    ("rows", "predicted", "differ"),
    [
        (["a,cat,cat,cat,annotator-1,1,0"], "cat", False),
        (["a,cat,cat,cat,annotator-1,1,0"], "dog", True),
        (["a,cat,cat,dog,annotator-1,1,0"], "cat", True),
        (["a,cat,cat,,annotator-1,1,0"], "cat", False),  # not an image of CIFAR-10
        (["a,cat,,cat,annotator-1,1,0"], "cat", True),  # no majority
        (["a,person,person,,annotator-1,1,0"], "cat", True),
        ([f"a,{label},cat,cat,{label}-annotator,1,0" for label in ("cat", "cat", "dog")], "cat", True),
    ],
)
def test_where_classes_differ(labels: Path, rows: list[str], predicted: str, differ: bool) -> None:
    labels.write_text(HEAD + "\n".join(rows) + "\n")
    assert side_by_side(a=predicted)["differ"].tolist() == [differ]


def test_agreement_of_each_pair(labels: Path) -> None:
    rows = [("a", "cat", "cat"), ("b", "dog", "dog"), ("c", "cat", "dog"), ("d", "dog", "dog")]
    labels.write_text(HEAD + "".join(f"{name},{label},{label},{true},x,1,0\n" for name, label, true in rows))
    pairs = labelled.agreement(side_by_side(a="cat", b="cat", c="cat", d="dog")).set_index("pair")
    assert pairs["same"].to_dict() == {
        "annotators and model": 3,
        "annotators and CIFAR-10": 3,
        "model and CIFAR-10": 2,
    }
    # Both say cat twice and dog twice; 3 of 4 the same where chance gives 2 of 4: (3/4 - 1/2) / (1 - 1/2).
    assert pairs.loc["annotators and CIFAR-10", "kappa"] == pytest.approx(0.5)


def test_kappa_is_not_defined_for_a_single_class_and_pairs_without_images_are_omitted(labels: Path) -> None:
    labels.write_text(HEAD + "a,cat,cat,,annotator-1,1,0\n")
    pairs = labelled.agreement(side_by_side(a="cat"))
    assert pairs["pair"].tolist() == ["annotators and model"]
    assert pairs["kappa"].isna().all()


@pytest.mark.parametrize("content", [HEAD, HEAD + "a,,,cat,annotator-1,1,0\n"])
def test_no_labels_are_no_rows(labels: Path, content: str) -> None:
    labels.write_text(content)
    table = side_by_side(a="cat")
    assert table.empty
    assert labelled.agreement(table).empty
