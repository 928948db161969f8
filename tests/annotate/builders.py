"""Small parts of tasks, exports and schemes, short to write in a test."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from PIL import Image

from annotate.labelling.consensus import LabelledImage, labelled_images
from annotate.labelling.geometry import Drawn, place
from annotate.labelling.records import Annotation, Problem
from annotate.labelling.scheme import Scheme, read_scheme
from annotate.labelling.tasks import Task, write_tasks
from tests.tiny import ROOT

FIXTURES = ROOT / "tests/annotate/fixtures"
REPLY = FIXTURES / "label_studio_1.23.2.json"  # a real server's export, of labels made through its API
DEFAULT = read_scheme(ROOT / "annotate/project/label_config.xml")
PEOPLE = read_scheme(FIXTURES / "attributes.xml")


def reply() -> list[dict[str, Any]]:
    """Return the real server's reply."""
    tasks: list[dict[str, Any]] = json.loads(REPLY.read_text())
    return tasks


def choice(*words: str, name: str = "class", region: str = "r1") -> dict[str, Any]:
    """Return an answer to a question, as Label Studio writes it."""
    return {
        "id": region,
        "from_name": name,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [*words]},
    }


def rectangle(
    label: str, x: Any, y: Any, width: Any, height: Any, rotation: Any = 0, region: str = "r2", **more: Any
) -> dict[str, Any]:
    """Return a box in per cent, as Label Studio writes it."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": rotation}
    return {
        "id": region,
        "from_name": "box",
        "to_name": "image",
        "type": "rectanglelabels",
        "value": {**value, "rectanglelabels": [label]},
        **more,
    }


def annotation(
    *result: Any, annotator: str = "annotator-1", seconds: Any = 4.0, **more: Any
) -> dict[str, Any]:
    """Return one annotation of an export."""
    labels = {"annotator": annotator, "lead_time": seconds, "was_cancelled": False, "result": [*result]}
    return {**labels, **more}


def entry(name: str, *annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return one image of an export."""
    return {"image_id": name, "annotations": [*annotations], "drafts": [], **more}


def image(name: str, size: tuple[int, int] = (32, 32), colour: str = "navy") -> Task:
    """Write an image of one colour into annotate/out/images/ and return its task."""
    path = Path("annotate/out/images") / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return Task(name, path.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())


def own_image(name: str, size: tuple[int, int] = (200, 150)) -> Task:
    """Write an image into the user's folder, and return the task that `annotate.sample` makes of it."""
    path = Path("own") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = tuple(hashlib.sha256(name.encode()).digest()[:3])
    Image.new("RGB", size, colour).save(path)
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    return image(f"image-{sha[:12]}", size, f"#{bytes(colour).hex()}")


def write_room(tasks: list[Task], entries: list[dict[str, Any]]) -> None:
    """Write tasks, export and scheme into annotate/project/ of the current folder."""
    project = Path("annotate/project")
    write_tasks(project / "tasks.json", tasks)
    (project / "export.json").write_text(json.dumps(entries))
    (project / "label_config.xml").write_bytes((ROOT / project / "label_config.xml").read_bytes())


def labelled(
    *annotations: dict[str, Any],
    cifar10: str | None = None,
    scheme: Scheme = DEFAULT,
    name: str = "test-00042",
) -> tuple[LabelledImage, list[Problem]]:
    """Return an image of 32 x 32 pixels with its consensus, and the problems with its annotations."""
    classes = {name: cifar10} if cifar10 else {}
    images, problems = labelled_images((image(name),), [entry(name, *annotations)], scheme, classes)
    return images[0], problems


def with_boxes(name: str, size: tuple[int, int], drawn: list[tuple[str, Drawn]]) -> LabelledImage:
    """Return a labelled image with the given boxes, in pixels, without any file."""
    boxes = tuple(
        place(f"r{number}", label, rectangle, size, {}) for number, (label, rectangle) in enumerate(drawn, 1)
    )
    labels = Annotation(name, "annotator-1", None, "cat", {}, boxes)
    task = Task(name, f"annotate/out/images/{name}.png", "")
    return LabelledImage(task, size, None, (labels,), "cat", False)
