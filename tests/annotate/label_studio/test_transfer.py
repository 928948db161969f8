from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotate.label_studio import transfer
from annotate.labelling.tasks import Task


@pytest.mark.parametrize(
    ("most", "batches"), [(100, [["a", "b", "c"]]), (25, [["a", "b"], ["c"]]), (1, [["a"], ["b"], ["c"]])]
)
def test_uploads_are_no_larger_than_a_server_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, batches: list[list[str]]
) -> None:
    monkeypatch.setattr(transfer, "MAX_BYTES", most)
    tasks = [Task(name, str(tmp_path / name), "") for name in "abc"]
    for task in tasks:
        Path(task.image).write_bytes(b"0123456789")
    unused: Any = None
    upload = transfer.Upload(unused)
    assert [[task.image_id for task in batch] for batch in upload.batches(tasks)] == batches


def test_images_that_are_links_into_the_cache_are_served_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DVC lays them there with `cache.type symlink`."""
    monkeypatch.chdir(tmp_path)
    Path("cache").mkdir()
    Path("cache/ab").write_bytes(b"image")
    Path("annotate/out/images").mkdir(parents=True)
    Path("annotate/out/images/a.png").symlink_to(tmp_path / "cache/ab")
    same_disk = transfer.SameDisk(tmp_path / "annotate/out")
    assert same_disk.urls([Task("a", "annotate/out/images/a.png", "")]) == [
        "/data/local-files/?d=images/a.png"
    ]
