from __future__ import annotations

import doctest
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from data.common import cli
from data.common.errors import UserError
from data.datasets.dataset import CLASSES, Dataset
from tests.tiny import ROOT, Stage, as_tensors, untrained
from train import predict
from train.core import model
from train.prediction import batches
from train.prediction.writers import Format


@pytest.fixture
def trained(workspace: Path, few: Dataset) -> Path:
    """Return a workspace with a network that was not trained and twelve images in images/."""
    torch.manual_seed(5)
    model.write(untrained())
    Path("images/more").mkdir(parents=True)
    for name, pixels in zip(NAMES, few.images, strict=False):
        Image.fromarray(pixels).save(name)
    return workspace


NAMES = [f"images/{number:02}.png" for number in range(9)]
NAMES += [f"images/more/{number:02}.png" for number in range(9, 12)]


def read(text: str) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(text))


# From Python


def test_predictions_are_those_of_the_network_for_the_same_pixels(trained: Path, few: Dataset) -> None:
    table = predict.predict("images", top=10, probabilities=True).table
    images = as_tensors(few)[0][:12]
    shares = model.logits(model.load(torch.device("cpu")), images).softmax(1).double().numpy()
    assert np.allclose(table[list(CLASSES)], shares, atol=1e-4)
    assert table["predicted"].tolist() == [CLASSES[place] for place in shares.argmax(1)]
    ranks = table[["confidence", *(f"confidence_{rank}" for rank in range(2, 11))]].to_numpy()
    assert np.allclose(ranks, np.sort(shares)[:, ::-1], atol=1e-4)
    in_memory = predict.probabilities(predict.load(), few.images[:12])
    assert list(in_memory) == list(CLASSES)
    assert np.allclose(in_memory, shares, atol=1e-5)


def test_the_version_is_that_of_the_weights(trained: Path) -> None:
    before = predict.version()
    assert len(before) == 12
    model.MODEL.write_bytes(b"others")
    assert predict.version() != before


def test_the_example_of_the_documentation(trained: Path) -> None:
    Path("annotate/out").mkdir(parents=True)
    Path("images").rename("annotate/out/images")
    assert doctest.testmod(predict) == doctest.TestResults(failed=0, attempted=3)


def test_what_cannot_be_used_is_returned(trained: Path) -> None:
    Path("images/bad.png").write_text("no image")
    predictions = predict.predict(["images/00.png", Path("images/bad.png"), "nowhere"])
    assert predictions.table["image"].tolist() == ["images/00.png"]
    assert {problem.name for problem in predictions.problems} == {"images/bad.png", "nowhere"}
    assert predict.predict([]).table.columns.tolist() == ["image", "predicted", "confidence"]


def test_wrong_calls(trained: Path) -> None:
    with pytest.raises(ValueError, match="top is 11; expected 1 to 10"):
        predict.predict("images", top=11)
    model.MODEL.unlink()
    for call in (predict.load, predict.version, lambda: predict.predict("images")):
        with pytest.raises(UserError, match="no such file") as error:
            call()
        assert "dvc repro" in error.value.hint


# The command


def test_a_folder_as_csv(stage: Stage, trained: Path) -> None:
    done = stage("train.predict", "images")
    assert (done.returncode, done.stderr) == (0, "")
    table = read(done.stdout)
    assert list(table) == ["image", "predicted", "confidence"]
    assert table["image"].tolist() == NAMES
    assert table["confidence"].between(0.1, 1).all()


def test_json_several_classes_and_names_on_standard_input(
    trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{NAMES[2]}\n\n{NAMES[1]}\n"))
    predict.main(["images/*.png", "-"], top=3, how=Format.json)
    rows = json.loads(capsys.readouterr().out)
    assert [row["image"] for row in rows] == [*NAMES[:9], NAMES[2], NAMES[1]]
    ranks = ("", "_2", "_3")
    assert list(rows[0])[1:] == [f"{name}{rank}" for rank in ranks for name in ("predicted", "confidence")]
    assert rows[0]["confidence"] >= rows[0]["confidence_2"] >= rows[0]["confidence_3"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("notes.txt", "not an image that can be read (cannot identify"),
        ("folder", "no image in this folder"),
        ("gone.png", "no such file or folder"),
        ("*.gif", "no file matches this pattern"),
    ],
)
def test_what_cannot_be_used_is_named_and_counted_and_the_rest_is_done(
    trained: Path, name: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("notes.txt").write_text("hello")
    Path("folder").mkdir()
    with pytest.raises(UserError) as error:
        predict.main([NAMES[0], name, NAMES[1]])
    printed = capsys.readouterr()
    assert read(printed.out)["image"].tolist() == NAMES[:2]
    assert printed.err.startswith(f"{name}: {why}")
    assert printed.err.count("\n") == 1
    assert error.value.what == f"1 of 3 images could not be used: {name}"


def test_many_that_cannot_be_used_end_in_two_lines_and_exit_code_1(stage: Stage, trained: Path) -> None:
    for number in range(5):
        Path(f"images/bad{number}.png").touch()
    done = stage("train.predict", "images", "--output", "out/p.csv")
    assert done.returncode == 1
    assert done.stdout == "out/p.csv: 12 images\n"
    assert len(pd.read_csv("out/p.csv")) == 12
    *each, error, hint = done.stderr.splitlines()
    assert [line.split(":")[0] for line in each] == [f"images/bad{number}.png" for number in range(5)]
    assert error.startswith("error: 5 of 17 images could not be used: images/bad0.png, images/bad1.png")
    assert hint.startswith("hint: ")


def test_an_animation_is_noted(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    predict.main(["a.gif"])
    printed = capsys.readouterr()
    assert printed.err.startswith("note: a.gif: 2 frames or pages")
    assert printed.out.count("a.gif") == 1


# Boxes


def test_boxes_of_the_images_to_label(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("annotate/out").mkdir(parents=True)
    Path("images").rename("annotate/out/images")
    Path("boxes.csv").write_text(
        "image,annotator,region,label,x,y,width,height,rotation\n"
        "00,me,r1,frog,4.0,4.0,20.0,24.0,0.0\n"
        "01,me,r2,truck,0.0,0.0,32.0,32.0,0.0\n"
        "00,me,r3,,10.0,4.0,8.0,8.0,45.0\n"
    )
    predict.main(boxes=Path("boxes.csv"))
    table = pd.read_csv(io.StringIO(capsys.readouterr().out), dtype={"image": str})
    drawn = pd.read_csv("boxes.csv", dtype={"image": str})
    assert table["box"].tolist() == [1, 3, 2]
    assert list(table) == ["image", "box", *drawn.columns[1:], "predicted", "confidence"]
    whole = predict.predict("annotate/out/images/01.png").table
    assert table.set_index("box")["confidence"][2] == pytest.approx(whole["confidence"][0], abs=2e-4)


@pytest.mark.parametrize("labelled", [0, 1, batches.BATCH, batches.BATCH + 1])
def test_boxes_may_have_no_label(trained: Path, labelled: int) -> None:
    rows = [f"00,r{row},{'frog' * (row < labelled)},4,4,20,24" for row in range(batches.BATCH + 1)]
    Path("boxes.csv").write_text("\n".join(["image,region,label,x,y,width,height", *rows]) + "\n")
    table = predict.predict("images/00.png", boxes=Path("boxes.csv")).table
    assert table["box"].dtype == np.int64
    assert table["label"].notna().sum() == labelled


def test_boxes_that_cannot_be_used_are_named_and_counted(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("images/08.png").write_text("no image")
    Path("boxes.csv").write_text(
        "image,x,y,width,height\n00,4,4,20,24\n00,40,4,20,24\n02,4,4,,24\n99,1,1,4,4\n08,1,1,4,4\n"
    )
    with pytest.raises(UserError, match="3 of 4 boxes could not be used: 00, box 2, 02, box 3, 08, box 5"):
        predict.main(["images"], boxes=Path("boxes.csv"))
    printed = capsys.readouterr()
    assert read(printed.out)["box"].tolist() == [1]
    note, *problems = printed.err.splitlines()
    assert note == "note: left out: 1 of 5 boxes, images not given: 99"
    assert [line.partition(": ")[0] for line in problems] == ["00, box 2", "02, box 3", "08, box 5"]


def test_the_boxes_of_one_image(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("boxes.csv").write_text("image,x,y,width,height\n00,4,4,20,24\n01,4,4,20,24\n00,1,1,9,9\n")
    predict.main(["images/00.png"], boxes=Path("boxes.csv"))
    printed = capsys.readouterr()
    assert read(printed.out)["box"].tolist() == [1, 3]
    assert printed.err.startswith("note: left out: 1 of 3 boxes")


# Usage and output


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give images, folders"),
        (["images", "--top", "0"], "greater than or equal to 1"),
        (["images", "--probabilities", "--top", "2"], "--probabilities goes with"),
        (["images", "--probabilities", "--format", "table"], "--probabilities goes with"),
        (["images", "--output", NAMES[0]], "predictions are no image"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    trained: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    why: str,
) -> None:
    monkeypatch.setattr("sys.argv", ["predict", *arguments])
    with pytest.raises(SystemExit, match="2"):
        cli.run(predict.main)
    assert why in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_another_model_and_one_of_other_classes(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model.MODEL.rename("other.safetensors")
    predict.main(["images"], weights=Path("other.safetensors"), output=Path("p.csv"))
    assert len(pd.read_csv("p.csv")) == 12
    with monkeypatch.context() as patch:
        patch.setattr(model, "CLASSES", ("cat", "dog"))
        model.write(untrained())
    with pytest.raises(UserError, match=r"model\.safetensors: .*'cat', 'dog'.* expected .*'airplane'"):
        predict.main(["images"])


def test_the_output_beside_the_images_is_no_image_in_the_next_run(trained: Path) -> None:
    for _ in range(2):
        predict.main(["images", "images/*"], output=Path("images/p.csv"))
        assert pd.read_csv("images/p.csv")["image"].tolist() == NAMES * 2


RESIDENT = """
import resource, sys
import numpy as np
from pathlib import Path
from train import predict
predict.batches.classify = lambda model, images: np.full((len(images), 10), 0.1)
predict.main([sys.argv[1]], output=Path("p.csv"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_folder(trained: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    peaks = []
    for count in (2_000, 100_000):
        many = Path(f"many{count}")
        many.mkdir()
        for number in range(count):
            os.link(NAMES[number % len(NAMES)], many / f"{number:06}.png")
        printed = subprocess.check_output([sys.executable, "-c", RESIDENT, many], env=environment, text=True)
        assert f"p.csv: {count:,} images" in printed
        peaks.append(int(printed.splitlines()[-1]) / 1024)
    # Names, predictions and the text of the table take 60 MB; pixels, all at once, would take 300 MB.
    assert peaks[1] - peaks[0] < 100, f"{peaks} MB"
