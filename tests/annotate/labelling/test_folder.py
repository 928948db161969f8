from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from annotate.labelling import folder
from data.common.errors import UserError
from tests.odd import bomb


def test_names_are_neutral_unique_and_stay_when_other_images_come(tmp_path: Path) -> None:
    source = tmp_path / "my images"
    for place, name in enumerate(["cat/1.png", "cat-b/1.png", "dog/1.png", "Ünïcode 'q\" &.png", "a..b.png"]):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (place, 0, 0)).save(path)
    found = folder.find(source, 5)
    # A seed draws by place: another order would be another choice.
    assert [path.relative_to(source).as_posix() for path in found.values()] == [
        "a..b.png",
        "cat/1.png",
        "cat-b/1.png",
        "dog/1.png",
        "Ünïcode 'q\" &.png",
    ]
    assert all(name.startswith("image-") and len(name) == 20 for name in found)
    Image.new("RGB", (4, 4), "white").save(source / "0.png")
    assert found.items() < folder.find(source, 6).items()


def test_the_same_bytes_count_once_and_hidden_files_do_not(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    for name in (".DS_Store", "Thumbs.db", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no image")
    assert [path.name for path in folder.find(tmp_path, 1).values()] == ["a.png"]
    with pytest.raises(UserError, match="holds 1 different images in 2 files; expected 2") as error:
        folder.find(tmp_path, 2)
    assert "annotate.images" in error.value.hint


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        folder.find(tmp_path / "nowhere", 1)


def test_what_is_not_a_image_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"notes\.txt: not an image that can be read") as error:
        folder.find(tmp_path, 1)
    assert error.value.what.count("notes.txt") == 1


def test_a_link_that_leads_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "lost.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(UserError, match=r"lost\.png: a link that leads nowhere"):
        folder.find(tmp_path, 1)


def test_a_small_file_with_a_huge_image_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb())
    with pytest.raises(UserError, match=r"bomb\.png: too large an image"):
        folder.find(tmp_path, 1)


def test_a_image_is_read_as_it_is_shown(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert folder.read(tmp_path / "clear.png").getpixel((0, 0)) == (255, 255, 255)
