from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotate import labels
from annotate.labelling.export_file import normalise
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from tests.annotate.builders import annotation, choice, entry, image, reply, write_room

Snapshot = Callable[[Path], dict[str, bytes]]


@pytest.fixture
def real(room: Path) -> list[Task]:
    """Lay out a real server's export, with an image for each of its tasks."""
    tasks = [image(task["data"]["image_id"]) for task in reply()]
    checksums = {task.image_id: task.sha256 for task in tasks}
    entries = [{**each, "sha256": checksums[each["image_id"]]} for each in normalise(reply())]
    write_room(tasks, entries)
    return tasks


def rows(name: str) -> list[dict[str, str]]:
    with Path("annotate/out/labels", name).open(newline="") as file:
        return list(csv.DictReader(file))


def metrics() -> dict[str, Any]:
    numbers: dict[str, Any] = json.loads(Path("annotate/metrics.json").read_text())
    return numbers


def test_every_record_of_a_real_export_is_a_label_or_a_problem(
    real: list[Task], capsys: pytest.CaptureFixture[str]
) -> None:
    labels.main()
    assert [(row["image"], row["class"], row["annotator"]) for row in rows("labels.csv")] == [
        ("test-00003", "cat", "annotator-1"),
        ("test-00063", "truck", "annotator-1"),
        ("test-00063", "automobile", "annotator-2"),
        ("test-00250", "", "annotator-1"),
        ("test-00777", "frog", "annotator-1"),
    ]
    named: dict[str, list[str]] = {}
    for row in rows("problems.csv"):
        named.setdefault(row["image"], []).append(row["kind"])
    assert named == {
        "test-00017": ["skipped"],
        "test-00042": ["draft"],
        "test-00063": ["conflict", "tie"],
        "test-00101": ["empty"],
        "test-00250": ["outside", "two choices", "unknown attribute", "unknown class", "unknown class"],
        "test-00777": ["rotated"],
        "test-00900": ["unlabelled"],
    }
    assert [(row["image"], row["label"], row["x"], row["width"]) for row in rows("boxes.csv")] == [
        ("test-00003", "cat", "4.0", "16.0"),
        ("test-00003", "dog", "1.0", "6.4"),
        ("test-00063", "truck", "3.2", "16.0"),
        ("test-00250", "dog", "0.0", "32.0"),
        ("test-00777", "frog", "16.0", "12.8"),
    ]
    numbers = metrics()
    assert (numbers["images"], numbers["labelled"], numbers["skipped"], numbers["boxes"]) == (8, 4, 1, 5)
    assert numbers["problems"] == Counter(kind for kinds in named.values() for kind in kinds)
    assert capsys.readouterr().out.splitlines() == [
        "4 of 8 images labelled, 1 skipped, 5 boxes",
        "problems: 1 conflict, 1 draft, 1 empty, 1 outside, 1 rotated, 1 skipped, 1 tie, 1 two choices, "
        "1 unknown attribute, 2 unknown class, 1 unlabelled (annotate/out/labels/problems.csv)",
    ]


def test_everything_is_written_and_the_same_bytes_again(
    room: Path, real: list[Task], snapshot: Snapshot
) -> None:
    labels.main()
    first = snapshot(room)
    assert {name.split("/")[3] for name in first if name.startswith("annotate/out/labels/")} == {
        "labels.csv", "boxes.csv", "problems.csv", "coco.json", "yolo", "voc", "contact_sheet.png",
    }  # fmt: skip
    assert not any(
        b"\r" in content for name, content in first.items() if name.endswith(("csv", "json", "txt"))
    )
    labels.main()
    assert snapshot(room) == first


def test_cifar10s_own_classes_come_from_the_samples_index(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = room / "data/sample/index.csv"
    index.parent.mkdir(parents=True)
    index.write_text("split,index,label\ntrain,3,truck\ntest,3,cat\ntest,9,dog\n")
    tasks = [image("test-00003"), image("test-00009")]
    write_room(tasks, [entry(task.image_id, annotation(choice("cat"))) for task in tasks])
    labels.main()
    assert [row["cifar10"] for row in rows("labels.csv")] == ["cat", "dog"]
    assert metrics()["accuracy"] == 0.5
    assert "agreement with CIFAR-10's classes: 50.0 % of 2, Cohen's kappa 0.000" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["tasks.json", "export.json", "label_config.xml"])
def test_a_file_that_is_missing_stops_before_anything_is_replaced(
    room: Path, real: list[Task], snapshot: Snapshot, name: str
) -> None:
    labels.main()
    Path("annotate/project", name).unlink()
    before = snapshot(room)
    with pytest.raises(UserError, match=f"annotate/project/{name}: no such file"):
        labels.main()
    assert snapshot(room) == before
