from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from annotate import sheet
from annotate.judge import Judged
from tests.annotate.builders import DEFAULT, annotation, choice, judged, picture, rectangle

pytestmark = pytest.mark.usefixtures("room")

RED, ORANGE, WHITE = (208, 0, 0), (240, 128, 0), (255, 255, 255)
EDGE = (sheet.GAP - 2, 80)  # within the frame of the first tile


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in image.getcolors(1 << 24) or [] if isinstance(colour, tuple)}


def drawn(*labels: str, cifar10: str | None = None) -> Image.Image:
    said = [annotation(choice(label), annotator=f"annotator-{n}") for n, label in enumerate(labels, 1)]
    return sheet.draw([judged(*said, cifar10=cifar10)[0]], DEFAULT.box_labels)


@pytest.mark.parametrize(
    ("labels", "cifar10", "frame"),
    [
        ([], "cat", WHITE),
        (["cat"], "cat", WHITE),
        (["cat"], None, WHITE),
        (["cat"], "dog", ORANGE),
        (["cat", "dog"], "dog", RED),
        (["cat", "dog", "dog"], "dog", RED),
    ],
)
def test_disagreements_are_framed(labels: list[str], cifar10: str | None, frame: tuple[int, ...]) -> None:
    assert drawn(*labels, cifar10=cifar10).getpixel(EDGE) == frame


def test_what_cifar10_says_stays_hidden_until_there_is_a_label() -> None:
    assert drawn(cifar10="cat").tobytes() == drawn(cifar10="dog").tobytes()


def test_boxes_have_the_colour_of_their_class() -> None:
    box = rectangle("dog", 20, 20, 60, 60)
    turned = rectangle("ship", 20, 20, 30, 30, 20)
    image = sheet.draw([judged(annotation(choice("dog"), box, turned))[0]], DEFAULT.box_labels)
    assert {(140, 86, 75), (188, 189, 34)} <= colours(image)  # #8c564b, #bcbd22


def test_a_missing_picture_is_a_grey_tile() -> None:
    task = picture("a")
    Path(task.image).unlink()
    image = sheet.draw([Judged(task, None, None, (), None, False)], DEFAULT.box_labels)
    assert (221, 221, 221) in colours(image)


def test_wide_and_tall_pictures_fit_their_tiles() -> None:
    sizes = {"a": (400, 10), "b": (1, 300)}
    found = [Judged(picture(name, size), size, None, (), None, False) for name, size in sizes.items()]
    sheet_of_two = sheet.draw(found, ())
    tile = (sheet.PICTURE + sheet.GAP, sheet.PICTURE + sheet.LINES * sheet.TEXT + sheet.GAP)
    assert sheet_of_two.size == (2 * tile[0] + sheet.GAP, tile[1] + sheet.GAP)


def test_of_too_many_pictures_those_in_dispute_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sheet, "MOST", 1)
    well = judged(annotation(choice("cat")), cifar10="cat", name="a")[0]
    doubted = judged(annotation(choice("cat")), cifar10="dog", name="b")[0]
    assert sheet.draw([well, doubted], DEFAULT.box_labels).getpixel(EDGE) == ORANGE
    assert capsys.readouterr().out == "sheet.png shows 1 of 2 pictures, those in dispute first\n"
