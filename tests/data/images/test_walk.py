from __future__ import annotations

import os
from pathlib import Path

import pytest

from data.images.walk import Skipped, images_in


def entries(top: Path) -> list[str]:
    """Return what is in a folder, without the folder's path; why something is skipped in brackets."""
    names = []
    for entry in images_in(str(top)):
        name = entry if isinstance(entry, str) else f"{entry.name} ({entry.why})"
        names.append(name.replace(f"{top}/", ""))
    return names


def test_files_come_before_folders_and_both_by_name(tmp_path: Path) -> None:
    for name in ("b/1.png", "b/c/1.png", "a/2.png", "a/1.png", "z.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert entries(tmp_path) == ["notes.txt", "z.png", "a/1.png", "a/2.png", "b/1.png", "b/c/1.png"]


@pytest.mark.parametrize("name", [".hidden.png", "Thumbs.db", "desktop.ini", ".folder/a.png"])
def test_hidden_files_are_ignored(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    assert entries(tmp_path) == [f"{tmp_path} (no image in this folder)"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/1.png").touch()
    (tmp_path / "a/back").symlink_to(tmp_path)
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "gone.png").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    assert entries(tmp_path) == [
        "gone.png (a link that leads nowhere)",
        "pipe (not a file)",
        "a/1.png",
        "a/back (a link back to a folder above it)",
        "b/1.png",
        "b/back (a link back to a folder above it)",
    ]


def test_a_missing_folder_is_skipped(tmp_path: Path) -> None:
    path = str(tmp_path / "gone")
    assert list(images_in(path)) == [Skipped(path, "No such file or directory")]
    assert str(Skipped("a.png", "cut short")) == "a.png: cut short"
