from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from annotate import sample
from annotate.labelling.tasks import read_tasks
from data.common.errors import UserError
from data.common.files import digest
from data.datasets import embedded
from data.datasets.dataset import CLASSES, image_name
from tests.tiny import ROOT

Params = Callable[..., None]
Snapshot = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def params(room: Path) -> Params:
    """Return a function that writes params.yaml for source, images and seed; the real sample is there."""
    (room / "data").mkdir()
    (room / "data/sample").symlink_to(ROOT / "data/sample")
    values = YAML(typ="safe").load((ROOT / "params.yaml").read_text())

    def write(source: str, images: int, seed: int = 4) -> None:
        values["annotate"] = {"source": source, "images": images, "seed": seed}
        with (room / "params.yaml").open("w") as file:
            YAML(typ="safe").dump(values, file)

    return write


def photo(path: str, shade: int) -> bytes:
    """Write an image of its own into the user's folder, and return its bytes."""
    file = Path("photos", path)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.effect_noise((40, 20), shade + 1).convert("RGB").save(file)
    return file.read_bytes()


def test_images_of_the_sample_under_neutral_names(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    params("data/sample", 30)
    sample.main()
    tasks = read_tasks()
    assert len(tasks) == 30
    dataset = embedded.read("test", ROOT / "data/sample")
    pixels = {image_name(index): image for index, image in zip(dataset.indices, dataset.images, strict=True)}
    for task in tasks:
        assert task.image == f"annotate/out/images/{task.image_id}.png"
        assert digest(Path(task.image), "sha256") == task.sha256
        with Image.open(task.image) as image:
            assert (np.asarray(image) == pixels[task.image_id]).all()
    assert sorted(Path("annotate/out/images").iterdir()) == [Path(task.image) for task in tasks]
    text = Path("annotate/project/tasks.json").read_text() + capsys.readouterr().out
    assert not any(name in text for name in CLASSES)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_images(
    room: Path, params: Params, snapshot: Snapshot
) -> None:
    params("data/sample", 10)
    sample.main()
    first = snapshot(room / "annotate")
    sample.main()
    assert snapshot(room / "annotate") == first
    params("data/sample", 10, seed=5)
    sample.main()
    assert snapshot(room / "annotate").keys() != first.keys()


def test_the_committed_tasks_are_those_of_the_committed_parameters(room: Path, params: Params) -> None:
    (room / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    sample.main()
    tasks = Path("annotate/project/tasks.json")
    assert tasks.read_bytes() == (ROOT / tasks).read_bytes()


def test_another_image_is_drawn_in_place_of_a_damaged_one(
    params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(8):
        whole = photo(f"{number}.png", number)
        if number < 4:
            Path(f"photos/{number}.png").write_bytes(whole[: len(whole) // 2])
    params("photos", 4)
    sample.main()
    assert len(read_tasks()) == 4
    assert "skipped: photos/" in capsys.readouterr().out


def test_too_few_readable_images_leave_what_was_there(room: Path, params: Params, snapshot: Snapshot) -> None:
    params("data/sample", 3)
    sample.main()
    before = snapshot(room / "annotate")
    whole = photo("a.png", 1)
    Path("photos/a.png").write_bytes(whole[: len(whole) // 2])
    photo("b.png", 2)
    params("photos", 2)
    with pytest.raises(UserError, match=r"photos has 1 different .*images is 2") as error:
        sample.main()
    assert "annotate.images" in error.value.hint
    assert snapshot(room / "annotate") == before


def test_a_choice_is_not_balanced_by_class() -> None:
    labels = embedded.read("test", ROOT / "data/sample").labels
    counts = np.bincount(labels[sample.choose(len(labels), 100, seed=4)], minlength=10)
    assert counts.sum() == 100
    assert len(set(counts.tolist())) > 1
