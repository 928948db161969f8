"""push and status against a real Label Studio."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotate.commands import status
from annotate.commands.push import As, push
from annotate.label_studio import predictions, project, transfer
from annotate.label_studio.config import fetch, required
from annotate.label_studio.tokens import is_personal
from annotate.labelling.export_file import normalise
from annotate.labelling.tasks import Task, write_tasks
from data.common.errors import UserError
from tests.annotate import studio
from tests.annotate.builders import FIXTURES
from tests.annotate.clone import Clone, opened, write_json, write_predictions
from tests.annotate.conftest import FakeServer, Reply
from tests.annotate.proxy import Fault, Proxy, before
from tests.tiny import ROOT

PEOPLE = ROOT / "annotate/project/label_config_people.xml"
WORKS = (200, "application/json", b"{}")
HTML = (200, "text/html", b"<html>log in</html>")
FAILS = (500, "application/json", b'{"detail": "out of order"}')
BOX = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}


@pytest.fixture
def clone(
    label_studio: studio.Folder,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Clone]:
    """Go into the folder of a running Label Studio, with a project of the test's own."""
    with opened(label_studio, request.node.name, monkeypatch, capsys) as clone:
        yield clone


@pytest.fixture
def proxy(clone: Clone) -> Iterator[Proxy]:
    """Reach the server through a proxy that can fail."""
    with before(clone.account.url) as proxy:
        clone.by(proxy.url)
        yield proxy


def error_of(clone: Clone, **options: Any) -> UserError:
    with pytest.raises(UserError) as error:
        clone.push(**options)
    assert clone.account.token not in str(error.value)
    return error.value


def served(clone: Clone, address: str) -> bytes:
    return clone.raw("GET", address).content


@pytest.mark.parametrize("upload", [False, True])
def test_what_is_missing_is_added_and_nothing_twice(clone: Clone, upload: bool) -> None:
    tasks = clone.images("test-00001", "test-00002", 'it\'s "ünï" (3) & 100 %')
    said = clone.push(upload=upload)
    assert f"3 added ({'uploaded' if upload else 'read from this disk'}), 0 there already" in said
    assert f"label at {clone.account.url}/projects/{clone.number}/data" in said
    before = clone.there
    assert [task["data"]["image_id"] for task in before] == [task.image_id for task in tasks]
    for found, task in zip(before, tasks, strict=True):
        assert found["data"]["sha256"] == task.sha256
        assert served(clone, found["data"]["image"]) == Path(task.image).read_bytes()
        assert found["data"]["image"].startswith("/data/upload/" if upload else "/data/local-files/?d=")
    assert "0 added, 3 there already" in clone.push(upload=upload)
    assert [task["id"] for task in clone.there] == [task["id"] for task in before]
    clone.images("test-00001", "test-00002", "test-00009")
    assert "1 added" in clone.push(upload=upload)


def test_the_project_gets_scheme_and_instructions_and_is_found_by_number_too(clone: Clone) -> None:
    clone.images("test-00001")
    clone.push()
    project = clone.ask("GET", f"/api/projects/{clone.number}/")
    assert project["label_config"].strip() == Path("annotate/project/label_config.xml").read_text().strip()
    assert (
        project["expert_instruction"].strip()
        == Path("annotate/project/instructions.html").read_text().strip()
    )
    clone.patch.setenv("LABEL_STUDIO_PROJECT", str(clone.number))
    Path("annotate/project/instructions.html").write_text("<p>Another rule.</p>\n")
    said = clone.push()
    assert "instructions updated" in said
    assert "0 added, 1 there already" in said
    assert "updated" not in clone.push()


def test_many_go_in_parts_and_a_push_that_was_killed_is_finished_by_the_next(
    clone: Clone, proxy: Proxy
) -> None:
    clone.images(*(f"test-{number:05}" for number in range(250)))
    process = clone.command("push", "--upload")
    proxy.faults.append(Fault("POST", "/import", at=4, done=True, then=process.kill))
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert len(clone.there) == 200  # each part is an upload and an import; the fourth request was its import
    assert "50 added (uploaded), 200 there already" in clone.push(upload=True)
    found = clone.there
    assert len({task["data"]["image_id"] for task in found}) == len(found) == 250
    assert "0 added, 250 there already" in clone.push()


def test_after_a_500_the_rest_is_sent_and_nothing_twice(clone: Clone, proxy: Proxy) -> None:
    clone.patch.setattr(transfer, "MOST_TASKS", 2)
    clone.patch.setattr(project, "PAGE", 4)
    clone.images(*(f"test-{number:05}" for number in range(6)))
    # Once before the work was done, once after: only a look at the project tells them apart.
    proxy.faults += [Fault("POST", "/import", FAILS, at=2), Fault("POST", "/import", FAILS, at=4, done=True)]
    assert "6 added" in clone.push()
    assert len(clone.there) == 6
    proxy.faults += [Fault("GET", "/api/tasks", (503, "text/html", b"wait"), times=2)]
    assert "0 added, 6 there already" in clone.push()


@pytest.mark.parametrize(
    ("most", "parts"), [(100, [["a", "b", "c"]]), (25, [["a", "b"], ["c"]]), (1, [["a"], ["b"], ["c"]])]
)
def test_uploads_are_no_larger_than_a_server_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, parts: list[list[str]]
) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", most)
    tasks = [Task(name, str(tmp_path / name), "") for name in "abc"]
    for task in tasks:
        Path(task.image).write_bytes(b"0123456789")
    nowhere: Any = None  # what is cut into parts is not sent yet
    cut = transfer.Upload(nowhere, nowhere).batches(tasks)
    assert [[task.image_id for task in part] for part in cut] == parts


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"gaps": True}, "--gaps without --from"),
        ({"as_": As.predictions}, "--as predictions without --from"),
        ({"images": Path("own")}, "--images without --from"),
        ({"from_": Path("a"), "as_": As.predictions, "gaps": True}, "--gaps and --as predictions together"),
        (
            {"from_": Path("a"), "as_": As.predictions, "prelabel_": True},
            "--prelabel and --as predictions together",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        push(**options)


def test_a_second_push_asks_for_no_list_and_still_sees_what_came_and_went(clone: Clone, proxy: Proxy) -> None:
    names = [f"test-{number:05}" for number in range(5)]
    clone.images(*names)
    clone.push()
    proxy.asked.clear()
    assert "0 added, 5 there already" in clone.push()
    assert proxy.count("GET", f"page_size={project.PAGE}") == 0
    oldest, *_, newest = clone.there
    for gone in (oldest, newest):
        clone.ask("DELETE", f"/api/tasks/{gone['id']}/")
        assert "1 added (read from this disk), 4 there already" in clone.push()
    (data, *_), number = [task["data"] for task in clone.there], clone.there[-1]["id"]
    clone.ask("DELETE", f"/api/tasks/{number}/")
    clone.ask("POST", f"/api/projects/{clone.number}/import", json=[{"data": data}])
    assert "1 tasks show an image that another task shows" in clone.push()


@pytest.mark.parametrize(
    ("fault", "says", "hint"),
    [
        (Fault("GET", "/api/projects", HTML), "not as Label Studio does", "LABEL_STUDIO_URL"),
        (Fault("GET", "/api/projects", WORKS), "not as Label Studio does", "LABEL_STUDIO_URL"),
        (Fault("GET", "/api/tasks", WORKS), "not as Label Studio does", "LABEL_STUDIO_URL"),
        (Fault("POST", "/import", WORKS), "not as Label Studio does", "LABEL_STUDIO_URL"),
        (Fault("POST", "/import", FAILS, times=9), "HTTP 500: out of order", "server's log"),
        (Fault("POST", "/import", None), "cannot work with Label Studio", "annotate serve"),
        (Fault("GET", "/api/tasks", None, times=9), "cannot work with Label Studio", "annotate serve"),
        (Fault("POST", "/import", (413, "text/html", b"<html>")), "failed with HTTP 413", "server's log"),
        (Fault("GET", "/api/projects", (302, "text/html", b"")), "not as Label Studio does", "_URL"),
    ],
)
def test_faults_end_in_an_error_and_the_next_push_succeeds(
    clone: Clone, proxy: Proxy, fault: Fault, says: str, hint: str
) -> None:
    clone.images("test-00001")
    proxy.faults.append(fault)
    error = error_of(clone)
    assert says in error.what
    assert hint in error.hint
    proxy.faults.clear()
    clone.push()
    assert len(clone.there) == 1


def test_a_personal_access_token_works_for_push_status_and_fetch(clone: Clone) -> None:
    """What Label Studio gives by default; it lasts for years and buys access for minutes."""
    clone.images("test-00001")
    token = clone.ask("POST", "/api/token/")["token"]
    assert is_personal(token)
    clone.patch.setenv("LABEL_STUDIO_API_KEY", token)
    assert "1 added" in clone.push()
    assert "1 there already" in clone.push()
    assert [task["data"]["image_id"] for task in fetch(required())] == ["test-00001"]


def test_an_address_that_sends_on_to_another_is_named(clone: Clone, fake: FakeServer) -> None:
    clone.images("test-00001")
    fake.replies = {"/api/projects": [Reply(301, location="https://label.example.org/api/projects/")]}
    clone.by(fake.url)
    error = error_of(clone)
    assert f"{fake.url} sends on to https://label.example.org/api/projects/" in error.what
    assert "set LABEL_STUDIO_URL to the address that answers" in error.hint


def test_instructions_in_another_encoding_are_named(tmp_path: Path) -> None:
    (tmp_path / "instructions.html").write_bytes("<p>Größe</p>".encode("latin-1"))
    with pytest.raises(UserError, match=r"instructions\.html: not text in UTF-8"):
        project.instructions(tmp_path / "instructions.html")


@pytest.mark.parametrize("token", ["0" * 40, "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxfQ.c2lnbmF0dXJl"])
def test_a_token_that_is_wrong_or_of_another_kind(clone: Clone, token: str) -> None:
    clone.images("test-00001")
    clone.patch.setenv("LABEL_STUDIO_API_KEY", token)
    error = error_of(clone)
    assert "does not accept the token (HTTP 401)" in error.what
    assert "legacy token" in error.hint
    assert token not in str(error)


def test_a_server_that_is_down_and_none_at_all(clone: Clone) -> None:
    clone.images("test-00001")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        clone.by(f"http://127.0.0.1:{free.getsockname()[1]}")
    error = error_of(clone)
    assert "connection refused" in error.what
    assert "python -m annotate serve" in error.hint
    clone.patch.setenv("LABEL_STUDIO_URL", "")
    assert "no Label Studio is configured" in error_of(clone).what
    code, said = clone.run("status")
    assert code == 1
    assert "python -m annotate serve" in said


@pytest.mark.parametrize(
    ("project", "says"), [("ab", "3 to 50 characters"), ("999999", "no project '999999'")]
)
def test_a_project_that_cannot_be(clone: Clone, project: str, says: str) -> None:
    clone.images("test-00001")
    clone.patch.setenv("LABEL_STUDIO_PROJECT", project)
    assert says in error_of(clone).what


def test_images_that_are_missing_or_damaged_stop_a_push_before_any_is_sent(clone: Clone) -> None:
    tasks = clone.images("test-00001", "test-00002", "test-00003")
    Path(tasks[1].image).write_bytes(b"no image")
    assert "1 of 3 images are damaged or changed: annotate/out/images/test-00002.png" in error_of(clone).what
    Path(tasks[2].image).unlink()
    error = error_of(clone)
    assert "1 of 3 images are missing: annotate/out/images/test-00003.png" in error.what
    assert "dvc" in error.hint
    assert clone.there == []


def test_images_that_changed_since_and_tasks_that_are_there_twice_are_named(clone: Clone) -> None:
    clone.images("test-00001", "test-00002")
    clone.push()
    data = clone.there[0]["data"]
    clone.ask("POST", f"/api/projects/{clone.number}/import", json=[{"data": data}])
    clone.images("test-00000", "test-00001", "test-00002")
    said = clone.push()
    assert "2 changed since they were pushed, left as they are: test-00001, test-00002" in said
    assert "1 tasks show an image that another task shows" in said


def test_a_server_that_is_busy_for_a_moment_still_reads_from_this_disk(clone: Clone, proxy: Proxy) -> None:
    clone.images("test-00001")
    proxy.faults.append(Fault("GET", "/data/local-files", (503, "text/html", b"wait")))
    assert "1 added (read from this disk)" in clone.push()
    assert len(clone.ask("GET", f"/api/storages/localfiles/?project={clone.number}")) == 1


def test_a_storage_that_was_of_no_use_does_not_stay(clone: Clone, proxy: Proxy) -> None:
    clone.images("test-00001")
    proxy.faults.append(Fault("GET", "/data/local-files", (503, "text/html", b"wait"), times=99))
    with pytest.raises(UserError, match="503"):
        clone.push()
    assert clone.ask("GET", f"/api/storages/localfiles/?project={clone.number}") == []


def test_a_folder_that_the_server_cannot_read_is_uploaded(clone: Clone, tmp_path: Path) -> None:
    clone.images("test-00001")
    outside = tmp_path / "elsewhere"
    (outside / "annotate/out/images").mkdir(parents=True)
    for path in Path("annotate").rglob("*"):
        if path.is_file():
            (outside / path).write_bytes(path.read_bytes())
    clone.patch.chdir(outside)
    assert "1 added (uploaded)" in clone.push()
    assert clone.ask("GET", f"/api/storages/localfiles/?project={clone.number}") == []


CLASSES = ("cat", "dog", "frog")


def scheme(*options: str, more: str = "") -> str:
    choices = "".join(f'<Choice value="{option}"/>' for option in options)
    return (
        f'<View><Choices name="class" toName="image" choice="single">{choices}</Choices>{more}'
        '<Image name="image" value="$image"/></View>'
    )


def test_images_that_are_links_into_the_cache_are_served_from_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As DVC lays them there with `cache.type symlink`."""
    monkeypatch.chdir(tmp_path)
    Path("cache").mkdir()
    Path("cache/ab").write_bytes(b"image")
    Path("annotate/out/images").mkdir(parents=True)
    Path("annotate/out/images/a.png").symlink_to(tmp_path / "cache/ab")
    way = transfer.SameDisk(tmp_path / "annotate")
    assert way.address(Task("a", "annotate/out/images/a.png", "")) == "/data/local-files/?d=images/a.png"


def test_a_changed_scheme_is_refused_only_where_it_would_orphan_labels(clone: Clone) -> None:
    clone.scheme(scheme(*CLASSES))
    clone.images("test-00001", "test-00002")
    clone.push()
    # Imported labels are those that the server does not look at.
    clone.label(clone.there[0]["id"], "frog")
    clone.scheme(scheme("cat", "dog"))
    error = error_of(clone)
    assert "no place for 1 answers on 1 images: class: 'frog' is not in the scheme (1)" in error.what
    assert "LABEL_STUDIO_PROJECT" in error.hint
    clone.scheme(scheme("frog", "horse", more='<Rating name="sure" toName="image" perRegion="true"/>'))
    assert "label scheme updated" in clone.push()
    assert "updated" not in clone.push()


def test_drafts_count_as_labels_when_a_scheme_changes(clone: Clone) -> None:
    clone.scheme(scheme(*CLASSES))
    clone.images("test-00001")
    clone.push()
    (task,) = clone.there
    result = {"id": "a", "from_name": "class", "to_name": "image", "type": "choices"}
    draft = {"result": [{**result, "value": {"choices": ["cat"]}}]}
    clone.ask("POST", f"/api/tasks/{task['id']}/drafts", json=draft)
    clone.scheme(scheme("dog"))
    assert "class: 'cat' is not in the scheme" in error_of(clone).what


def test_predictions_are_shown_kept_and_replaced(clone: Clone) -> None:
    clone.patch.setattr(predictions, "BATCH", 1)  # a request for each
    clone.images("test-00001", "test-00002")
    m1 = write_predictions([("test-00001", "cat", 0.75), ("test-00002", "ship", 1)])
    assert f"predictions of {m1}: 2 added, 0 there already" in clone.push(prelabel_=True)
    shown = [task["predictions"] for task in clone.there]
    assert [(one["model_version"], one["score"]) for (one,) in shown] == [(m1, 0.75), (m1, 1.0)]
    assert shown[0][0]["result"][0]["value"] == {"choices": ["cat"]}
    assert clone.ask("GET", f"/api/projects/{clone.number}/")["model_version"] == m1
    assert f"predictions of {m1}: 0 added, 2 there already" in clone.push(prelabel_=True)
    write_predictions([("test-00001", "cat", 0.75), ("test-00002", "truck", 0.5)])
    assert f"predictions of {m1}: 1 added, 1 older ones removed, 1 there" in clone.push(prelabel_=True)
    m2 = write_predictions([("test-00001", "dog", 0.6), ("test-00002", "truck", 0.5)], "m2")
    assert f"predictions of {m2}: 2 added, 2 older ones removed, 0 there" in clone.push(prelabel_=True)
    versions = [[one["model_version"] for one in task["predictions"]] for task in clone.there]
    assert versions == [[m2], [m2]]
    assert clone.ask("GET", f"/api/projects/{clone.number}/")["model_version"] == m2


@pytest.mark.parametrize("cut", [("DELETE", "/model-versions"), ("PATCH", "/api/projects")])
def test_predictions_that_were_cut_off_are_finished_by_the_next(
    clone: Clone, proxy: Proxy, cut: tuple[str, str]
) -> None:
    clone.images("test-00001")
    write_predictions([("test-00001", "cat", 0.75)])
    clone.push(prelabel_=True)
    m2 = write_predictions([("test-00001", "dog", 0.75)], "m2")
    proxy.faults.append(Fault(*cut, FAILS))
    error_of(clone, prelabel_=True)
    clone.push(prelabel_=True)
    (task,) = clone.there
    assert [one["model_version"] for one in task["predictions"]] == [m2]
    assert clone.ask("GET", f"/api/projects/{clone.number}/")["model_version"] == m2


VIA_NAMES = ("street 1 (2)", "IMG (12)", "corner_4 (5)")


def test_labels_of_the_image_annotator_become_annotations_once(clone: Clone) -> None:
    clone.scheme(PEOPLE.read_text())
    first, *_ = clone.images(*VIA_NAMES, size=(200, 150))
    (Path("own")).mkdir(exist_ok=True)
    for name in VIA_NAMES:
        Path(f"own/{name}.jpg").write_bytes(Path(f"annotate/out/images/{name}.png").read_bytes())
    write_tasks(Path("annotate/project/tasks.json"), [first])
    clone.push()
    clone.images(*VIA_NAMES, size=(200, 150))
    wanted = {"from_": FIXTURES / "via.csv", "images": Path("own")}
    said = clone.push(**wanted)
    assert "2 added (read from this disk), 1 there already" in said
    assert "images/set 1/nowhere.jpg: not ours: no image of that name" in said
    assert re.search(r"annotations of file via.csv \w{8}: \d added, 0 there already", said)
    done = [len(task["annotations"]) for task in clone.there]
    said = clone.push(**wanted)
    assert re.search(r"annotations of file via.csv \w{8}: 0 added, \d there already", said)
    assert [len(task["annotations"]) for task in clone.there] == done


def test_labels_that_came_from_the_server_are_not_added_to_it_again(clone: Clone) -> None:
    clone.images("test-00001", "test-00002", "test-00003")
    clone.push()
    first, second, _ = (task["id"] for task in clone.there)
    # As the page makes them: the box before the class, coordinates of a hand, where it was drawn.
    box = {"x": 10.123456, "y": 20.7654321, "width": 31.4159, "height": 27.1828, "rotation": 0}
    drawn = {"original_width": 20, "original_height": 10, "image_rotation": 0, "origin": "manual"}
    cat: dict[str, Any] = {"id": "Xy2", "from_name": "class", "to_name": "image", "type": "choices"}
    cat |= {"origin": "manual", "value": {"choices": ["cat"]}}
    around = {"id": "Xy1", "from_name": "box", "to_name": "image", "type": "rectanglelabels"}
    made = [{**around, **drawn, "value": box | {"rectanglelabels": ["cat"]}}, cat]
    clone.ask("POST", f"/api/tasks/{first}/annotations/", json={"result": made, "lead_time": 3.14159})
    clone.label(second, "dog")
    kept = write_json("export.json", normalise(clone.there))
    assert re.search(
        r"annotations of file export.json \w{8}: 0 added, 2 there already", clone.push(from_=kept)
    )

    # The first says the same twice, of which one is there; the third had nothing, the second something else.
    said = [[made, made], [[cat | {"value": {"choices": ["frog"]}}]], [made]]
    tasks = [
        {"data": task["data"], "annotations": [{"result": one} for one in results]}
        for task, results in zip(clone.there, said, strict=True)
    ]
    told = clone.push(from_=write_json("more.json", tasks))
    assert re.search(r"annotations of file more.json \w{8}: 3 added, 1 there already", told)
    assert "2 images had labels, which are kept beside these: test-00001, test-00002" in told
    assert [len(task["annotations"]) for task in clone.there] == [2, 2, 1]
    # A class that is in no scheme, which leaves nothing; another label, where only gaps are to be filled.
    tasks[0]["annotations"] = [{"result": [cat | {"value": {"choices": ["unicorn"]}}]}]
    tasks[1]["annotations"] = [{"result": [cat]}]
    told = clone.push(from_=write_json("odd.json", tasks[:2]), gaps=True)
    assert "'unicorn' is not in the scheme" in told
    assert "odd.json (Label Studio): 1 images with 0 boxes can be used" in told
    assert "1 images are labelled there and left as they are: test-00002" in told
    assert re.search(r"annotations of file odd.json \w{8}: 0 added, 0 there already", told)
    assert [len(task["annotations"]) for task in clone.there] == [2, 2, 1]


def test_labels_from_a_file_as_predictions(clone: Clone) -> None:
    clone.images("test-00001", "test-00002")
    path = write_json(
        "coco.json",
        {
            "images": [{"id": 1, "file_name": "test-00001.png", "width": 20, "height": 10, "class": "cat"}],
            "categories": [{"id": 3, "name": "cat"}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [2, 2, 6, 4]}],
        },
    )
    said = clone.push(from_=path, as_=As.predictions)
    clone_as = clone.push(from_=path, as_=As.predictions)
    assert re.search(r"predictions of file coco.json \w{8}: 1 added, 0 there already", said)
    assert re.search(r"predictions of file coco.json \w{8}: 0 added, 1 there already", clone_as)
    (one,) = clone.there[0]["predictions"]
    assert [part["type"] for part in one["result"]] == ["choices", "rectanglelabels"]
    assert one["result"][1]["value"]["x"] == 10
    assert clone.there[1]["predictions"] == []
    write_predictions([("test-00001", "cat", 0.75)])
    assert "older ones" not in clone.push(prelabel_=True)


def test_status_of_nothing(clone: Clone) -> None:
    clone.images("test-00001")
    with pytest.raises(UserError, match="no project is called") as error:
        status.status()
    assert "python -m annotate push" in error.value.hint
    clone.ask("POST", "/api/projects/", json={"title": clone.project})
    with pytest.raises(UserError, match="is empty") as error:
        status.status()
    assert "python -m annotate push" in error.value.hint


def test_status_by_annotator_and_class(clone: Clone) -> None:
    clone.images(*(f"test-{number:05}" for number in range(15)))
    clone.push()
    clone.images(*(f"test-{number:05}" for number in range(16)))
    tasks = clone.there
    clone.label(tasks[0]["id"], "frog", lead_time=3.0)
    clone.label(tasks[1]["id"], "frog", lead_time=5.5)
    clone.ask("POST", f"/api/tasks/{tasks[2]['id']}/annotations/", json={"result": [], "was_cancelled": True})
    clone.ask("POST", f"/api/tasks/{tasks[3]['id']}/drafts", json={"result": []})
    code, said = clone.run("status", "--watch")
    assert code == 0  # on a pipe it is said once
    assert f"{clone.project}: 3 of 16 images done or skipped, 13 left" in said
    assert re.search(rf"{clone.account.username} +2 +1 +1 +13 +4.2", said)
    assert re.search(r"frog +2", said)
    assert (
        f"test-00003  draft  {clone.account.url}/projects/{clone.number}/data?task={tasks[3]['id']}" in said
    )
    assert "and 3 more; --all names them" in said
    assert "more than once" not in said
    clone.label(tasks[1]["id"], "frog", lead_time=4.2)
    code, said = clone.run("status")
    assert re.search(rf"{clone.account.username} +3 +1 +1 +13 +4.2", said)
    assert "submitted or skipped more than once by the same annotator: 1" in said
    assert "test-00015  not pushed  python -m annotate push" in clone.run("status", "--all")[1]


@pytest.mark.parametrize("upload", [False, True])
def test_a_hundred_images_take_few_requests_and_a_second_push_fewer(
    clone: Clone, proxy: Proxy, upload: bool
) -> None:
    clone.images(*(f"test-{number:05}" for number in range(100)))
    requests = []
    for _ in range(2):
        proxy.asked.clear()
        code, said = clone.run("push", *(["--upload"] if upload else []))
        assert code == 0, said
        requests.append(len(proxy.asked))
    assert requests[0] <= 12
    assert requests[1] <= 4, proxy.asked
