from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from annotate.labelling import folder
from data.common.errors import UserError
from tests.odd import bomb


def test_names_are_neutral_unique_and_stay_when_other_images_come(tmp_path: Path) -> None:
    source = tmp_path / "my images"
    names = ["cat/1.png", "cat-b/1.png", "dog/1.png", "Ünïcode 'q\" &.png", "a..b.png"]
    for position, name in enumerate(names):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (position, 0, 0)).save(path)
    images = folder.find(source)
    # A seed draws positions: another order would be another choice.
    paths = [path.relative_to(source).as_posix() for path in images.values()]
    assert paths == ["a..b.png", "cat/1.png", "cat-b/1.png", "dog/1.png", "Ünïcode 'q\" &.png"]
    assert all(name.startswith("image-") and len(name) == len("image-") + 12 for name in images)
    Image.new("RGB", (4, 4), "white").save(source / "0.png")
    assert images.items() < folder.find(source).items()


def test_the_same_bytes_count_once_and_hidden_files_do_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    for name in (".DS_Store", "Thumbs.db", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no image")
    assert [path.name for path in folder.find(tmp_path).values()] == ["a.png"]
    assert capsys.readouterr().out == ""


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        folder.find(tmp_path / "nowhere")


def test_what_is_not_an_image_is_skipped_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "bomb.png").write_bytes(bomb())  # refused before it fills memory
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone.png")
    assert [path.name for path in folder.find(tmp_path).values()] == ["a.png"]
    message = capsys.readouterr().out
    assert message.startswith("3 files skipped: ")
    for reason in ("lost.png: a link", "bomb.png: too large an image", "notes.txt: not an image"):
        assert message.count(reason) == 1
