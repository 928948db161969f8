from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from annotate import sample
from annotate.commands import next as following
from annotate.labelling.tasks import CHOSEN, LABELS, TASKS, read_chosen, read_tasks, write_tasks
from data.common.errors import UserError
from data.common.files import digest
from tests.annotate.builders import image
from tests.annotate.clone import Clone, opened
from tests.annotate.studio import Folder
from tests.tiny import ROOT, untrained
from train.core import model


@pytest.fixture
def sampled(room: Path) -> Path:
    """Return a room with the real sample, its first tasks, and a model."""
    prepare()
    return room


def prepare() -> None:
    """Fill the current folder with the sample, its first tasks, and a model that was not trained."""
    Path("data").mkdir(exist_ok=True)
    Path("data/sample").unlink(missing_ok=True)
    Path("data/sample").symlink_to(ROOT / "data/sample")
    shutil.copy(ROOT / "params.yaml", ".")
    sample.main()
    torch.manual_seed(7)
    model.write(untrained())
    LABELS.mkdir(parents=True, exist_ok=True)


def label(rows: str) -> None:
    (LABELS / "labels.csv").write_text("image,class,agreed,cifar10,annotator,seconds,boxes\n" + rows)


def probabilities(*rows: str) -> Path:
    """Write a file in which a model is torn about each image, the later ones less."""
    lines = [f'"{row}",{0.5 + number / 100:.2f},{0.5 - number / 100:.2f}' for number, row in enumerate(rows)]
    Path("other.csv").write_text("\n".join(["image,cat,dog", *lines]) + "\n")
    return Path("other.csv")


@pytest.mark.parametrize("by", ["uncertainty", "diversity"])
def test_a_choice_is_recorded_and_becomes_tasks(sampled: Path, by: str) -> None:
    before = {task.image_id for task in read_tasks()}
    names = following.choose(by, 5)
    assert read_chosen() == names
    assert not before & set(names)
    sample.main()
    assert {task.image_id for task in read_tasks()} == before | set(names)
    again = following.choose(by, 3)
    assert not (before | set(names)) & set(again)
    assert read_chosen() == sorted([*names, *again])


def test_more_than_there_are_is_refused(sampled: Path) -> None:
    with pytest.raises(UserError, match="--count is 901; 900 images are left"):
        following.choose("uncertainty", 901)
    assert not CHOSEN.exists()


def test_without_a_model_the_next_command_is_named(sampled: Path) -> None:
    model.MODEL.unlink()
    label(f"{read_tasks()[0].image_id},cat,cat,cat,annotator-1,2.0,0\n")
    for call in (lambda: following.choose("uncertainty", 5), lambda: following.doubts(5)):
        with pytest.raises(UserError, match=r"model\.safetensors: no such file") as error:
            call()
        assert "dvc repro" in error.value.hint


def test_without_labels_there_is_nothing_to_doubt(sampled: Path) -> None:
    with pytest.raises(UserError, match="no such file") as error:
        following.doubts(5)
    assert "dvc repro -fs export" in error.value.hint
    label("")
    with pytest.raises(UserError, match="no image is labelled yet") as error:
        following.doubts(5)
    assert "dvc repro -fs export" in error.value.hint


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("train-00000", "the model was trained on train-00000"),
        ("test-99999", "no probabilities of test-99999"),
    ],
)
def test_labels_that_cannot_be_doubted(sampled: Path, name: str, problem: str) -> None:
    label(f"{name},cat,cat,cat,annotator-1,2.0,0\n")
    with pytest.raises(UserError, match=problem):
        following.doubts(5)


def test_an_image_is_doubted_once_whoever_labelled_it(sampled: Path) -> None:
    name = read_tasks()[0].image_id
    label(f"{name},cat,cat,cat,annotator-1,2.0,0\n{name},cat,cat,cat,annotator-2,2.0,0\n")
    assert [(doubt.image, doubt.label) for doubt in following.doubts(5)] == [(name, "cat")]


def test_labels_of_classes_that_the_model_does_not_have_are_counted(
    sampled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known, other = (task.image_id for task in read_tasks()[:2])
    label(f"{known},cat,cat,cat,annotator-1,2.0,0\n{other},bicycle,bicycle,cat,annotator-1,2.0,0\n")
    assert [doubt.image for doubt in following.doubts(5)] == [known]
    assert "1 labels left out, of classes that the model does not have: bicycle" in capsys.readouterr().out


def test_classes_may_be_called_none_or_1(sampled: Path) -> None:
    label("a,None,None,,annotator-1,2.0,0\nb,1,1,,annotator-1,2.0,0\nc,,,,annotator-1,2.0,0\n")
    assert following.agreed() == {"a": "None", "b": "1"}


def test_another_models_probabilities(sampled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model.MODEL.unlink()
    labelled = read_tasks()[0].image_id
    free = [f"test-{number:05}" for number in range(4)]
    path = probabilities("train-00001", labelled, *free)
    left = [name for name in free if name not in {task.image_id for task in read_tasks()}]
    assert following.choose("uncertainty", 2, path) == left[:2]
    printed = capsys.readouterr().out
    assert "other.csv: 1 rows are of no image in data/sample: train-00001" in printed
    assert f"{900 - len(left)} images of data/sample are not in other.csv" in printed
    label(f"{labelled},cat,cat,cat,annotator-1,2.0,0\n")
    (doubt,) = following.doubts(5, path)
    assert (doubt.label_probability, doubt.rival_probability) == (0.51, 0.49)


@pytest.fixture
def photos(room: Path) -> dict[str, str]:
    """Return our names of eight images in a folder; three are to be labelled, and there is a model."""
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
    model.write(untrained())
    return names


def test_further_images_of_a_folder(photos: dict[str, str]) -> None:
    tasks = {task.image_id for task in read_tasks()}
    chosen = following.choose("uncertainty", 5)
    assert set(chosen) == set(photos.values()) - tasks
    sample.main()
    assert {task.image_id for task in read_tasks()} == set(photos.values())
    with pytest.raises(UserError, match="0 images are left to choose from") as error:
        following.choose("diversity", 1)
    assert "add images" in error.value.hint


def test_another_models_probabilities_for_a_folder(photos: dict[str, str]) -> None:
    tasks = {task.image_id for task in read_tasks()}
    free = [name for name in photos if photos[name] not in tasks]
    path = probabilities(*(f"photos/one day/{name}" for name in free[:2]), f"one day/{free[2]}")
    assert following.choose("uncertainty", 3, path) == sorted(photos[name] for name in free[:3])
    LABELS.mkdir(parents=True, exist_ok=True)
    label(f"{photos[free[1]]},dog,dog,,annotator-1,2.0,0\n")
    (doubt,) = following.doubts(5, path)
    assert (doubt.image, doubt.label, doubt.rival) == (photos[free[1]], "dog", "cat")


def test_an_image_that_was_chosen_and_is_gone_is_named(photos: dict[str, str]) -> None:
    CHOSEN.write_text(json.dumps(["image-000000000000"]))
    with pytest.raises(UserError, match="image-000000000000 is not among the images of photos"):
        sample.main()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{}", "not a list"),
        ("[1]", "not a list"),
        ("no json", "not a list"),
        ("<<<<<<< HEAD\n[]", "git could"),
    ],
)
def test_a_damaged_record_is_named(room: Path, content: str, problem: str) -> None:
    CHOSEN.parent.mkdir(parents=True)
    CHOSEN.write_text(content)
    with pytest.raises(UserError, match=rf"next\.json: {problem}"):
        read_chosen()


@pytest.fixture
def served(
    label_studio: Folder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clone]:
    """Go into the folder of a running Label Studio, with the sample's first tasks on it."""
    with opened(label_studio, request.node.name, monkeypatch, capsys) as clone:
        prepare()
        clone.push()
        yield clone


def test_what_is_chosen_is_pushed_by_the_same_command(served: Clone) -> None:
    before = {task["data"]["image_id"] for task in served.there}
    code, printed = served.run("next", "--count", "3")
    assert code == 0, printed
    assert "3 added (read from this disk), 100 there already" in printed
    assert {task["data"]["image_id"] for task in served.there} == before | set(read_chosen())
    code, printed = served.run("next", "--count", "2", "--no-push")
    assert 'next: "dvc repro labels" and "python -m annotate push"' in printed
    assert (len(served.there), len(read_chosen())) == (103, 5)


def test_a_server_that_is_down_ends_it_before_anything_is_recorded(served: Clone) -> None:
    served.by("http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot reach Label Studio"):
        following.next_images(count=3)
    assert not CHOSEN.exists()


def test_doubted_labels_come_before_the_annotators_again_in_one_tab(
    served: Clone, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, third, *_ = (task.image_id for task in read_tasks())
    write_tasks(TASKS, [*read_tasks(), image("test-00000")])  # which is not pushed
    for count, rows in ((2, (first, second)), (1, (third, "test-00000"))):
        names = [name for name in rows if name != "test-00000"]
        label("".join(f"{name},cat,cat,cat,annotator-1,2.0,0\n" for name in rows))
        following.next_images(by=following.By.disagreement)
        printed = capsys.readouterr().out
        assert f"{count} labels to look at again: {served.account.url}/projects/" in printed
        (tab,) = re.findall(r"\?tab=(\d+)", printed)
        listed = served.ask("GET", f"/api/tasks/?view={tab}&resolve_uri=false")["tasks"]
        assert [task["data"]["image_id"] for task in listed] == sorted(names)
        for name in names:
            assert re.search(rf"{name}  labelled cat \d+%, \w+ \d+%", printed)
    assert "1 of them are not on the server (python -m annotate push): test-00000" in printed
    views = served.ask("GET", f"/api/dm/views/?project={served.number}")
    assert [view["data"]["title"] for view in views] == ["Default", following.TAB]
    for view in views:  # as where nobody chose any columns, so that image and name are in sight
        hidden = view["data"]["hiddenColumns"]
        assert "tasks:annotations_results" in hidden["explore"]
        assert "tasks:data.image" not in hidden["explore"] + hidden["labeling"]
    chosen = views[1]["data"] | {"hiddenColumns": {"explore": ["tasks:id"], "labeling": []}}
    served.ask("PATCH", f"/api/dm/views/{tab}/", json={"project": served.number, "data": chosen})
    following.next_images(by=following.By.disagreement)
    views = served.ask("GET", f"/api/dm/views/?project={served.number}")
    assert views[1]["data"]["hiddenColumns"] == chosen["hiddenColumns"]  # what somebody chose stays
    capsys.readouterr()
    following.next_images(by=following.By.disagreement, push_=False)
    printed = capsys.readouterr().out
    assert "next: the same command without --no-push" in printed
    assert "http" not in printed
    served.by("http://127.0.0.1:9")
    with pytest.raises(UserError, match="cannot reach Label Studio"):
        following.next_images(by=following.By.disagreement)
    assert f"{third}  labelled cat" in capsys.readouterr().out
    served.by("")
    Path(".env").rename("env")
    following.next_images(by=following.By.disagreement)
    Path("env").rename(".env")
    printed = capsys.readouterr().out
    assert (
        '"python -m annotate push --from annotate/project/export.json --gaps", then the same command'
        in printed
    )
