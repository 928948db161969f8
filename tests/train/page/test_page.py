"""The report's page in a real browser, about real images and an untrained network's answers."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from data.common.files import write_json
from data.datasets.dataset import CLASSES, Dataset, image_name
from tests.tiny import ROOT, untrained
from tests.train.page.reported import label, prepare
from train import evaluate
from train.evaluation.predictions import Answers
from train.evaluation.results import About, Answered, Findings
from train.page import page

MARKUP = "<img src=x onerror=alert(1)>"  # in a file's name, and as a class of the user's own
NAMES = ("test-00000", "test-00001", f"x{MARKUP}")  # of the images to label


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, few: Dataset) -> Path:
    """Return the folder of a report about 80 test images and three labelled ones."""
    folder = tmp_path_factory.mktemp("reported")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        prepare(few, names=NAMES)
        label(
            "test-00000,frog,frog,frog,annotator-1,3.0,1\n"
            f"test-00001,{MARKUP},{MARKUP},truck,annotator-1,3.0,1\n"
            f"x{MARKUP},cat,cat,,annotator-1,3.0,1\n"
        )
        evaluate.main()
    return folder / "train/out/report"


def seen(image: Locator) -> NDArray[np.int64]:
    """Return what a reader sees of an image, at 32 x 32 pixels."""
    with Image.open(io.BytesIO(image.screenshot())) as shot:
        return np.asarray(shot.convert("RGB").resize((32, 32), Image.Resampling.NEAREST), dtype=np.int64)


def nearest(shown: NDArray[np.int64], few: Dataset) -> int:
    """Return the row of the image that is most like what is seen; its corners are rounded off."""
    real = few.images.astype(np.int64)
    return int(np.abs(real - shown).mean(axis=(1, 2, 3)).argmin())


def test_every_image_shown_is_the_one_it_is_called(opened: Page, few: Dataset) -> None:
    names = [image_name(index) for index in few.indices.tolist()]
    for card in opened.locator("#mistakes ~ .cards .card").all()[:4]:
        assert names[nearest(seen(card.locator(".image")), few)] == card.locator("p small").inner_text()
    opened.locator(".matrix button").first.click()
    for card in opened.locator("dialog .card").all()[:4]:
        assert names[nearest(seen(card.locator(".image")), few)] == card.locator("p small").inner_text()
    opened.keyboard.press("Escape")
    opened.get_by_label("Show all 3").check()
    for row in opened.locator("#side-by-side tbody tr").all():
        name = row.locator("th small").inner_text()
        assert nearest(seen(row.locator(".image")), few) == NAMES.index(name)


def test_a_map_is_called_what_it_shows(opened: Page, report: Path) -> None:
    first = pd.read_csv(report / "mistakes.csv").iloc[0]
    card = opened.locator("#mistakes ~ .cards .card").first
    assert card.locator("figcaption").all_inner_texts() == [f"{first['class_1']}?", f"{first['actual']}?"]
    address = card.locator(".map").first.evaluate("one => getComputedStyle(one).backgroundImage")
    assert address != card.locator(".image").evaluate("one => getComputedStyle(one).backgroundImage")


def test_a_page_with_megabytes_of_images_shows_them(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chromium drops the value of a style's variable beyond two megabytes, and says nothing."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(1).integers(0, 256, (800, 32, 32, 3), dtype=np.uint8)
    labels, indices = np.arange(800, dtype=np.uint8) % 10, np.arange(800)
    prepare(Dataset(noise, labels, indices))
    monkeypatch.setattr(page, "CELL", 800)
    evaluate.main()
    assert (evaluate.REPORT / "index.html").stat().st_size > 3e6
    opened = browser.new_page()
    opened.goto((evaluate.REPORT / "index.html").absolute().as_uri())
    shown = opened.locator(".card .image").first
    assert shown.evaluate("one => getComputedStyle(one).backgroundImage").startswith('url("data:')
    opened.close()


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


def test_the_curves_end_in_what_the_test_images_said(opened: Page, report: Path) -> None:
    accuracy = json.loads((report.parent / "test.json").read_text())["accuracy"]
    expect(opened.locator("#curves + .wide")).to_contain_text(f"test, {accuracy:.2%} after the last epoch")


def test_a_cell_shows_its_images_and_escape_closes_it(opened: Page, report: Path) -> None:
    counts = pd.read_csv(report / "confusion.csv", index_col="actual")
    actual, predicted = next(
        (row, column) for row in CLASSES for column in CLASSES if row != column and counts.loc[row, column]
    )
    count = int(str(counts.loc[actual, predicted]))
    opened.get_by_role("button", name=re.compile(f"^{count} .* of {actual}, taken for {predicted}$")).click()
    dialog = opened.get_by_role("dialog")
    expect(dialog.get_by_role("heading")).to_contain_text(f"of {actual}, taken for {predicted}")
    expect(dialog.locator(".image")).to_have_count(min(count, page.CELL))
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
    opened.keyboard.press("Escape")
    buttons.nth(7).click()
    opened.keyboard.press("Escape")
    assert opened.locator(".matrix button[tabindex='0']").count() == 1


def test_labelled_images_show_where_somebody_differs_and_all_on_demand(opened: Page, report: Path) -> None:
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


def test_every_image_has_a_name_and_every_id_is_its_own(opened: Page) -> None:
    assert opened.locator("[role=img]:not([aria-label])").count() == 0
    ids = opened.locator("[id]").evaluate_all("found => found.map(one => one.id)")
    assert len(ids) == len(set(ids))
    levels = [int(tag[1]) for tag in opened.locator("h1, h2").evaluate_all("all => all.map(e => e.tagName)")]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


@pytest.mark.parametrize("width", [360, 700, 1040])
def test_on_a_narrow_screen_nothing_sticks_out(opened: Page, width: int) -> None:
    opened.set_viewport_size({"width": width, "height": 800})
    assert opened.evaluate("document.documentElement.scrollWidth") == width
    outside = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    assert opened.locator(".images").evaluate_all(outside) == 0


def test_colours_follow_the_reader(opened: Page, request: pytest.FixtureRequest) -> None:
    ink, paper = opened.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, re.findall(r"\d+", colour))) for colour in (ink, paper)]
    assert (light[0] < light[1]) == (request.node.callspec.params["opened"] == "light")
    text = opened.locator("svg text").first.evaluate("one => getComputedStyle(one).fill")
    assert text == ink


def test_no_labels_yet_is_said_with_the_commands(
    few: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    prepare(few)
    evaluate.main()
    text = (evaluate.REPORT / "index.html").read_text()
    assert "No image is labelled yet." in text
    assert "python -m annotate serve" in text

    write_json(evaluate.LABEL_METRICS, {"images": 3, "labelled": 2})  # with boxes alone
    evaluate.main()
    assert (
        "2 of 3 images are labelled, none of them with a class"
        in (evaluate.REPORT / "index.html").read_text()
    )


@pytest.mark.parametrize(
    ("share", "digits", "said"),
    [(0.5, 1, "50.0 %"), (0.904, 0, "90 %"), (float("nan"), 1, "-"), (1, 2, "100.00 %")],
)
def test_shares_read_as_people_write_them(share: float, digits: int, said: str) -> None:
    assert page.percent(share, digits).replace("\N{NO-BREAK SPACE}", " ") == said


def found(actual: Sequence[str], predicted: Sequence[str], **about: Any) -> Findings:
    """Return findings about black images, each answered with 73 %."""
    logits = torch.zeros(len(actual), len(CLASSES))
    for row, name in enumerate(predicted):
        logits[row, CLASSES.index(name)] = 3.2
    names = tuple(f"test-{row:05}" for row in range(len(actual)))
    answers = Answers(names, logits)
    tested = Answered(np.zeros((len(actual), 32, 32, 3), np.uint8), answers)
    result = answers.beside(dict(zip(names, actual, strict=True)))
    assert result
    curves = pd.DataFrame({"epoch": [1, 2], "lr": 0.1, "momentum": 0.9, "loss": 1.0, "accuracy": 0.5})
    curves["size"] = [16, 32]
    curves[["val_loss", "val_accuracy"]] = [[1.0, 0.75], [1.2, 0.5]]
    said: dict[str, Any] = {
        "recipe": "quick",
        "watch_test": False,
        "smoothing": 0.0,
        "epochs": 2,
        "cut_short": 0,
    }
    said |= {"equivalent_epochs": 1.5, "curves": curves, "images": 0, "labelled": 0} | about
    nobody = pd.DataFrame(columns=["image", "annotators", "agreed", "cifar10", "predicted", "differ"])
    return Findings(About(**said), untrained(), tested, result, tested, nobody, None)


def test_the_headline_says_what_was_measured() -> None:
    published = pd.DataFrame({"val_accuracy": [0.91, 0.9048], "val_loss": [0.3, 0.327]})
    quick = found(["cat"] * 4, ["cat", "cat", "cat", "dog"])
    rows = {name: (ours, theirs) for name, ours, theirs in page.headline(quick, published)}
    space = "\N{NO-BREAK SPACE}"
    assert rows["accuracy after the last epoch"] == (f"75.00{space}% of 4", f"90.48{space}% of 10,000")
    assert rows["95 % confidence interval"][1] == f"89.9{space}% to 91.0{space}%"
    assert rows["best of all epochs on the test images"] == ("not looked for", f"91.00{space}%")
    assert rows["32-px-equivalent epochs"] == ("1.5", "2")
    watching = page.headline(found(["cat"], ["cat"], watch_test=True), published)
    assert watching[2][1] == f"75.00{space}%"


def test_cells_hold_shares_of_their_row_and_the_most_confident_first() -> None:
    some = found(["cat", "cat", "dog", "cat"], ["cat", "dog", "dog", "dog"])
    some.result.table["confidence"] = [0.5, 0.6, 0.7, 0.9]
    gallery = page.Gallery(some.test.images, some.top)
    matrix, cells = page.confusion(some, gallery)
    cat, dog = CLASSES.index("cat"), CLASSES.index("dog")
    assert [round(cell["share"], 2) for cell in matrix[cat] if cell["count"]] == [0.33, 0.67]
    opened = cells[f"{cat}-{dog}"]
    assert opened["title"] == "2 images of cat, taken for dog"
    assert [gallery.records[row]["name"] for row in opened["images"]] == ["test-00003", "test-00001"]
    assert some.wrong == [3, 1]


@pytest.mark.parametrize(
    ("cut_short", "sizes", "said"),
    [
        (0, (32, 32), "2 epochs"),
        (
            0,
            (16, 32),
            "2 epochs on images of 16 x 16 and 32 x 32 pixels; their work is that of 1.25 epochs",
        ),
        (
            0,
            (24, 16),
            "2 epochs on images of 16 x 16 and 24 x 24 pixels; their work is that of 0.81 epochs",
        ),
        (0, (40, 40), "2 epochs on images of 40 x 40 pixels; their work is that of 3.12 epochs"),
        (
            0,
            (8, 16, 40),
            "3 epochs on images of 8 x 8, 16 x 16 and 40 x 40 pixels; their work is that of 1.88 epochs",
        ),
        (1000, (16, 32), "a trial, cut short after 1,000 steps, the work of 1.25 epochs"),
    ],
)
def test_how_long_a_run_was(cut_short: int, sizes: tuple[int, ...], said: str) -> None:
    curves = pd.DataFrame({"epoch": range(1, len(sizes) + 1), "size": sizes})
    worth = round(sum((size / 32) ** 2 for size in sizes), 2)
    about = found(["cat"], ["cat"]).about
    about = replace(about, cut_short=cut_short, epochs=len(sizes), equivalent_epochs=worth, curves=curves)
    assert page.length(about) == said + ("" if sizes == (32, 32) else " at 32 x 32")


def test_without_a_mistake_the_page_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    some = found(["cat", "dog"], ["cat", "dog"])
    text = page.render(some)
    assert "There is none." in text
    assert f"recipe quick: {page.length(some.about)}.</p>" in text
    assert "nan" not in re.sub(r"data:image/webp;base64,[\w+/=]+", "", text)
