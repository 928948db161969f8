from __future__ import annotations

import errno
import json
import math
import os
import resource
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from data.common import files
from data.common.errors import UserError


def test_json_does_not_depend_on_the_order_of_keys(tmp_path: Path) -> None:
    for name, content in (("a.json", {"ü": [1.5, None], "a": {}}), ("b.json", {"a": {}, "ü": [1.5, None]})):
        files.write_json(tmp_path / name, content)
        assert json.loads((tmp_path / name).read_text()) == content
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_metric_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        files.write_json(tmp_path / "metrics.json", {"accuracy": math.nan})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["labels.json", "report/labels.json"])
def test_a_block_that_fails_leaves_the_old_file_or_folder_and_nothing_else(tmp_path: Path, name: str) -> None:
    files.write_text(tmp_path / name, "old")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RuntimeError), files.atomic(before[0]) as part:
        files.write_text(part if before[0].is_file() else part / "new.csv", "new")
        raise RuntimeError
    assert (tmp_path / name).read_text() == "old"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    files.write_text(folder / "old.csv", "old")
    with files.atomic(folder) as part:
        files.write_text(part / "new.csv", "new")
        assert (folder / "old.csv").exists()
    assert [path.name for path in folder.iterdir()] == ["new.csv"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    files.write_text(path, "old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # the kernel refuses larger files
    try:
        with pytest.raises(UserError, match=r"model\.safetensors: cannot be written") as caught:
            files.write_bytes(path, b"x" * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "repeat the command" in caught.value.hint
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_errors_are_not_taken_for_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="elsewhere") as caught, files.atomic(tmp_path / "a"):
        raise OSError(errno.ENOTCONN, "elsewhere")
    assert caught.value.errno == errno.ENOTCONN


def test_a_folder_that_cannot_be_renamed_is_still_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "report"
    files.write_text(folder / "old.csv", "old")
    rename = Path.replace

    def refused(path: Path, target: Path) -> Path:
        if path.name.endswith(".part") and "old" not in path.name and target == folder:
            raise OSError(errno.EIO, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "replace", refused)
    with pytest.raises(UserError, match="report: cannot be written"), files.atomic(folder) as part:
        files.write_text(part / "new.csv", "new")
    assert (folder / "old.csv").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    link = tmp_path / "p.csv"
    link.symlink_to("disk/p.csv")
    for content in ("new", "newer"):  # a link to nothing yet, then to a file
        files.write_text(link, content)
        assert (tmp_path / "disk/p.csv").read_text() == content
    assert link.readlink() == Path("disk/p.csv")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["disk", "p.csv", "p.csv"]


@pytest.mark.parametrize("name", ["pipe", "link"])
def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    with pytest.raises(UserError, match=f"{name}: not a regular file") as caught:
        files.write_text(tmp_path / name, "new")
    assert "leave --output out and redirect" in caught.value.hint
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]


def parent_is_a_file(folder: Path) -> Path:
    (folder / "file").write_text("old")
    return folder / "file/p.csv"


def a_folder_that_holds_something(folder: Path) -> Path:
    files.write_text(folder / "full/old.csv", "old")
    return folder / "full"


@pytest.mark.parametrize(
    ("make", "why", "hint"),
    [
        (parent_is_a_file, "File exists", "check the path"),
        (a_folder_that_holds_something, "Is a directory", "a name that no folder has"),
        (lambda folder: folder / ("a" * 300), "File name too long", "check the path"),
    ],
)
def test_a_path_that_cannot_be_written_is_the_users_to_mend(
    tmp_path: Path, make: Callable[[Path], Path], why: str, hint: str
) -> None:
    path = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as caught:
        files.write_text(path, "new")
    assert caught.value.what.startswith(f"{path}: cannot be written ({why}")
    assert hint in caught.value.hint
    assert sorted(tmp_path.rglob("*")) == before


MERGE = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> theirs\n"


def test_the_marks_of_a_merge_are_seen_where_a_line_begins() -> None:
    files.check_merged(Path("there"), "'<<<<<<< a'\n", "mend it.")
    with pytest.raises(UserError, match="there: git could not merge two branches") as caught:
        files.check_merged(Path("there"), MERGE, "mend it.")
    assert caught.value.hint == "mend it."
