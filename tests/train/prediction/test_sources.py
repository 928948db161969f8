from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from data.images.walk import Skipped
from train.prediction.sources import find, listed

NAMES = [
    "b.png",
    "a/2.png",
    "a/1.jpg",
    "a/deep/er/x.png",
    "with space.png",
    "new\nline.png",
    "Ünïcode 'q\" & [bold]ra.png",
    os.fsdecode(b"not\xfftext.png"),
    "-",
    "--top.png",
]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of files with odd names, and what is none of them; its parent is the current folder."""
    for name in [*NAMES, ".hidden.png", ".git/config", "Thumbs.db", "a/.DS_Store"]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "images/empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "images"


def test_folders_beside_each_other_come_in_order_each_with_those_below(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["top/z.png", "top/a/1.png", "top/a/deep/2.png", "top/b/0.png", "top/c/0.png"]
    for name in reversed(names):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert list(find(["top"])) == names


def test_a_folder_is_walked_in_order_and_hidden_files_are_none(images: Path) -> None:
    found = list(find(["images"]))
    here = sorted(f"images/{name}" for name in NAMES if "/" not in name)
    assert found == [*here, "images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["images/a/1.jpg"], ["images/a/1.jpg"]),
        (["./images/a/1.jpg"] * 2, ["./images/a/1.jpg"] * 2),
        (["images/a/"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/.hidden.png"], ["images/.hidden.png"]),
        (["images/a/*"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/**/[12].*"], ["images/a/1.jpg", "images/a/2.png"]),
        (
            ["images/**/*.png"],
            sorted(f"images/{name}" for name in NAMES if name.endswith("g") and "1" not in name),
        ),
        (["images/a/**"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/a/**/*"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/a/**/**"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/**/deep"], ["images/a/deep/er/x.png"]),
        (["images/a/**/"], ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]),
        (["images/a/*"] * 2, ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"] * 2),
        (["images/Ünïcode 'q\" & [bold]ra.png"], ["images/Ünïcode 'q\" & [bold]ra.png"]),
    ],
)
def test_files_folders_and_patterns(images: Path, asked: list[str], found: list[str]) -> None:
    assert list(find(asked)) == found


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("", "'': no such file or folder"),
        ("images/b.png/c.png", "no such file or folder"),
        ("nul\0byte", "nul\\x00byte"),
        ("a" * 5000, "File name too long"),
        ("images/empty", "images/empty: no image in this folder"),
        ("images/*.gif", "images/*.gif: no file matches this pattern"),
        ("pipe", "pipe: neither a file nor a folder"),
        ("images/empty/**", "images/empty/: no image in this folder"),
        ("-", "standard input: no name on the list"),
    ],
)
def test_what_leads_to_no_image_is_a_problem_and_the_rest_is_found(
    images: Path, asked: str, problem: str
) -> None:
    first, *rest = find([asked, "images/b.png"])
    assert isinstance(first, Skipped)
    assert problem in str(first)
    assert rest == ["images/b.png"]


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "odd")


def dead_link(folder: Path) -> None:
    (folder / "odd").symlink_to("nowhere")


def link_to_itself(folder: Path) -> None:
    (folder / "odd").symlink_to("odd")


def link_above(folder: Path) -> None:
    (folder / "odd").symlink_to("..")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (pipe, "not a file"),
        (dead_link, "a link that leads nowhere"),
        (link_to_itself, "Too many levels of symbolic links"),
        (link_above, "a link back to a folder above it"),
    ],
)
def test_what_is_odd_in_a_folder_is_named(images: Path, make: Callable[[Path], None], why: str) -> None:
    make(images / "a")
    problems = [one for one in find(["images"]) if isinstance(one, Skipped)]
    assert [(one.name, one.why) for one in problems] == [("images/a/odd", why)]


def test_links_to_files_and_folders_are_followed(images: Path) -> None:
    (images / "empty/file.png").symlink_to("../b.png")
    (images / "empty/folder").symlink_to("../a")
    assert list(find(["images/empty"])) == [
        "images/empty/file.png",
        *(f"images/empty/folder/{name}" for name in ("1.jpg", "2.png", "deep/er/x.png")),
    ]


def test_a_folder_that_may_not_be_read_is_named(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refuse)  # root may read everything
    assert list(map(str, find(["images"]))) == ["images: Permission denied"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (b"", []),
        (b"a.png\n\nb c.png\r\n", ["a.png", "b c.png"]),
        (b"new\nline.png\0b.png\0", ["new\nline.png", "b.png"]),
        (b"\xef\xbb\xbfa.png\nb.png\n", ["a.png", "b.png"]),
        (b"\xff.png", [os.fsdecode(b"\xff.png")]),
    ],
)
def test_a_list_is_lines_or_ends_in_zero_bytes(text: bytes, names: list[str]) -> None:
    assert listed(io.BytesIO(text)) == names


def test_names_on_a_list_are_taken_as_they_are(images: Path) -> None:
    names = [f"images/{name}" for name in NAMES]
    assert list(find(["-", "images/a/1.jpg"], names)) == [*names, "images/a/1.jpg"]
    assert list(map(str, find(["-"], ["images/*.png"]))) == ["images/*.png: no such file or folder"]
