from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from annotate import folder
from data.errors import UserError

RED = (255, 0, 0)


def jpeg(image: Image.Image, turn: int | None = None) -> bytes:
    exif = Image.Exif()
    if turn:
        exif[0x0112] = turn  # EXIF's Orientation
    file = io.BytesIO()
    image.save(file, "JPEG", exif=exif)
    return file.getvalue()


def test_names_are_neutral_unique_and_stay_when_other_pictures_come(tmp_path: Path) -> None:
    source = tmp_path / "my pictures"
    for place, name in enumerate(["cat/1.png", "dog/1.png", "Ünïcode 'q\" &.png", "a..b.png"]):
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (place, 0, 0)).save(path)
    found = folder.find(source, 4)
    assert [path.relative_to(source).as_posix() for path in found.values()] == sorted(
        ["cat/1.png", "dog/1.png", "Ünïcode 'q\" &.png", "a..b.png"]
    )
    assert all(name.startswith("picture-") and len(name) == 20 for name in found)
    Image.new("RGB", (4, 4), "white").save(source / "0.png")
    assert found.items() < folder.find(source, 5).items()


def test_the_same_bytes_count_once_and_hidden_files_do_not(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "a.png").read_bytes())
    for name in (".DS_Store", "Thumbs.db", ".git/config"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("no picture")
    assert [path.name for path in folder.find(tmp_path, 1).values()] == ["a.png"]
    with pytest.raises(UserError, match="holds 1 different pictures in 2 files; expected 2") as error:
        folder.find(tmp_path, 2)
    assert "annotate.pictures" in error.value.hint


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        folder.find(tmp_path / "nowhere", 1)


def test_what_is_not_a_picture_is_refused_by_name(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(UserError, match=r"notes\.txt: not a picture that can be read") as error:
        folder.find(tmp_path, 1)
    assert error.value.what.count("notes.txt") == 1


def bomb() -> bytes:
    """Return a PNG of a few hundred bytes that claims to be 20,000 x 20,000 pixels."""
    file = io.BytesIO()
    Image.new("1", (8, 8)).save(file, "PNG")
    content = bytearray(file.getvalue())
    content[16:24] = (20_000).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(bytes(content[12:29])).to_bytes(4, "big")
    return bytes(content)


def test_a_small_file_with_a_huge_picture_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb())
    with pytest.raises(UserError, match=r"bomb\.png: too large a picture"):
        folder.find(tmp_path, 1)


def test_a_picture_cut_short_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    (tmp_path / "a.jpg").write_bytes(jpeg(image)[:-500])
    with pytest.raises(UserError, match=r"a\.jpg: not a picture that can be read \(image file is truncated"):
        folder.read(tmp_path / "a.jpg")


def test_a_photograph_is_turned_as_it_is_shown(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 8), "white")
    image.paste(RED, (0, 0, 8, 8))
    (tmp_path / "a.jpg").write_bytes(jpeg(image, turn=6))  # 6: shown turned a quarter clockwise
    shown = folder.read(tmp_path / "a.jpg")
    assert shown.size == (8, 16)
    assert "exif" not in shown.info or not Image.Exif().keys()
    top, bottom = shown.getpixel((4, 2)), shown.getpixel((4, 13))
    assert isinstance(top, tuple)
    assert top[1] < 60
    assert isinstance(bottom, tuple)
    assert bottom[1] > 200


DEEP = np.array([[0, 257], [32896, 65535]], dtype=np.uint16)
CASES = {
    "grey.png": (Image.new("L", (2, 2), 128), (128, 128, 128)),
    "cmyk.jpg": (Image.new("CMYK", (2, 2), (0, 0, 0, 0)), (255, 255, 255)),
    "palette.gif": (Image.new("P", (2, 2), 0), (0, 0, 0)),
    "clear.png": (Image.new("RGBA", (2, 2), (0, 0, 0, 0)), (255, 255, 255)),
    "half.png": (Image.new("LA", (2, 2), (0, 128)), (127, 127, 127)),
    "black.bmp": (Image.new("1", (2, 2), 1), (255, 255, 255)),
    "deep.png": (Image.fromarray(DEEP), (0, 0, 0)),
    "deep.tiff": (Image.fromarray(DEEP), (0, 0, 0)),
    "long.tiff": (Image.fromarray(DEEP.astype(np.int32)), (0, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_pixel_becomes_8_bit_rgb(tmp_path: Path, name: str) -> None:
    image, first = CASES[name]
    image.save(tmp_path / name)
    read = folder.read(tmp_path / name)
    assert (read.mode, read.size) == ("RGB", (2, 2))
    assert read.getpixel((0, 0)) == first


def test_16_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "deep.png")
    assert np.asarray(folder.read(tmp_path / "deep.png"))[..., 0].tolist() == [[0, 1], [128, 255]]


@pytest.mark.parametrize("values", [np.full((2, 2), 70_000, np.int32), np.full((2, 2), 0.5, np.float32)])
def test_grey_values_of_unknown_range_are_refused(
    tmp_path: Path, values: np.ndarray[tuple[int, int], np.dtype[np.generic]]
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tiff")
    with pytest.raises(UserError, match="grey values"):
        folder.read(tmp_path / "a.tiff")


def test_of_an_animation_the_first_frame_is_taken_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "white")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert folder.read(tmp_path / "a.gif").getpixel((0, 0)) == RED
    assert "a.gif: animated, 3 frames; the first one is taken" in capsys.readouterr().out
