"""From an image to a metric as an annotator goes: Label Studio in a real browser, then the pipeline."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from tests import clones
from tests.annotate import studio
from tests.annotate.studio import Folder
from tests.tiny import BRIEF, write_params

# Hotkeys of the default scheme: two classes and a box.
BIRD, CAT, CAT_BOX = "3", "4", "r"


@pytest.fixture
def served(clone: Path, studio_environment: Path) -> Iterator[Folder]:
    """Return a clone without any label, its images on a running Label Studio."""
    write_params(clone, **BRIEF)
    (clone / "annotate/project/export.json").unlink()
    clones.dvc(clone, "repro")
    clones.commit(clone)
    folder = studio.make(clone, studio_environment)
    folder.run("serve", "--detach", "--port", str(studio.free_port()))
    assert "100 added" in folder.run("push")
    yield folder
    folder.run("stop")


@pytest.fixture
def page(browser: Browser) -> Page:
    """Return an empty page, patient enough for a busy machine."""
    page = browser.new_context(viewport={"width": 1400, "height": 1300}).new_page()
    page.set_default_timeout(120_000)
    return page


@pytest.mark.slow
def test_a_label_given_in_the_browser_becomes_a_metric(served: Folder, page: Page) -> None:
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    log_in(page, served)
    task = first_task(served)
    submit(page, served, task)
    assert [url for url in urls if url.startswith("http") and not url.startswith(served.account.url)] == []
    assert "1 of 100 images" in served.run("status")

    assert clones.ran(clones.dvc(served.path, "repro", "-fs", "export")) == ["export"]
    assert clones.ran(clones.dvc(served.path, "repro")) == ["labels", "report"]
    labels = pd.read_csv(served.path / "annotate/out/labels/labels.csv")
    assert labels[["image", "class", "boxes"]].to_dict("records") == [
        {"image": task["data"]["image_id"], "class": "cat", "boxes": 1}
    ]
    box = pd.read_csv(served.path / "annotate/out/labels/boxes.csv").iloc[0]
    assert box["label"] == "cat"
    assert (box["x"], box["y"]) == pytest.approx((8, 4), abs=1.5)  # a quarter and an eighth of 32 pixels
    assert (box["width"], box["height"]) == pytest.approx((16, 20), abs=1.5)
    difference = json.loads(clones.dvc(served.path, "metrics", "diff", "--json"))["annotate/metrics.json"]
    assert difference["labelled"] == {"old": 0, "new": 1, "diff": 1}

    look_again(page, served, task)
    disagree(served, task)
    clones.dvc(served.path, "repro", "-fs", "export")
    clones.dvc(served.path, "repro")
    problems = pd.read_csv(served.path / "annotate/out/labels/problems.csv").set_index("kind")
    assert problems.loc["tie", "image"] == task["data"]["image_id"]
    # Annotators are numbered by how much time they took.
    assert sorted(re.findall(r"annotator-[12]: (\w+)", str(problems.loc["tie", "what"]))) == ["bird", "dog"]
    committed = (served.path / "annotate/project/export.json").read_text()
    assert not any(secret in committed for secret in served.account.settings().values())
    assert ": 100 added, 0 there already" in served.run("push", "--prelabel")


def log_in(page: Page, served: Folder) -> None:
    """Log in with the account in .env."""
    page.goto(f"{served.account.url}/user/login/")
    page.fill("input[name=email]", served.account.username)
    page.fill("input[name=password]", served.account.password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/user/login" not in url)


def first_task(served: Folder) -> dict[str, Any]:
    """Return the project's first task."""
    (project,) = served.ask("GET", "/api/projects").json()["results"]
    tasks = served.ask("GET", f"/api/tasks?project={project['id']}&page_size=1&fields=all").json()["tasks"]
    first: dict[str, Any] = tasks[0]
    return first


def submit(page: Page, served: Folder, task: dict[str, Any]) -> None:
    """Look at the image, pick a class by its key, draw a box, and submit."""
    page.goto(f"{served.account.url}/projects/{task['project']}/data?task={task['id']}")
    page.get_by_test_id("bottombar-submit-button").wait_for()
    page.wait_for_function(
        "() => { const image = document.querySelector('.lsf-image img');"
        " return image && image.complete && image.naturalWidth === 32"
        " && document.querySelector('.konvajs-content canvas') }"
    )
    choose(page, CAT, "cat")
    page.keyboard.press(CAT_BOX)
    draw(page, 0.25, 0.125, 0.75, 0.75)
    with page.expect_response(lambda reply: f"/api/tasks/{task['id']}/annotations" in reply.url) as saved:
        page.get_by_test_id("bottombar-submit-button").click()
    assert saved.value.status == 201
    page.get_by_test_id("bottombar-update-button").wait_for()


def choose(page: Page, key: str, name: str) -> None:
    """Pick a class by its hotkey, again until it is chosen: a new page ignores keys for a while."""
    chosen = page.locator(f'.lsf-choice input:checked[name="{name}"]')
    deadline = time.monotonic() + 60
    while not chosen.count():
        assert time.monotonic() < deadline, f"the key {key} does not pick {name}"
        page.keyboard.press(key)
        with suppress(AssertionError):  # the key was ignored
            expect(chosen).to_have_count(1, timeout=3000)
    expect(page.locator(".lsf-choice input:checked")).to_have_count(1)


def look_again(page: Page, served: Folder, task: dict[str, Any]) -> None:
    """Follow the link to the labels that the model disagrees with, check the label, and change it."""
    (url,) = re.findall(r"http://\S+\?tab=\d+", served.run("next", "--by", "disagreement"))
    page.goto(url)
    expect(page.get_by_text("Tasks: 1 / 100")).to_be_visible(timeout=60_000)
    page.goto(f"{url}&task={task['id']}")
    update = page.get_by_test_id("bottombar-update-button")
    update.wait_for()
    chosen = page.locator(".lsf-choice input:checked")
    expect(chosen).to_have_count(1)
    expect(chosen).to_have_attribute("name", "cat")
    choose(page, BIRD, "bird")
    with page.expect_response(lambda reply: "/api/annotations/" in reply.url) as saved:
        update.click()
    assert saved.value.status == 200
    (annotation,) = served.ask("GET", f"/api/tasks/{task['id']}/annotations/").json()
    assert [part["value"]["choices"] for part in annotation["result"] if "choices" in part["value"]] == [
        ["bird"]
    ]


def draw(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    """Drag a box over the image, in shares of its sides, once the page has stopped moving."""
    shown = page.locator(".lsf-image img").first
    box, unchanged = None, 0
    while unchanged < 5:
        before, box = box, shown.bounding_box()
        unchanged = unchanged + 1 if box == before else 0
        page.wait_for_timeout(100)
    assert box
    x, y, width, height = box["x"], box["y"], box["width"], box["height"]
    page.mouse.move(x + left * width, y + top * height)
    page.mouse.down()
    page.mouse.move(x + (left + right) / 2 * width, y + (top + bottom) / 2 * height, steps=5)
    page.mouse.move(x + right * width, y + bottom * height, steps=5)
    page.mouse.up()
    page.wait_for_timeout(500)


def disagree(served: Folder, task: dict[str, Any]) -> None:
    """Let a second annotator give the image another class."""
    second = {"email": "second@example.com", "username": "second", "password": "second-password"}
    user = served.ask("POST", "/api/users/", json=second)
    assert user.status_code == 201, user.text
    result = [{"from_name": "class", "to_name": "image", "type": "choices", "value": {"choices": ["dog"]}}]
    annotation = {"result": result, "completed_by": user.json()["id"], "lead_time": 3.0}
    posted = served.ask("POST", f"/api/tasks/{task['id']}/annotations/", json=annotation)
    assert posted.status_code == 201, posted.text
