from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data.common.errors import UserError
from data.images import decode
from tests.odd import bomb, jpeg
from tests.tiny import ROOT

RED = (255, 0, 0)


@pytest.fixture(autouse=True)
def _decoding() -> Iterator[None]:
    with decode.decoding():
        yield


def test_an_image_cut_short_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    (tmp_path / "a.jpg").write_bytes(jpeg(image)[:-500])
    with pytest.raises(UserError, match=r"a\.jpg: not an image that can be read \(image file is truncated"):
        decode.read(tmp_path / "a.jpg")


def test_a_photograph_is_rotated_by_its_orientation(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 8), "white")
    image.paste(RED, (0, 0, 8, 8))
    (tmp_path / "a.jpg").write_bytes(jpeg(image, turn=6))  # 6: shown turned a quarter clockwise
    shown = decode.read(tmp_path / "a.jpg")
    assert shown.size == (8, 16)
    assert not shown.getexif()  # else a viewer would turn it again
    top, bottom = shown.getpixel((4, 2)), shown.getpixel((4, 13))
    assert isinstance(top, tuple)
    assert top[1] < 60
    assert isinstance(bottom, tuple)
    assert bottom[1] > 200


DEEP = np.array([[0, 257], [65534, 65535]], dtype=np.uint16)
CLEAR = Image.fromarray(DEEP)
CLEAR.info["transparency"] = 0  # this grey is transparent
CASES = {
    "grey.png": (Image.new("L", (2, 2), 128), (128, 128, 128)),
    "cmyk.jpg": (Image.new("CMYK", (2, 2), (0, 0, 0, 0)), (255, 255, 255)),
    "palette.gif": (Image.new("P", (2, 2), 0), (0, 0, 0)),
    "clear.png": (Image.new("RGBA", (2, 2), (0, 0, 0, 0)), (255, 255, 255)),
    "half.png": (Image.new("LA", (2, 2), (0, 128)), (127, 127, 127)),
    "black.bmp": (Image.new("1", (2, 2), 1), (255, 255, 255)),
    "deep.png": (Image.fromarray(DEEP), (0, 0, 0)),
    "deep.tiff": (Image.fromarray(DEEP), (0, 0, 0)),
    "deep-clear.png": (CLEAR, (255, 255, 255)),
    "long.tiff": (Image.fromarray(DEEP.astype(np.int32)), (0, 0, 0)),
    "long-of-8-bits.tiff": (Image.fromarray(np.full((2, 2), 200, np.int32)), (200, 200, 200)),
    "dark.png": (Image.fromarray(np.full((2, 2), 200, np.uint16)), (0, 0, 0)),
    "dark.pgm": (Image.fromarray(np.full((2, 2), 200, np.uint16)), (0, 0, 0)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_pixel_becomes_8_bit_rgb(tmp_path: Path, name: str) -> None:
    image, first = CASES[name]
    image.save(tmp_path / name)
    read = decode.read(tmp_path / name)
    assert (read.mode, read.size) == ("RGB", (2, 2))
    assert read.getpixel((0, 0)) == first


def test_16_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(DEEP).save(tmp_path / "deep.png")
    assert np.asarray(decode.read(tmp_path / "deep.png"))[..., 0].tolist() == [[0, 1], [254, 255]]


@pytest.mark.parametrize("values", [np.full((2, 2), 70_000, np.int32), np.full((2, 2), 0.5, np.float32)])
def test_grey_values_of_unknown_range_are_refused(
    tmp_path: Path, values: np.ndarray[tuple[int, int], np.dtype[np.generic]]
) -> None:
    Image.fromarray(values).save(tmp_path / "a.tiff")
    with pytest.raises(UserError, match="grey values"):
        decode.read(tmp_path / "a.tiff")


@pytest.mark.parametrize("name", ["a.gif", "a.tiff"])
def test_of_several_frames_or_pages_the_first_is_taken_with_a_note(tmp_path: Path, name: str) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue", "white")]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    notes: list[str] = []
    assert decode.read(tmp_path / name, notes.append).getpixel((0, 0)) == RED
    assert notes == [f"{tmp_path / name}: 3 frames or pages; the first one is taken"]


def test_a_small_file_with_a_huge_image_is_refused_before_it_fills_memory(tmp_path: Path) -> None:
    for side, why in (
        (20_000, "could be decompression bomb"),
        (10_000, "100000000 pixels; 89478485 at most"),
    ):
        (tmp_path / "bomb.png").write_bytes(bomb(side))
        with pytest.raises(UserError, match=rf"bomb\.png: too large an image \(.*{why}"):
            decode.read(tmp_path / "bomb.png")


@pytest.mark.parametrize(
    "kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "ICO", "TGA", "PCX", "DDS"]
)
@settings(max_examples=30)
@given(data=st.data())
def test_whatever_is_wrong_within_a_file_is_a_users_error(kind: str, data: st.DataObject) -> None:
    whole = io.BytesIO()
    Image.linear_gradient("L").resize((16, 16)).convert("RGB").save(whole, kind)
    content = bytearray(whole.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, min(len(content), 300) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "damaged"
        path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
        with suppress(UserError):
            assert decode.read(path).mode == "RGB"


def test_several_threads_read_a_rare_format(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.tga")
    script = (
        "import sys; from concurrent.futures import ThreadPoolExecutor; from pathlib import Path\n"
        "from data.images import decode\n"
        "with decode.decoding(), ThreadPoolExecutor(8) as pool:\n"
        "    print(len(list(pool.map(decode.read, [Path(sys.argv[1])] * 64))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.tga"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == "64\n", done.stderr
