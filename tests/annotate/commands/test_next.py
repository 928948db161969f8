from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotate import sample
from annotate.commands import next as following
from annotate.commands import selection
from annotate.commands.probabilities import PROBABILITIES, read_probabilities
from annotate.labelling.tasks import CHOSEN, LABELS, read_chosen, read_tasks
from data.common.errors import UserError
from data.common.files import digest
from data.datasets import sample as embedded
from data.datasets.dataset import CLASSES
from tests.annotate.builders import image
from tests.annotate.clone import Clone, opened, write_predictions
from tests.annotate.studio import Folder
from tests.tiny import ROOT


def shares(**rows: list[float]) -> pd.DataFrame:
    """Return probabilities of cat, dog and ship by image."""
    return pd.DataFrame.from_dict(rows, orient="index", columns=["cat", "dog", "ship"])


def test_the_most_uncertain_have_two_classes_nearly_equal() -> None:
    table = shares(sure=[0.9, 0.1, 0.0], torn=[0.45, 0.44, 0.11], half=[0.6, 0.3, 0.1])
    assert selection.uncertain(table, 2) == ["torn", "half"]


def test_the_diverse_ones_come_from_different_corners() -> None:
    corners = {"cat": [1.0, 0.0, 0.0], "dog": [0.0, 1.0, 0.0], "ship": [0.0, 0.0, 1.0]}
    table = shares(**{f"{name}{n}": row for name, row in corners.items() for n in range(5)})
    chosen = selection.diverse(table, 3, seed=1)
    assert {name.rstrip("01234") for name in chosen} == {"cat", "dog", "ship"}


def test_diverse_images_that_are_all_the_same_to_the_model() -> None:
    table = shares(a=[1.0, 0.0, 0.0], b=[1.0, 0.0, 0.0], c=[0.0, 1.0, 0.0], d=[0.0, 1.0, 0.0])
    chosen = selection.diverse(table, 3, seed=1)
    assert len(set(chosen)) == 3
    assert {"a", "b"} & set(chosen)
    assert {"c", "d"} & set(chosen)


@given(count=st.integers(1, 12), seed=st.integers(0, 3))
def test_diverse_images_are_as_many_as_asked_and_different(count: int, seed: int) -> None:
    random = np.random.default_rng(seed).dirichlet(np.ones(3), 12)
    chosen = selection.diverse(shares(**{f"p{n}": list(row) for n, row in enumerate(random)}), count, seed)
    assert len(set(chosen)) == count


def test_doubted_labels_are_ranked_by_what_the_model_says_instead() -> None:
    table = shares(a=[0.05, 0.9, 0.05], b=[0.8, 0.1, 0.1], c=[0.3, 0.4, 0.3])
    doubts = selection.doubted(table, {"a": "cat", "b": "cat", "c": "cat"}, 2)
    assert [(doubt.image, doubt.rival, doubt.margin) for doubt in doubts] == [
        ("a", "dog", 0.075),
        ("c", "dog", 0.45),
    ]


@pytest.fixture
def looked_at(room: Path) -> Path:
    """Return a room with the real sample, its first tasks, and probabilities for all test images."""
    look()
    return room


def look() -> None:
    """Fill the current folder with the sample, its first tasks, and what a model makes of the images."""
    Path("data").mkdir(exist_ok=True)
    Path("data/sample").unlink(missing_ok=True)
    Path("data/sample").symlink_to(ROOT / "data/sample")
    shutil.copy(ROOT / "params.yaml", ".")
    sample.main()
    dataset = embedded.read("test")
    table = pd.DataFrame(
        np.random.default_rng(7).dirichlet(np.ones(10), len(dataset)).round(4), columns=list(CLASSES)
    )
    table.insert(0, "image", [f"test-{index:05}" for index in dataset.indices])
    write_predictions([(read_tasks()[0].image_id, "cat", 0.5)])
    table.to_csv(PROBABILITIES, index=False)
    LABELS.mkdir(parents=True, exist_ok=True)


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
    with pytest.raises(UserError, match="--count is 901; 900 images are left"):
        following.choose("uncertainty", 901)
    assert not CHOSEN.exists()


def label(rows: str) -> None:
    (LABELS / "labels.csv").write_text("image,class,agreed,cifar10,annotator,seconds,boxes\n" + rows)


def test_without_labels_there_is_nothing_to_doubt(looked_at: Path) -> None:
    label("")
    with pytest.raises(UserError, match="no image is labelled yet") as caught:
        following.doubts(5)
    assert "dvc repro -fs export" in caught.value.hint


@pytest.mark.parametrize(
    ("image", "what"),
    [("train-00000", "the model was trained on train-00000"), ("test-99999", "the model has not looked at")],
)
def test_only_images_that_the_model_knows_but_was_not_trained_on_count(
    looked_at: Path, image: str, what: str
) -> None:
    label(f"{image},cat,cat,cat,annotator-1,2.0,0\n")
    with pytest.raises(UserError, match=what):
        following.doubts(5)


def test_a_image_is_doubted_once_whoever_labelled_it(looked_at: Path) -> None:
    name = read_tasks()[0].image_id
    label(f"{name},cat,cat,cat,annotator-1,2.0,0\n{name},cat,cat,cat,annotator-2,2.0,0\n")
    assert [doubt.image for doubt in following.doubts(5)] == [name]


def test_classes_may_be_called_none_or_1(looked_at: Path) -> None:
    label("a,None,None,,annotator-1,2.0,0\nb,1,1,,annotator-1,2.0,0\nc,,,,annotator-1,2.0,0\n")
    assert following.agreed() == {"a": "None", "b": "1"}


@pytest.mark.parametrize("columns", ["image,class", "agreed,class"])
def test_a_table_without_the_column_is_named(looked_at: Path, columns: str) -> None:
    (LABELS / "labels.csv").write_text(f"{columns}\na,cat\n")
    with pytest.raises(UserError, match="not a table of labels"):
        following.agreed()


def test_without_a_model_the_next_command_is_named(looked_at: Path) -> None:
    PROBABILITIES.unlink()
    with pytest.raises(UserError, match="no model has looked at the images") as caught:
        following.choose("uncertainty", 5)
    assert "dvc repro" in caught.value.hint


def test_answers_of_another_model_than_the_one_of_now_are_refused(
    looked_at: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("train/out/model.safetensors").write_text("trained again")
    with pytest.raises(UserError, match=r"probabilities\.csv: is the work of model \w{12};") as caught:
        following.choose("uncertainty", 5)
    assert caught.value.hint == 'make it anew with "dvc repro evaluate".'
    assert not CHOSEN.exists()
    other = Path("other.csv")
    # Given by name: the caller knows whose work it is.
    other.write_text(PROBABILITIES.read_text() + "train-00001,1.0" + ",0.0" * 9 + "\n")
    assert len(following.choose("uncertainty", 5, other)) == 5
    assert "other.csv: 1 rows are of no image in data/sample: train-00001" in capsys.readouterr().out


def test_labels_of_classes_that_the_model_has_not_are_counted(
    looked_at: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, other = (task.image_id for task in read_tasks()[:2])
    label(f"{known},cat,cat,cat,annotator-1,2.0,0\n{other},bicycle,bicycle,cat,annotator-1,2.0,0\n")
    assert [doubt.image for doubt in following.doubts(5)] == [known]
    assert "1 labels left out, of classes that the model has not: bicycle" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ("photo,cat,dog\na,0.5,0.5", "not a table of probabilities"),
        ("image,cat\na,1", "holds 1 images and 1 classes"),
        ("image,cat,dog", "holds 0 images and 2 classes"),
        ("image,cat,dog\na,0.5,x", "column dog holds no numbers"),
        ("image,cat,dog\na,0.5,0.5\na,0.5,0.5", "a is there twice"),
        ("image,cat,dog\n,0.5,0.5", "a row names no image"),
        ("image,cat,dog\na,0.5,0.5\nb,0.5,0.4", "b: its probabilities do not add up to 1"),
        ("image,cat,dog\na,1.5,-0.5", "a: its probabilities do not add up to 1"),
        ("image,cat,dog\na,0.5,", "a: its probabilities do not add up to 1"),
        ("image,cat,dog\na,inf,0.5", "a: its probabilities do not add up to 1"),
    ],
)
def test_a_table_that_cannot_be_right(room: Path, rows: str, says: str) -> None:
    Path("other.csv").write_text(rows + "\n")
    with pytest.raises(UserError, match=rf"other\.csv: {says}") as caught:
        read_probabilities(Path("other.csv"))
    assert "the columns image and one for each class" in caught.value.hint


def test_columns_that_are_no_classes_are_passed_over(room: Path) -> None:
    Path("other.csv").write_text("image,predicted,confidence,cat,dog\n7,dog,0.75,0.25,0.75\n")
    table = read_probabilities(Path("other.csv"))
    assert (list(table.index), list(table.columns)) == (["7"], ["cat", "dog"])


@pytest.fixture
def photos(room: Path) -> dict[str, str]:
    """Return what annotate.sample calls each of eight images in a folder; three are to be labelled."""
    (room / "photos/one day").mkdir(parents=True)
    names = {}
    for number in range(8):
        drawn = Path(image("drawn", colour=f"#0000{number:02}").image)
        path = drawn.replace(room / f"photos/one day/IMG ({number}).png")
        names[path.name] = f"image-{digest(path, 'sha256')[:12]}"
    text = (ROOT / "params.yaml").read_text()
    changed = text.replace("source: data/sample", "source: photos").replace("images: 100", "images: 3")
    Path("params.yaml").write_text(changed)
    sample.main()
    return names


def answers(*rows: str) -> Path:
    """Write that a model is torn about each image, the later ones less."""
    lines = [f'"{row}",{0.5 + number / 100:.2f},{0.5 - number / 100:.2f}' for number, row in enumerate(rows)]
    Path("answers.csv").write_text("\n".join(["image,cat,dog", *lines]) + "\n")
    return Path("answers.csv")


def test_further_images_of_a_folder_are_known_by_their_paths(
    photos: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    tasks = {task.image_id for task in read_tasks()}
    *free, last = [name for name in photos if photos[name] not in tasks]
    shutil.copy(f"photos/one day/{free[0]}", "photos/copy.png")
    ways = [f"photos/one day/{free[0]}", str(Path(f"photos/one day/{free[1]}").resolve())]
    ways += [f"one day/{free[2]}", photos[free[3]], "photos/copy.png", "photos/nowhere.png"]
    chosen = following.choose("uncertainty", 4, answers(*ways))
    assert chosen == sorted(photos[name] for name in free)
    said = capsys.readouterr().out
    assert "answers.csv: 1 rows are of no image in photos: photos/nowhere.png" in said
    assert f"1 images of photos are not in answers.csv, so not chosen from: {photos[last]}" in said
    sample.main()
    assert {task.image_id for task in read_tasks()} == tasks | set(chosen)
    with pytest.raises(UserError, match="0 images are left to choose from") as caught:
        following.choose("uncertainty", 1, answers(*ways))
    assert "--probabilities FILE" in caught.value.hint


def test_a_doubted_label_of_a_folder_is_known_by_the_images_path(photos: dict[str, str]) -> None:
    LABELS.mkdir(parents=True, exist_ok=True)
    ours = photos["IMG (0).png"]
    label(f"{ours},dog,dog,,annotator-1,2.0,0\n")
    doubts = following.doubts(5, answers("one day/IMG (1).png", "one day/IMG (0).png"))
    assert [(doubt.image, doubt.label, doubt.rival) for doubt in doubts] == [(ours, "dog", "cat")]


def test_a_image_that_was_chosen_and_is_gone_is_named(photos: dict[str, str]) -> None:
    CHOSEN.write_text(json.dumps(["image-000000000000"]))
    with pytest.raises(UserError, match="image-000000000000 is not among the images of photos"):
        sample.main()


def test_a_record_that_git_could_not_merge_is_named(room: Path) -> None:
    CHOSEN.parent.mkdir(exist_ok=True)
    CHOSEN.write_text('[\n<<<<<<< HEAD\n"test-00001"\n=======\n"test-00002"\n>>>>>>> theirs\n]\n')
    with pytest.raises(UserError, match=r"next\.json: git could not merge two branches") as caught:
        read_chosen()
    assert "keep the names of both sides" in caught.value.hint


@pytest.mark.parametrize("content", ["{}", "[1]", "not json"])
def test_a_damaged_record_is_named(room: Path, content: str) -> None:
    CHOSEN.parent.mkdir(exist_ok=True)
    CHOSEN.write_text(content)
    with pytest.raises(UserError, match=r"next\.json: not a list of names"):
        read_chosen()


def test_a_record_of_a_image_that_there_is_not_is_named(looked_at: Path) -> None:
    CHOSEN.write_text(json.dumps(["test-99999"]))
    with pytest.raises(UserError, match="test-99999 is not among the images of data"):
        sample.main()


@pytest.fixture
def served(
    label_studio: Folder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clone]:
    """Go into the folder of a running Label Studio, with the sample's first tasks on it."""
    with opened(label_studio, request.node.name, monkeypatch, capsys) as clone:
        look()
        clone.push()
        yield clone


def test_what_is_chosen_is_pushed_by_the_same_command(served: Clone) -> None:
    before = {task["data"]["image_id"] for task in served.there}
    code, said = served.run("next", "--count", "3")
    assert code == 0, said
    assert "3 added (read from this disk), 100 there already" in said
    assert {task["data"]["image_id"] for task in served.there} == before | set(read_chosen())
    code, said = served.run("next", "--count", "2", "--no-push")
    assert 'next: "dvc repro labels" and "python -m annotate push"' in said
    assert (len(served.there), len(read_chosen())) == (103, 5)


def test_a_server_that_is_down_ends_it_before_anything_is_recorded(served: Clone) -> None:
    served.by("http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot work with Label Studio"):
        following.next_images(count=3)
    assert not CHOSEN.exists()


def test_doubted_labels_come_before_the_annotators_again_in_one_tab(
    served: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, *_ = (task.image_id for task in read_tasks())
    for count, rows in ((2, (first, second)), (1, (third, "test-00000"))):
        names = [name for name in rows if name != "test-00000"]
        label("".join(f"{name},cat,cat,cat,annotator-1,2.0,0\n" for name in rows))
        following.next_images(by=following.By.disagreement)
        said = capsys.readouterr().out
        assert (
            f"{count} labels to look at again, each as it was given: {served.account.url}/projects/" in said
        )
        (tab,) = re.findall(r"\?tab=(\d+)", said)
        listed = served.ask("GET", f"/api/tasks/?view={tab}&resolve_uri=false")["tasks"]
        assert [task["data"]["image_id"] for task in listed] == sorted(names)
        for task in listed:
            (line,) = (line for line in said.splitlines() if line.startswith(task["data"]["image_id"]))
            assert re.search(rf"labelled cat +\d+%, \w+ +\d+%  http\S+\?task={task['id']}$", line)
    assert "1 of them are not on the server (python -m annotate push): test-00000" in said
    views = served.ask("GET", f"/api/dm/views/?project={served.number}")
    assert [view["data"]["title"] for view in views] == ["Default", following.TAB]
    for view in views:  # as where nobody chose any columns, so that image and name are in sight
        hidden = view["data"]["hiddenColumns"]["explore"]
        assert "tasks:annotations_results" in hidden
        assert not {"tasks:id", "tasks:data.image", "tasks:data.image_id"} & set(hidden)
        beside = view["data"]["hiddenColumns"]["labeling"]  # an image that is open: the images alone
        assert {"tasks:id", "tasks:data.image_id", "tasks:data.sha256"} <= set(beside)
        assert "tasks:data.image" not in beside
    chosen = views[1]["data"] | {"hiddenColumns": {"explore": ["tasks:id"], "labeling": []}}
    served.ask("PATCH", f"/api/dm/views/{tab}/", json={"project": served.number, "data": chosen})
    following.next_images(by=following.By.disagreement)
    views = served.ask("GET", f"/api/dm/views/?project={served.number}")
    assert views[1]["data"]["hiddenColumns"] == chosen["hiddenColumns"]  # what somebody chose stays
    capsys.readouterr()
    following.next_images(by=following.By.disagreement, push_=False)
    said = capsys.readouterr().out
    assert "next: the same command without --no-push" in said
    assert "http" not in said
    served.by("http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot work with Label Studio"):
        following.next_images(by=following.By.disagreement)
    assert f"{third}  labelled cat" in capsys.readouterr().out
    served.by("")
    Path(".env").rename("env")
    following.next_images(by=following.By.disagreement)
    Path("env").rename(".env")
    said = capsys.readouterr().out
    assert (
        '"python -m annotate push --from annotate/project/export.json --gaps", then the same command' in said
    )
