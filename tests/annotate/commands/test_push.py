"""push against a real Label Studio: the project, its tasks and the images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from annotate.commands.push import As, push
from annotate.label_studio import project as projects
from annotate.label_studio.config import required
from annotate.label_studio.fetch import fetch
from annotate.label_studio.tokens import is_personal
from annotate.labelling.tasks import SCHEME
from data.common.errors import UserError
from tests.annotate.clone import Clone
from tests.annotate.proxy import Fault, Proxy


def scheme(*options: str, more: str = "") -> str:
    choices = "".join(f'<Choice value="{option}"/>' for option in options)
    return (
        f'<View><Choices name="class" toName="image" choice="single">{choices}</Choices>{more}'
        '<Image name="image" value="$image"/></View>'
    )


@pytest.mark.server
@pytest.mark.parametrize("upload", [False, True])
def test_what_is_missing_is_added_and_nothing_twice(project: Clone, upload: bool) -> None:
    tasks = project.images("test-00001", "test-00002", 'it\'s "ünï" (3) & 100 %')
    printed = project.push(upload=upload)
    assert f"3 added ({'uploaded' if upload else 'read from this disk'}), 0 there already" in printed
    assert f"label at {project.account.url}/projects/{project.number}/data" in printed
    before = project.there
    assert [task["data"]["image_id"] for task in before] == [task.image_id for task in tasks]
    for there, task in zip(before, tasks, strict=True):
        assert there["data"]["sha256"] == task.sha256
        assert project.raw("GET", there["data"]["image"]).content == Path(task.image).read_bytes()
        assert there["data"]["image"].startswith("/data/upload/" if upload else "/data/local-files/?d=")
    assert "0 added, 3 there already" in project.push(upload=upload)
    assert [task["id"] for task in project.there] == [task["id"] for task in before]
    project.images("test-00001", "test-00002", "test-00009")
    assert "1 added" in project.push(upload=upload)


@pytest.mark.server
def test_the_project_gets_scheme_and_instructions_and_is_found_by_number_too(project: Clone) -> None:
    project.images("test-00001")
    project.push()
    assert project.settings["label_config"].strip() == SCHEME.read_text().strip()
    assert project.settings["expert_instruction"].strip() == projects.INSTRUCTIONS.read_text().strip()
    project.patch.setenv("LABEL_STUDIO_PROJECT", str(project.number))
    projects.INSTRUCTIONS.write_text("<p>Another rule.</p>\n")
    printed = project.push()
    assert "instructions updated" in printed
    assert "0 added, 1 there already" in printed
    assert "updated" not in project.push()


@pytest.mark.server
def test_a_push_that_was_killed_is_finished_by_the_next(project: Clone, proxy: Proxy) -> None:
    project.images(*(f"test-{number:05}" for number in range(250)))
    process = project.command("push", "--upload")
    proxy.faults.append(Fault("POST", "/import", at=4, done=True, then=process.kill))
    process.communicate(timeout=60)
    assert process.returncode == -9
    assert (
        len(project.there) == 200
    )  # each batch is an upload and an import; the fourth request was its import
    assert "50 added (uploaded), 200 there already" in project.push(upload=True)
    there = project.there
    assert len({task["data"]["image_id"] for task in there}) == len(there) == 250
    assert "0 added, 250 there already" in project.push()


@pytest.mark.server
def test_a_hundred_images_take_few_requests_and_a_second_push_fewer(project: Clone, proxy: Proxy) -> None:
    project.images(*(f"test-{number:05}" for number in range(100)))
    requests = []
    for _ in range(2):
        proxy.asked.clear()
        project.push(upload=True)
        requests.append(len(proxy.asked))
    assert requests[0] <= 12
    assert requests[1] <= 4, proxy.asked


@pytest.mark.server
def test_a_list_of_several_pages(project: Clone) -> None:
    project.patch.setattr(projects, "PAGE", 2)
    project.images(*(f"test-{number:05}" for number in range(5)))
    assert "5 added" in project.push()
    assert "0 added, 5 there already" in project.push()


@pytest.mark.server
def test_images_that_changed_since_and_tasks_that_are_there_twice_are_named(project: Clone) -> None:
    project.images("test-00001", "test-00002")
    project.push()
    data = project.there[0]["data"]
    project.ask("POST", f"/api/projects/{project.number}/import", json=[{"data": data}])
    project.images("test-00000", "test-00001", "test-00002")
    printed = project.push()
    assert "2 changed since they were pushed, left as they are: test-00001, test-00002" in printed
    assert "1 tasks show the image of another task" in printed


@pytest.mark.server
def test_a_changed_scheme_is_refused_only_where_it_would_orphan_labels(project: Clone) -> None:
    project.scheme(scheme("cat", "dog", "frog"))
    project.images("test-00001", "test-00002")
    project.push()
    # Imported labels are those that the server does not look at.
    project.label(project.there[0]["id"], "frog")
    project.scheme(scheme("cat", "dog"))
    error = project.error()
    assert "no place for 1 labels on 1 images: class: 'frog' is not in the scheme (1)" in error.what
    assert "LABEL_STUDIO_PROJECT" in error.hint
    project.scheme(scheme("frog", "horse", more='<Rating name="sure" toName="image" perRegion="true"/>'))
    assert "label scheme updated" in project.push()
    assert "updated" not in project.push()
    part = {"id": "a", "from_name": "class", "to_name": "image", "type": "choices"}
    draft = {"result": [{**part, "value": {"choices": ["horse"]}}]}
    project.ask("POST", f"/api/tasks/{project.there[1]['id']}/drafts", json=draft)
    project.scheme(scheme("frog"))
    assert "class: 'horse' is not in the scheme" in project.error().what


@pytest.mark.server
def test_a_folder_that_the_server_cannot_read_is_uploaded(project: Clone, tmp_path: Path) -> None:
    project.images("test-00001")
    for path in Path("annotate").rglob("*"):
        if path.is_file():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(path.read_bytes())
    project.patch.chdir(tmp_path)
    assert "1 added (uploaded)" in project.push()
    assert project.ask("GET", f"/api/storages/localfiles/?project={project.number}") == []


@pytest.mark.server
def test_a_personal_access_token_works_for_push_and_fetch(project: Clone) -> None:
    """What Label Studio gives by default; it lasts for years and buys access for minutes."""
    project.images("test-00001")
    token = project.ask("POST", "/api/token/")["token"]
    assert is_personal(token)
    project.patch.setenv("LABEL_STUDIO_API_KEY", token)
    assert "1 added" in project.push()
    assert "1 there already" in project.push()
    assert [task["data"]["image_id"] for task in fetch(required())] == ["test-00001"]


@pytest.mark.parametrize(
    "options",
    [
        {"gaps": True},
        {"as_": As.predictions},
        {"images": Path("own")},
        {"from_": Path("a"), "as_": As.predictions, "gaps": True},
        {"from_": Path("a"), "as_": As.predictions, "prelabel_": True},
    ],
)
def test_options_that_do_not_go_together_are_refused_before_anything(options: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="options that do not go together"):
        push(**options)
