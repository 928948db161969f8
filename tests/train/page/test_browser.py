"""The report's page in a real browser: real images, and predictions of an untrained network."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from data.datasets.dataset import CLASSES, Dataset, image_name
from tests.train.page.run_files import label, prepare
from train import evaluate, report
from train.evaluation import results
from train.page import page

pytestmark = pytest.mark.browser

MARKUP = "<img src=x onerror=alert(1)>"  # in a file's name, and as a class of the user's own
NAMES = ("test-00000", "test-00001", f"x{MARKUP}")  # of the images to label


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, few: Dataset) -> Path:
    """Return the folder of a run with 80 test images and three labelled ones."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(few, names=NAMES)
        label(
            "test-00000,frog,frog,frog,annotator-1,3.0,1\n"
            f"test-00001,{MARKUP},{MARKUP},truck,annotator-1,3.0,1\n"
            f"x{MARKUP},cat,cat,,annotator-1,3.0,1\n"
        )
        evaluate.main()
        report.main()
    return folder


@pytest.fixture(params=["light", "dark"])
def opened(browser: Browser, folder: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open the page from disk; it must request nothing and log nothing."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    opened, events = context.new_page(), []
    opened.on("request", lambda request: events.append(request.url))
    opened.on("console", lambda message: events.append(message.text))
    opened.on("pageerror", lambda error: events.append(str(error)))
    address = (folder / report.FOLDER / "index.html").as_uri()
    opened.goto(address)
    yield opened
    assert [event for event in events if not event.startswith(("data:", address))] == []
    context.close()


def pixels(image: Locator) -> NDArray[np.int64]:
    """Return what is drawn of an image, at 32 x 32 pixels."""
    with Image.open(io.BytesIO(image.screenshot())) as shot:
        return np.asarray(shot.convert("RGB").resize((32, 32), Image.Resampling.NEAREST), dtype=np.int64)


def nearest(shown: NDArray[np.int64], few: Dataset) -> int:
    """Return the row of the image that is most like what is shown with its rounded corners."""
    return int(np.abs(few.images.astype(np.int64) - shown).mean(axis=(1, 2, 3)).argmin())


def test_every_image_is_the_one_of_its_name(opened: Page, few: Dataset) -> None:
    names = [image_name(index) for index in few.indices.tolist()]
    for card in opened.locator("#mistakes ~ .cards .card").all()[:4]:
        assert names[nearest(pixels(card.locator(".image")), few)] == card.locator("p small").inner_text()
    opened.locator(".matrix button").first.click()
    for card in opened.locator("dialog .card").all()[:4]:
        assert names[nearest(pixels(card.locator(".image")), few)] == card.locator("p small").inner_text()
    opened.keyboard.press("Escape")
    opened.get_by_label("Show all 3").check()
    for row in opened.locator("#side-by-side tbody tr").all():
        name = row.locator("th small").inner_text()
        assert nearest(pixels(row.locator(".image")), few) == NAMES.index(name)


def test_an_overlay_has_the_name_of_its_class(opened: Page, folder: Path) -> None:
    first = pd.read_csv(folder / report.FOLDER / "mistakes.csv").iloc[0]
    card = opened.locator("#mistakes ~ .cards .card").first
    captions = card.locator("figcaption").all_inner_texts()
    assert captions == [f"{first['predicted']}?", f"{first['actual']}?"]
    background = "node => getComputedStyle(node).backgroundImage"
    overlay = card.locator(".overlay").first.evaluate(background)
    assert overlay.startswith('url("data:')
    assert overlay != card.locator(".image").evaluate(background)


@pytest.mark.slow
def test_a_page_with_megabytes_of_images_shows_them(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium silently drops the value of a style's variable beyond two megabytes."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (800, 32, 32, 3), dtype=np.uint8)
    prepare(Dataset(noise, np.arange(800, dtype=np.uint8) % 10, np.arange(800)))
    monkeypatch.setattr(page, "CELL", 800)
    evaluate.main()
    report.main()
    path = report.FOLDER / "index.html"
    assert path.stat().st_size > 3e6
    opened = browser.new_page()
    opened.goto(path.absolute().as_uri())
    background = opened.locator(".card .image").first.evaluate(
        "node => getComputedStyle(node).backgroundImage"
    )
    assert background.startswith('url("data:')
    opened.close()


def test_the_curves_end_in_the_test_accuracy(opened: Page, folder: Path) -> None:
    accuracy = json.loads((folder / results.METRICS).read_text())["accuracy"]
    expect(opened.locator("#curves + .wide")).to_contain_text(f"test, {accuracy:.2%} after the last epoch")


def test_a_cell_shows_its_images_and_escape_closes_it(opened: Page, folder: Path) -> None:
    counts = pd.read_csv(folder / report.FOLDER / "confusion.csv", index_col="actual")
    actual, predicted = next(
        (row, column) for row in CLASSES for column in CLASSES if row != column and counts.loc[row, column]
    )
    count = int(str(counts.loc[actual, predicted]))
    opened.get_by_role("button", name=re.compile(f"^{count} .* of {actual}, predicted {predicted}$")).click()
    dialog = opened.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text(f"of {actual}, predicted {predicted}")
    expect(dialog.locator(".image")).to_have_count(min(count, page.CELL))
    expect(dialog.locator(".likeliest").first.locator("li")).to_have_count(3)
    opened.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_matrix_is_a_single_tab_stop_with_arrow_keys(opened: Page) -> None:
    buttons = opened.locator(".matrix button")
    assert opened.locator(".matrix button[tabindex='0']").count() == 1
    buttons.first.focus()
    opened.keyboard.press("ArrowDown")
    focused = opened.locator(".matrix button:focus")
    expect(focused).to_have_count(1)
    assert focused.get_attribute("data-cell") != buttons.first.get_attribute("data-cell")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("dialog")).to_be_visible()
    opened.keyboard.press("Escape")
    buttons.nth(7).click()
    opened.keyboard.press("Escape")
    assert opened.locator(".matrix button[tabindex='0']").count() == 1


def test_labelled_images_are_listed_where_classes_differ_and_all_on_demand(
    opened: Page, folder: Path
) -> None:
    table = pd.read_csv(folder / report.FOLDER / "labelled.csv")
    rows = opened.locator("#side-by-side tbody tr")
    expect(rows).to_have_count(3)
    assert sum(row.is_visible() for row in rows.all()) == table["differ"].sum()
    opened.get_by_label("Show all 3").check()
    assert all(row.is_visible() for row in rows.all())
    # Markup in names and classes is text.
    expect(opened.locator("#side-by-side tbody")).to_contain_text(f"x{MARKUP}")
    expect(opened.locator("#side-by-side tbody")).to_contain_text(re.compile(f"(?<!x){re.escape(MARKUP)}"))
    assert opened.locator("img").count() == 0


def test_images_have_labels_ids_are_unique_and_headings_in_order(opened: Page) -> None:
    assert opened.locator("[role=img]:not([aria-label])").count() == 0
    ids = opened.locator("[id]").evaluate_all("nodes => nodes.map(node => node.id)")
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag in opened.locator("h1, h2").evaluate_all("all => all.map(e => e.tagName)")]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


@pytest.mark.parametrize("width", [360, 700, 1040])
def test_on_a_narrow_screen_nothing_sticks_out(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    outside = "nodes => nodes.filter(node => node.scrollWidth > node.clientWidth).length"
    assert opened.locator(".images").evaluate_all(outside) == 0


def test_colours_follow_the_colour_scheme(opened: Page, request: pytest.FixtureRequest) -> None:
    ink, paper = opened.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, re.findall(r"\d+", colour))) for colour in (ink, paper)]
    assert (light[0] < light[1]) == (request.node.callspec.params["opened"] == "light")
    assert opened.locator("svg text").first.evaluate("node => getComputedStyle(node).fill") == ink
