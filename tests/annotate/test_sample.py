from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotate import sample
from annotate.labelling.tasks import read_tasks
from data.common.errors import UserError
from data.common.files import digest
from data.datasets import sample as embedded
from data.datasets.dataset import CLASSES
from tests.tiny import ROOT


@pytest.fixture
def params(room: Path) -> Callable[[str, int, int], None]:
    """Return a function that writes params.yaml for source, images and seed; the real sample is there."""
    (room / "data").mkdir()
    (room / "data/sample").symlink_to(ROOT / "data/sample")
    text = (ROOT / "params.yaml").read_text()
    start, end = text.index("annotate:"), text.index("recipes:")

    def write(source: str, images: int, seed: int = 4) -> None:
        chosen = json.dumps({"source": source, "images": images, "seed": seed})
        (room / "params.yaml").write_text(f"{text[:start]}annotate: {chosen}\n{text[end:]}")

    return write


def test_images_of_the_sample_under_neutral_names(
    params: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    params("data/sample", 30)
    sample.main()
    tasks = read_tasks()
    assert len(tasks) == 30
    dataset = embedded.read("test", ROOT / "data/sample")
    rows = {f"test-{index:05}": row for row, index in enumerate(dataset.indices)}
    for task in tasks:
        assert task.image == f"annotate/out/images/{task.image_id}.png"
        assert digest(Path(task.image), "sha256") == task.sha256
        with Image.open(task.image) as image:
            assert (np.asarray(image) == dataset.images[rows[task.image_id]]).all()
    assert sorted(Path("annotate/out/images").iterdir()) == [Path(task.image) for task in tasks]
    text = Path("annotate/project/tasks.json").read_text() + capsys.readouterr().out
    assert not any(name in text for name in CLASSES)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_images(
    room: Path, params: Callable[..., None], snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    params("data/sample", 10)
    sample.main()
    first = snapshot(room / "annotate")
    sample.main()
    assert snapshot(room / "annotate") == first
    params("data/sample", 10, seed=5)
    sample.main()
    assert snapshot(room / "annotate").keys() != first.keys()


def test_the_committed_tasks_are_those_of_the_committed_parameters(
    room: Path, snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    (room / "data").mkdir()
    (room / "data/sample").symlink_to(ROOT / "data/sample")
    (room / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    sample.main()
    assert (
        snapshot(room)["annotate/project/tasks.json"] == (ROOT / "annotate/project/tasks.json").read_bytes()
    )


def test_more_images_than_there_are(params: Callable[..., None]) -> None:
    params("data/sample", 1001)
    with pytest.raises(UserError, match=r"annotate\.images is 1001; .* has 1000 test images"):
        sample.main()


def test_images_from_a_folder(room: Path, params: Callable[..., None]) -> None:
    for number in range(5):
        path = room / "mine" / f"cat {number}.bmp"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (40, 20), (number, 0, 0)).save(path)
    params("mine", 3)
    sample.main()
    tasks = read_tasks()
    assert len(tasks) == 3
    assert all(task.image_id.startswith("image-") for task in tasks)
    with Image.open(tasks[0].image) as image:
        assert (image.mode, image.size, image.format) == ("RGB", (40, 20), "PNG")


def test_a_failure_leaves_the_images_that_were_there(
    room: Path, params: Callable[..., None], snapshot: Callable[[Path], dict[str, bytes]]
) -> None:
    params("data/sample", 3)
    sample.main()
    before = snapshot(room / "annotate")
    (room / "mine").mkdir()
    Image.new("RGB", (64, 64)).save(room / "mine/a.png")
    whole = (room / "mine/a.png").read_bytes()
    (room / "mine/a.png").write_bytes(whole[: len(whole) // 2])
    params("mine", 1)
    with pytest.raises(UserError, match=r"mine/a\.png: not an image that can be read"):
        sample.main()
    assert snapshot(room / "annotate") == before


def test_a_choice_is_not_balanced_by_class() -> None:
    labels = embedded.read("test", ROOT / "data/sample").labels
    counts = np.bincount(labels[sample.choose(len(labels), 100, seed=4)], minlength=10)
    assert counts.sum() == 100
    assert len(set(counts.tolist())) > 1
