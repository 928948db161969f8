from __future__ import annotations

import doctest
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from annotate.commands import probabilities
from annotate.labelling import folder
from data.common.errors import UserError
from data.datasets.dataset import CLASSES, Dataset
from tests.odd import bomb, jpeg
from tests.tiny import ROOT, Stage, as_tensors, untrained
from train import predict
from train.core import inference, model
from train.prediction import batches


@pytest.fixture
def trained(workspace: Path, few: Dataset) -> Path:
    """Return a workspace with a network that was not trained and twelve images in images/."""
    torch.manual_seed(5)
    model.write(untrained())
    Path("images/more").mkdir(parents=True)
    for number in range(12):
        pixels = Image.fromarray(few.images[number])
        pixels.save(f"images/{'more/' if number > 8 else ''}{number:02}.png")
    return workspace


WHAT = ("predicted", "confidence")
NAMES = [f"images/{number:02}.png" for number in range(9)]
NAMES += [f"images/more/{number:02}.png" for number in range(9, 12)]


def test_a_folder_as_csv(stage: Stage, trained: Path) -> None:
    done = stage("train.predict", "images")
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(io.StringIO(done.stdout))
    assert list(table) == ["image", "predicted", "confidence"]
    assert table["image"].tolist() == NAMES
    assert table["confidence"].between(0.1, 1).all()


def test_answers_are_those_of_the_network_about_the_same_pixels(trained: Path, few: Dataset) -> None:
    found = predict.predict("images", top=10, probabilities=True).table
    images = as_tensors(few)[0][:12]
    shares = inference.logits(model.load(torch.device("cpu")), images).softmax(1).double().numpy()
    assert np.allclose(found[list(CLASSES)], shares, atol=1e-4)
    assert found["predicted"].tolist() == [CLASSES[place] for place in shares.argmax(1)]
    ranks = found[["confidence", *(f"confidence_{rank}" for rank in range(2, 11))]].to_numpy()
    assert np.allclose(ranks, np.sort(shares)[:, ::-1], atol=1e-4)
    named = [str(name) for name in found if str(name).startswith("predicted")]
    assert set(found[named].iloc[0]) == set(CLASSES)


def test_answers_do_not_depend_on_batches_and_threads(trained: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    together = predict.predict("images").table
    for name, value in {"BATCH": 5, "CHUNK": 2, "AHEAD": 3, "THREADS": 3}.items():
        monkeypatch.setattr(batches, name, value)
    alone = predict.predict("images").table
    pd.testing.assert_frame_equal(together, alone, atol=2e-4)


def test_the_example_of_the_documentation(trained: Path) -> None:
    Path("annotate").mkdir()
    Path("images").rename("annotate/out/images")
    assert doctest.testmod(predict) == doctest.TestResults(failed=0, attempted=3)


def test_from_python_what_is_bad_is_returned(trained: Path) -> None:
    Path("images/bad.png").write_text("no image")
    found = predict.predict(["images/00.png", Path("images/bad.png"), "nowhere"])
    assert found.table["image"].tolist() == ["images/00.png"]
    assert [one.name for one in found.problems] == ["images/bad.png", "nowhere"]
    assert predict.predict([]).table.columns.tolist() == ["image", "predicted", "confidence"]
    with pytest.raises(ValueError, match="top is 11; expected 1 to 10"):
        predict.predict("images", top=11)
    model.MODEL.unlink()
    with pytest.raises(UserError, match="no such file"):
        predict.predict("images")


def test_json_and_several_classes(stage: Stage, trained: Path) -> None:
    done = stage("train.predict", "images/*.png", "--format", "json", "--top", "3")
    rows = json.loads(done.stdout)
    assert [row["image"] for row in rows] == NAMES[:9]
    assert list(rows[0])[1:] == [
        f"{what}{end}" for end in ("", "_2", "_3") for what in ("predicted", "confidence")
    ]
    assert rows[0]["confidence"] >= rows[0]["confidence_2"] >= rows[0]["confidence_3"]


def test_names_on_standard_input(stage: Stage, trained: Path) -> None:
    done = stage("train.predict", "-", input="\n".join(NAMES[3:6]))
    assert pd.read_csv(io.StringIO(done.stdout))["image"].tolist() == NAMES[3:6]


def grey(path: Path) -> None:
    Image.linear_gradient("L").save(path, "PNG")


def deep(path: Path) -> None:
    Image.fromarray(np.full((40, 50), 40_000, np.uint16)).save(path, "PNG")


def turned(path: Path) -> None:
    path.write_bytes(jpeg(Image.linear_gradient("L").resize((90, 60)), turn=6))


def of_mode(mode: str, kind: str) -> Callable[[Path], None]:
    return lambda path: Image.radial_gradient("L").convert("RGB").convert(mode).save(path, kind)


GOOD = {
    "grey.png": grey,
    "deep.png": deep,
    "turned.jpg": turned,
    "cmyk.jpg": of_mode("CMYK", "JPEG"),
    "clear.png": of_mode("RGBA", "PNG"),
    "palette.gif": of_mode("P", "GIF"),
    "bits.bmp": of_mode("1", "BMP"),
    "a.webp": of_mode("RGB", "WEBP"),
    "a.tiff": of_mode("RGB", "TIFF"),
    "new\nline.png": grey,
    "Ünïcode 'q\" & [bold].png": grey,
    os.fsdecode(b"not\xfftext.png"): grey,
}


def test_every_kind_of_image_and_name(stage: Stage, trained: Path) -> None:
    Path("odd").mkdir()
    for name, make in GOOD.items():
        make(Path("odd") / name)
    done = stage("train.predict", "odd", "--format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    assert [row["image"] for row in json.loads(done.stdout)] == sorted(f"odd/{name}" for name in GOOD)


def test_a_photograph_is_turned_as_it_is_shown(trained: Path) -> None:
    image = Image.linear_gradient("L").resize((90, 60))
    Path("turned.jpg").write_bytes(jpeg(image, turn=6))
    Path("plain.jpg").write_bytes(jpeg(image.rotate(-90, expand=True)))
    seen = [batches.look((name, None)).pixels[0].astype(int) for name in ("turned.jpg", "plain.jpg")]
    assert np.abs(seen[0] - seen[1]).max() < 8


def no_image(path: Path) -> None:
    path.write_text("hello")


def truncated(path: Path) -> None:
    path.write_bytes(Path(NAMES[0]).read_bytes()[:-800])


def empty(path: Path) -> None:
    path.touch()


def empty_folder(path: Path) -> None:
    path.mkdir()


def not_there(path: Path) -> None:
    pass


BAD = {
    "notes.txt": (no_image, "not an image that can be read (cannot identify image file)"),
    "cut.png": (truncated, "not an image that can be read (image file is truncated"),
    "empty.png": (empty, "not an image that can be read (cannot identify image file)"),
    "bomb.png": (lambda path: path.write_bytes(bomb()), "too large an image ("),
    "large.png": (lambda path: path.write_bytes(bomb(10_000)), "too large an image (100000000 pixels;"),
    "folder": (empty_folder, "no image in this folder"),
    "gone.png": (not_there, "no such file or folder"),
    "*.gif": (not_there, "no file matches this pattern"),
    "esc\x1b[2J.png": (no_image, "not an image that can be read"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_bad_is_named_and_counted_and_the_rest_is_done(
    trained: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, why = BAD[name]
    make(Path(name))
    with pytest.raises(UserError) as error:
        predict.main([NAMES[0], name, NAMES[1]])
    said = capsys.readouterr()
    assert pd.read_csv(io.StringIO(said.out))["image"].tolist() == NAMES[:2]
    known = name.replace("\x1b", "\\x1b")
    assert said.err.startswith(f"{known}: {why}")
    assert said.err.count("\n") == 1
    assert error.value.what == f"1 of 3 images could not be used: {known}"


def test_many_bad_ones_end_in_two_lines_and_exit_code_1(stage: Stage, trained: Path) -> None:
    for number in range(5):
        Path(f"images/bad{number}.png").touch()
    done = stage("train.predict", "images", "--output", "found/p.csv")
    assert done.returncode == 1
    assert done.stdout == "found/p.csv: 12 images\n"
    assert len(pd.read_csv("found/p.csv")) == 12
    *each, error, hint = done.stderr.splitlines()
    assert [line.split(":")[0] for line in each] == [f"images/bad{number}.png" for number in range(5)]
    names = "images/bad0.png, images/bad1.png, images/bad2.png, ..."
    assert error == f"error: 5 of 17 images could not be used: {names}"
    assert hint == "hint: what is wrong with each stands above; all others are done."


def test_an_animation_is_noted(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save("a.gif", save_all=True, append_images=frames[1:])
    predict.main(["a.gif"])
    said = capsys.readouterr()
    assert said.err == "note: a.gif: 2 frames or pages; the first one is taken\n"
    assert said.out.count("a.gif") == 1


def test_boxes_that_somebody_drew(stage: Stage, trained: Path) -> None:
    Path("annotate").mkdir()
    Path("images").rename("annotate/out/images")
    Path("boxes.csv").write_text(
        "image,annotator,region,label,x,y,width,height,rotation\n"
        "00,me,r1,frog,4.0,4.0,20.0,24.0,0.0\n"
        "01,me,r2,truck,0.0,0.0,32.0,32.0,0.0\n"
        "00,me,r3,frog,10.0,4.0,8.0,8.0,45.0\n"
    )
    done = stage("train.predict", "--boxes", "boxes.csv")
    assert (done.returncode, done.stderr) == (0, "")
    table = pd.read_csv(io.StringIO(done.stdout), dtype={"image": str})
    drawn = pd.read_csv("boxes.csv", dtype={"image": str})
    assert table["box"].tolist() == [1, 3, 2]
    assert list(table) == ["image", "box", *drawn.columns[1:], "predicted", "confidence"]
    whole = predict.predict("annotate/out/images/01.png").table
    assert table.set_index("box")["confidence"][2] == pytest.approx(whole["confidence"][0], abs=2e-4)


@pytest.mark.parametrize("labelled", [0, 1, batches.BATCH, batches.BATCH + 1])
def test_as_many_boxes_as_a_batch_are_a_table_like_any_other(trained: Path, labelled: int) -> None:
    rows = [f"00,me,r{row},{'frog' * (row < labelled)},4,4,20,24,0" for row in range(batches.BATCH + 1)]
    head = "image,annotator,region,label,x,y,width,height,rotation"
    Path("boxes.csv").write_text("\n".join([head, *rows[: labelled or batches.BATCH]]) + "\n")
    table = predict.predict("images/00.png", boxes=Path("boxes.csv")).table
    assert table["box"].dtype == np.int64
    assert table["label"].notna().sum() == labelled


def test_boxes_that_show_nothing_or_have_no_image_are_named_and_counted(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("images/08.png").write_text("no image")
    Path("boxes.csv").write_text(
        "image,x,y,width,height\n00,4,4,20,24\n00,40,4,20,24\n01,4,4,0,24\n02,4,4,,24\n99,1,1,4,4\n08,1,1,4,4\n"
    )
    with pytest.raises(UserError) as error:
        predict.main(["images"], boxes=Path("boxes.csv"))
    said = capsys.readouterr()
    assert pd.read_csv(io.StringIO(said.out))["box"].tolist() == [1]
    assert said.err.splitlines() == [
        "00, box 2: outside of the image of 32 x 32 pixels",
        "01, box 3: a box of 0 x 24 pixels, with no area",
        "02, box 4: its place and size are not all numbers",
        "99, box 5: no such image",
        "08, box 6: not an image that can be read (cannot identify image file)",
    ]
    assert error.value.what.startswith("5 of 6 boxes could not be used: 00, box 2, 01, box 3, ")


def test_the_boxes_of_one_image(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("boxes.csv").write_text("image,x,y,width,height\n00,4,4,20,24\n01,4,4,20,24\n00,1,1,9,9\n")
    predict.main(["images/00.png"], boxes=Path("boxes.csv"))
    said = capsys.readouterr()
    assert pd.read_csv(io.StringIO(said.out))["box"].tolist() == [1, 3]
    assert said.err == "note: left out, of images that are not among those given: 1 of 3 boxes\n"


def test_a_file_of_boxes_that_is_none_ends_it(stage: Stage, trained: Path) -> None:
    done = stage("train.predict", "images", "--boxes", NAMES[0])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {NAMES[0]}: not a table of boxes (")


def test_probabilities_are_what_next_chooses_by(trained: Path) -> None:
    predict.main(["images"], probabilities=True, output=Path("p.csv"))
    table = probabilities.read_probabilities(Path("p.csv"))
    assert list(table) == list(CLASSES)
    found = folder.find(Path("images"), 12)
    named, strangers = probabilities.by_name(table, found, Path("images"))
    assert set(named.index) == set(found)
    assert strangers == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give images, folders"),
        (["images", "--top", "0"], "greater than or equal to 1"),
        (["images", "--format", "xml"], "xml"),
        (["images", "--probabilities", "--top", "2"], "--probabilities goes with"),
        (["images", "--probabilities", "--format", "table"], "--probabilities goes with"),
        (["images", "--output", "images"], "is a directory"),
    ],
)
def test_wrong_usage_is_exit_code_2(stage: Stage, trained: Path, arguments: list[str], why: str) -> None:
    done = stage("train.predict", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert Path(NAMES[0]).exists()


def test_no_model_says_how_to_get_one(stage: Stage, trained: Path) -> None:
    model.MODEL.unlink()
    done = stage("train.predict", "images")
    assert done.returncode == 1
    assert done.stderr.startswith(
        'error: train/out/model.safetensors: no such file\nhint: train one with "dvc repro"'
    )


def test_a_model_of_other_classes_is_refused(
    stage: Stage, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "CLASSES", ("cat", "dog"))
    model.write(untrained())
    done = stage("train.predict", "images")
    assert done.returncode == 1
    assert (
        "train/out/model.safetensors: knows the classes ['cat', 'dog']; expected ['airplane'" in done.stderr
    )


def test_another_model(stage: Stage, trained: Path) -> None:
    model.MODEL.rename("other.safetensors")
    assert stage("train.predict", "images", "--model", "other.safetensors").returncode == 0


def shell(command: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m train.predict` with what a shell can do to its streams."""
    script = f"set -o pipefail; {sys.executable} -m train.predict {command}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", script], env=environment, capture_output=True, text=True, check=False
    )


def test_a_reader_that_stops_early_is_no_error(trained: Path) -> None:
    Path("list").write_text("\n".join(NAMES * 300))  # more than a pipe holds
    done = shell("- < list | head -c 10; echo .${PIPESTATUS[0]}")
    assert done.stdout == "image,pr.1\n"
    assert done.stderr == ""


def test_a_full_disk_behind_standard_output_is_named(trained: Path) -> None:
    Path("list").write_text("\n".join(NAMES * 300))
    limited = 'ulimit -f 1; exec "$0" -m train.predict -'  # the kernel refuses more than 1,024 bytes
    command = ["bash", "-c", limited, sys.executable]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with Path("list").open() as names, Path("p.csv").open("w") as out:
        done = subprocess.run(
            command, env=environment, stdin=names, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output: cannot be written (File too large)")
    assert "is kept" not in done.stderr


@pytest.mark.parametrize(
    ("command", "what"),
    [("images >&-", "standard output: is closed"), ("- <&-", "standard input: is closed")],
)
def test_a_closed_stream_is_named(trained: Path, command: str, what: str) -> None:
    done = shell(command)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {what}\nhint: ")


def test_without_standard_error_nothing_but_answers_is_in_the_answers(trained: Path) -> None:
    done = shell("nosuch.png images 2>&-")
    assert done.returncode == 1
    assert pd.read_csv(io.StringIO(done.stdout))["image"].tolist() == NAMES


def test_a_closed_output_does_not_matter_to_a_file(trained: Path) -> None:
    done = shell("images --output p.csv >&-")
    assert (done.returncode, done.stderr) == (0, "")
    assert len(pd.read_csv("p.csv")) == 12


def test_answers_beside_the_images_are_no_image_at_the_next_run(trained: Path) -> None:
    for _ in range(2):
        predict.main(["images", "images/*"], output=Path("images/p.csv"))
        assert pd.read_csv("images/p.csv")["image"].tolist() == NAMES * 2


@pytest.mark.parametrize(
    ("given", "output"),
    [
        (NAMES[0], NAMES[0]),
        (NAMES[0], "./images/../images/00.png"),
        ("images", NAMES[0]),
        ("notes.txt", "notes.txt"),
        ("images", "large.png"),
        ("images", "huge.png"),
    ],
)
def test_answers_do_not_replace_a_image(trained: Path, given: str, output: str) -> None:
    no_image(Path("notes.txt"))
    Path("large.png").write_bytes(bomb(9_500))  # more pixels than are read
    Path("huge.png").write_bytes(bomb())  # more than Pillow opens
    model.MODEL.unlink()  # refused before anything is read
    before = Path(output).read_bytes()
    with pytest.raises(UserError, match="is an image; the answers would replace it"):
        predict.main([given], output=Path(output))
    assert Path(output).read_bytes() == before


def test_progress_counts_files_and_not_batches(trained: Path) -> None:
    counted: list[int] = []
    asked = predict.Asked(["images", "nowhere"], None)
    parts = asked.answers(model.load(torch.device("cpu")), 1, False, counted.append)
    assert sum(len(part.table) for part in parts) == 12
    assert counted == [1] * len(list(asked.each())) == [1] * 13


@pytest.mark.parametrize(
    ("number", "code", "says"),
    [
        (signal.SIGINT, 130, "\ninterrupted: no half-written file is left, the same command starts over\n"),
        (signal.SIGTERM, 143, ""),
    ],
)
def test_a_signal_leaves_no_half_written_file(
    trained: Path, number: signal.Signals, code: int, says: str
) -> None:
    names = Path("list")
    names.write_text("\n".join(NAMES * 3000))
    command = [sys.executable, "-m", "train.predict", "-", "--output", "p.csv"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with (
        names.open() as source,
        subprocess.Popen(
            command, env=environment, stdin=source, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        started = time.monotonic()
        while not list(Path().glob("*.part")) and time.monotonic() - started < 60:
            time.sleep(0.05)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    # Python ends itself by SIGINT, which a shell calls 130, where the signal came while it ran code that it
    # had made from text, as it does for dataclasses.
    assert (said, process.returncode) in {(says, code), (says, -number)}
    assert not list(Path().glob("*p.csv*"))


RESIDENT = """
import resource, sys, torch
from pathlib import Path
from train import looking, predict
batches.answer = lambda network, images: torch.zeros(len(images), 10)
predict.main([sys.argv[1]], output=Path("p.csv"))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_folder(trained: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    peaks = []
    for count in (2_000, 100_000):
        many = Path(f"many{count}")
        many.mkdir()
        for number in range(count):
            os.link(NAMES[number % len(NAMES)], many / f"{number:06}.png")
        said = subprocess.check_output([sys.executable, "-c", RESIDENT, many], env=environment, text=True)
        assert f"p.csv: {count:,} images" in said
        peaks.append(int(said.splitlines()[-1]) / 1024)
    # Their names take some; their pixels, all at once, would take 300 MB.
    assert peaks[1] - peaks[0] < 64, f"{peaks} MB"
