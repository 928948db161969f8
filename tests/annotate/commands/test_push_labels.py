"""push of labels from files, and of predictions, against a real Label Studio."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from annotate.commands import prelabel
from annotate.commands.push import As
from annotate.formats.label_studio_json import part
from annotate.label_studio import suggestions
from annotate.label_studio.suggestions import Suggestion
from annotate.labelling.export_file import normalise
from annotate.labelling.tasks import TASKS, write_tasks
from tests.annotate.builders import DEFAULT, FIXTURES
from tests.annotate.clone import Clone, write_json
from tests.annotate.proxy import Fault, Proxy, Reply
from tests.tiny import ROOT

pytestmark = pytest.mark.server

PEOPLE = ROOT / "annotate/project/label_config_people.xml"
FAILS = Reply(500, b'{"detail": "out of order"}')
VIA_NAMES = ("street 1 (2)", "IMG (12)", "corner_4 (5)")


def predict(project: Clone, version: str, **labels: tuple[str, float]) -> None:
    """Have the model of that version give each image (`test_00001`) a class with a confidence."""
    question = DEFAULT.image_class
    assert question is not None
    suggestions = {
        name.replace("_", "-"): Suggestion([part("p1", question, {"choices": [label]})], confidence)
        for name, (label, confidence) in labels.items()
    }
    project.patch.setattr(prelabel, "read", lambda *_: prelabel.Prelabels(version, suggestions))


def test_predictions_are_shown_kept_and_replaced(project: Clone) -> None:
    project.patch.setattr(suggestions, "BATCH", 1)  # a request for each
    project.images("test-00001", "test-00002")
    predict(project, "m1", test_00001=("cat", 0.75), test_00002=("ship", 1.0))
    assert "predictions of m1: 2 added, 0 there already" in project.push(prelabel_=True)
    shown = [task["predictions"] for task in project.there]
    assert [(each["model_version"], each["score"]) for (each,) in shown] == [("m1", 0.75), ("m1", 1.0)]
    assert shown[0][0]["result"][0]["value"] == {"choices": ["cat"]}
    assert project.settings["model_version"] == "m1"
    assert "predictions of m1: 0 added, 2 there already" in project.push(prelabel_=True)
    predict(project, "m1", test_00001=("cat", 0.75), test_00002=("truck", 0.5))
    assert "predictions of m1: 1 added, 1 older ones removed, 1 there" in project.push(prelabel_=True)
    predict(project, "m2", test_00001=("dog", 0.6), test_00002=("truck", 0.5))
    assert "predictions of m2: 2 added, 2 older ones removed, 0 there" in project.push(prelabel_=True)
    versions = [[each["model_version"] for each in task["predictions"]] for task in project.there]
    assert versions == [["m2"], ["m2"]]
    assert project.settings["model_version"] == "m2"


@pytest.mark.parametrize("cut", [("DELETE", "/model-versions"), ("PATCH", "/api/projects")])
def test_predictions_that_were_cut_off_are_finished_by_the_next(
    project: Clone, proxy: Proxy, cut: tuple[str, str]
) -> None:
    project.images("test-00001")
    predict(project, "m1", test_00001=("cat", 0.75))
    project.push(prelabel_=True)
    predict(project, "m2", test_00001=("dog", 0.75))
    proxy.faults.append(Fault(*cut, FAILS))
    project.error(prelabel_=True)
    project.push(prelabel_=True)
    (task,) = project.there
    assert [each["model_version"] for each in task["predictions"]] == ["m2"]
    assert project.settings["model_version"] == "m2"


def test_labels_of_the_image_annotator_become_annotations_once(project: Clone) -> None:
    project.scheme(PEOPLE.read_text())
    first, *_ = project.images(*VIA_NAMES, size=(200, 150))
    Path("own").mkdir(exist_ok=True)
    for name in VIA_NAMES:
        Path(f"own/{name}.jpg").write_bytes(Path(f"annotate/out/images/{name}.png").read_bytes())
    write_tasks(TASKS, [first])
    project.push()
    project.images(*VIA_NAMES, size=(200, 150))
    wanted = {"from_": FIXTURES / "via.csv", "images": Path("own")}
    printed = project.push(**wanted)
    assert "2 added (read from this disk), 1 there already" in printed
    assert "images/set 1/nowhere.jpg: not ours: no image of that name" in printed
    assert re.search(r"annotations of file via.csv \w{8}: \d added, 0 there already", printed)
    done = [len(task["annotations"]) for task in project.there]
    printed = project.push(**wanted)
    assert re.search(r"annotations of file via.csv \w{8}: 0 added, \d there already", printed)
    assert [len(task["annotations"]) for task in project.there] == done


def test_labels_that_came_from_the_server_are_not_added_to_it_again(project: Clone) -> None:
    project.images("test-00001", "test-00002", "test-00003")
    project.push()
    first, second, _ = (task["id"] for task in project.there)
    # As the page makes them: the box before the class, coordinates of a hand, where it was drawn.
    box = {"x": 10.123456, "y": 20.7654321, "width": 31.4159, "height": 27.1828, "rotation": 0}
    drawn = {"original_width": 20, "original_height": 10, "image_rotation": 0, "origin": "manual"}
    cat: dict[str, Any] = {"id": "Xy2", "from_name": "class", "to_name": "image", "type": "choices"}
    cat |= {"origin": "manual", "value": {"choices": ["cat"]}}
    around = {"id": "Xy1", "from_name": "box", "to_name": "image", "type": "rectanglelabels"}
    made = [{**around, **drawn, "value": box | {"rectanglelabels": ["cat"]}}, cat]
    project.ask("POST", f"/api/tasks/{first}/annotations/", json={"result": made, "lead_time": 3.14159})
    project.label(second, "dog")
    kept = write_json("export.json", normalise(project.there))
    printed = project.push(from_=kept)
    assert re.search(r"annotations of file export.json \w{8}: 0 added, 2 there already", printed)

    # The first has the same twice, of which one is there; the third had nothing, the second something else.
    results = [[made, made], [[cat | {"value": {"choices": ["frog"]}}]], [made]]
    tasks = [
        {"data": task["data"], "annotations": [{"result": result} for result in group]}
        for task, group in zip(project.there, results, strict=True)
    ]
    printed = project.push(from_=write_json("more.json", tasks))
    assert re.search(r"annotations of file more.json \w{8}: 3 added, 1 there already", printed)
    assert "2 images had other labels, which are kept beside these: test-00001, test-00002" in printed
    assert [len(task["annotations"]) for task in project.there] == [2, 2, 1]

    # A class that is in no scheme, which leaves nothing; another label, where only gaps are to be filled.
    tasks[0]["annotations"] = [{"result": [cat | {"value": {"choices": ["unicorn"]}}]}]
    tasks[1]["annotations"] = [{"result": [cat]}]
    printed = project.push(from_=write_json("odd.json", tasks[:2]), gaps=True)
    assert "'unicorn' is not in the scheme" in printed
    assert "odd.json (Label Studio): 1 images with 0 boxes can be used" in printed
    assert "1 images have labels there and are left as they are: test-00002" in printed
    assert re.search(r"annotations of file odd.json \w{8}: 0 added, 0 there already", printed)
    assert [len(task["annotations"]) for task in project.there] == [2, 2, 1]


def test_labels_from_a_file_as_predictions(project: Clone) -> None:
    project.images("test-00001", "test-00002")
    path = write_json(
        "coco.json",
        {
            "images": [{"id": 1, "file_name": "test-00001.png", "width": 20, "height": 10, "class": "cat"}],
            "categories": [{"id": 3, "name": "cat"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [2, 2, 6, 4]}],
        },
    )
    for counts in ("1 added, 0", "0 added, 1"):
        printed = project.push(from_=path, as_=As.predictions)
        assert re.search(rf"predictions of file coco.json \w{{8}}: {counts} there already", printed)
    (prediction,) = project.there[0]["predictions"]
    assert [part["type"] for part in prediction["result"]] == ["choices", "rectanglelabels"]
    assert prediction["result"][1]["value"]["x"] == 10
    assert project.there[1]["predictions"] == []
    predict(project, "m1", test_00001=("cat", 0.75))
    assert "older ones" not in project.push(prelabel_=True)
