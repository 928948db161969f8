"""The report's page in a real browser, about real pictures and an untrained network's answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, expect

from data.pictures import CLASSES, Pictures
from tests.train.reported import label, prepare
from train import evaluate, page

MARKUP = "<img src=x onerror=alert(1)>"  # in a file's name, and as a class of the user's own


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, few: Pictures) -> Path:
    """Return the folder of a report about 80 test pictures and three labelled ones."""
    folder = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(few, names=("test-00000", "test-00001", f"x{MARKUP}"))
        label(
            "test-00000,frog,frog,frog,annotator-1,3.0,1\n"
            f"test-00001,{MARKUP},{MARKUP},truck,annotator-1,3.0,1\n"
            f"x{MARKUP},cat,cat,,annotator-1,3.0,1\n"
        )
        evaluate.main()
    return folder / "train/report"


@pytest.fixture(params=["light", "dark"])
def opened(browser: Browser, report: Path, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Open the page from disk and see to it that it asks for nothing and complains of nothing."""
    context = browser.new_context(color_scheme=request.param, viewport={"width": 1280, "height": 900})
    opened, said = context.new_page(), []
    opened.on("request", lambda asked: said.append(asked.url))
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.goto((report / "index.html").as_uri())
    yield opened
    address = (report / "index.html").as_uri()
    assert [one for one in said if not one.startswith(("data:", address))] == []
    context.close()


def test_a_cell_shows_its_pictures_and_escape_closes_it(opened: Page, report: Path) -> None:
    counts = pd.read_csv(report / "confusion.csv", index_col="actual")
    actual, predicted = next(
        (row, column) for row in CLASSES for column in CLASSES if row != column and counts.loc[row, column]
    )
    count = int(str(counts.loc[actual, predicted]))
    opened.get_by_role("button", name=re.compile(f"^{count} .* of {actual}, taken for {predicted}$")).click()
    dialog = opened.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text(f"of {actual}, taken for {predicted}")
    expect(dialog.locator(".picture")).to_have_count(min(count, page.CELL))
    expect(dialog.locator(".answers").first.locator("li")).to_have_count(3)
    opened.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_the_matrix_is_one_stop_of_the_tab_key_and_arrows_go_through_it(opened: Page) -> None:
    buttons = opened.locator(".matrix button")
    assert opened.locator(".matrix button[tabindex='0']").count() == 1
    buttons.first.focus()
    opened.keyboard.press("ArrowDown")
    focused = opened.locator(".matrix button:focus")
    expect(focused).to_have_count(1)
    assert focused.get_attribute("data-cell") != buttons.first.get_attribute("data-cell")
    opened.keyboard.press("Enter")
    expect(opened.get_by_role("dialog")).to_be_visible()


def test_labelled_pictures_show_where_somebody_differs_and_all_on_demand(opened: Page, report: Path) -> None:
    table = pd.read_csv(report / "labelled.csv")
    rows = opened.locator("#side-by-side tbody tr")
    expect(rows).to_have_count(3)
    assert sum(row.is_visible() for row in rows.all()) == table["differ"].sum()
    opened.get_by_label("Show all 3").check()
    assert all(row.is_visible() for row in rows.all())


def test_markup_in_names_and_classes_is_shown_and_does_nothing(opened: Page) -> None:
    opened.get_by_label("Show all 3").check()
    expect(opened.locator("#side-by-side tbody")).to_contain_text(f"x{MARKUP}")
    expect(opened.locator("#side-by-side tbody")).to_contain_text(MARKUP)
    assert opened.locator("img").count() == 0


def test_every_picture_has_a_name_and_every_id_is_its_own(opened: Page) -> None:
    assert opened.locator("[role=img]:not([aria-label])").count() == 0
    ids = opened.locator("[id]").evaluate_all("found => found.map(one => one.id)")
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag in opened.locator("h1, h2").evaluate_all("all => all.map(e => e.tagName)")]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def test_on_a_narrow_screen_nothing_sticks_out(opened: Page) -> None:
    opened.set_viewport_size({"width": 360, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") == 360


def test_colours_follow_the_reader(opened: Page, request: pytest.FixtureRequest) -> None:
    ink, paper = opened.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, re.findall(r"\d+", colour))) for colour in (ink, paper)]
    assert (light[0] < light[1]) == (request.node.callspec.params["opened"] == "light")
    text = opened.locator("svg text").first.evaluate("one => getComputedStyle(one).fill")
    assert text == ink


def test_no_labels_yet_is_said_with_the_commands(
    few: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(few)
    evaluate.main()
    text = (evaluate.REPORT / "index.html").read_text()
    assert "No picture is labelled yet." in text
    assert "python -m annotate serve" in text


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [(0.5, 1, "50.0 %"), (0.904, 0, "90 %"), (float("nan"), 1, "-"), (1, 2, "100.00 %")],
)
def test_shares_read_as_people_write_them(share: float, digits: int, said: str) -> None:
    assert page.percent(share, digits).replace("\N{NO-BREAK SPACE}", " ") == said
