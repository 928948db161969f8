from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from train.prediction.sources import find

NAMES = [
    "b.png",
    "a/2.png",
    "a/1.jpg",
    "a/deep/er/x.png",
    "with space.png",
    "Ünïcode 'q\" & [bold]ra.png",
    "-",
    "--top.png",
]
BELOW_A = ["images/a/1.jpg", "images/a/2.png", "images/a/deep/er/x.png"]


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of files with odd names, and hidden ones; its parent is the current folder."""
    for name in [*NAMES, ".hidden.png", ".git/config", "Thumbs.db", "a/.DS_Store"]:
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "images/empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "images"


def test_a_folder_is_walked_in_order_without_hidden_files(images: Path) -> None:
    here = sorted(f"images/{name}" for name in NAMES if "/" not in name)
    assert find(["images"]) == ([*here, *BELOW_A], [])


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["images/a/1.jpg"], ["images/a/1.jpg"]),
        (["./images/a/1.jpg"] * 2, ["./images/a/1.jpg"] * 2),
        (["images/a/"], BELOW_A),
        (["images/.hidden.png"], ["images/.hidden.png"]),
        (["images/a/*"], BELOW_A),
        (["images/**/[12].*"], ["images/a/1.jpg", "images/a/2.png"]),
        (["images/a/**"], BELOW_A),
        (["images/a/**/*"], BELOW_A),
        (["images/**/deep"], ["images/a/deep/er/x.png"]),
        (["images/a/*"] * 2, BELOW_A * 2),
        (["images/Ünïcode 'q\" & [bold]ra.png"], ["images/Ünïcode 'q\" & [bold]ra.png"]),
    ],
)
def test_files_folders_and_patterns(images: Path, names: list[str], files: list[str]) -> None:
    assert find(names) == (files, [])


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere", "nowhere: no such file or folder"),
        ("images/b.png/c.png", "images/b.png/c.png: no such file or folder"),
        ("a" * 5000, "File name too long"),
        ("images/empty", "images/empty: no image in this folder"),
        ("images/*.gif", "images/*.gif: no file matches this pattern"),
        ("pipe", "pipe: no such file or folder"),
    ],
)
def test_what_leads_to_no_image_is_skipped_and_the_rest_found(images: Path, name: str, problem: str) -> None:
    files, [skipped] = find([name, "images/b.png"])
    assert problem in str(skipped)
    assert files == ["images/b.png"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: os.mkfifo(path), "not a file"),
        (lambda path: path.symlink_to("nowhere"), "a link that leads nowhere"),
        (lambda path: path.symlink_to(".."), "a link back to a folder above it"),
    ],
)
def test_what_is_not_an_image_in_a_folder_is_skipped(
    images: Path, make: Callable[[Path], None], why: str
) -> None:
    make(images / "a/odd")
    _, skipped = find(["images"])
    assert [(problem.name, problem.why) for problem in skipped] == [("images/a/odd", why)]


def test_links_to_files_and_folders_are_followed(images: Path) -> None:
    (images / "empty/file.png").symlink_to("../b.png")
    (images / "empty/folder").symlink_to("../a")
    below = [f"images/empty/folder/{name}" for name in ("1.jpg", "2.png", "deep/er/x.png")]
    assert find(["images/empty"]) == (["images/empty/file.png", *below], [])
