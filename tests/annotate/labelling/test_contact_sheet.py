from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from annotate.labelling import contact_sheet
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.contact_sheet import GAP, HEAD, IMAGE, TILE
from tests.annotate.builders import DEFAULT, annotation, choice, image, labelled, rectangle
from tests.tiny import ROOT

pytestmark = pytest.mark.usefixtures("room")

RED, ORANGE, WHITE = (208, 0, 0), (240, 128, 0), (255, 255, 255)
EDGE = (GAP - 2, 80)  # within the frame of the first tile


def colours(sheet: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in sheet.getcolors(1 << 24) or [] if isinstance(colour, tuple)}


def draw(*images: LabelledImage) -> Image.Image:
    return contact_sheet.draw(images, DEFAULT.box_labels)


def with_classes(*labels: str, cifar10: str | None) -> LabelledImage:
    given = [annotation(choice(label), annotator=f"annotator-{n}") for n, label in enumerate(labels, 1)]
    return labelled(*given, cifar10=cifar10)[0]


@pytest.mark.parametrize(
    ("labels", "cifar10", "frame", "caption"),
    [
        ([], "dog", WHITE, ["not labelled"]),
        (["cat"], "cat", WHITE, ["cat"]),
        (["cat"], None, WHITE, ["cat"]),
        (["cat"], "dog", ORANGE, ["cat", "CIFAR-10: dog"]),
        (["cat", "dog"], "dog", RED, ["1 x cat", "1 x dog"]),
        (["cat", "dog", "dog"], "cat", RED, ["2 x dog", "1 x cat", "CIFAR-10: cat"]),
    ],
)
def test_a_tile_shows_labels_and_disagreement(
    labels: list[str], cifar10: str | None, frame: tuple[int, ...], caption: list[str]
) -> None:
    tile = with_classes(*labels, cifar10=cifar10)
    assert draw(tile).getpixel(EDGE) == frame
    assert [text for text, _ in contact_sheet._caption(tile)] == ["test-00042", *caption]


def test_boxes_have_the_colour_of_their_class() -> None:
    boxes = rectangle("dog", 20, 20, 60, 60), rectangle("ship", 20, 20, 30, 30, 20)
    sheet = draw(labelled(annotation(choice("dog"), *boxes))[0])
    assert {(255, 225, 25), (66, 212, 244)} <= colours(sheet)  # #ffe119, #42d4f4


def test_a_tag_stands_above_its_box_and_covers_nothing_in_it() -> None:
    sheet = draw(labelled(annotation(choice("cat"), rectangle("cat", 0, 0, 100, 100)))[0])
    # The first image begins at GAP, GAP // 2 + HEAD; its box's line is at most 4 pixels wide.
    inside = sheet.crop((GAP + 4, GAP // 2 + HEAD + 4, GAP + IMAGE - 4, HEAD + IMAGE))
    assert colours(inside) == {(0, 0, 128)}  # the navy of the image
    above = sheet.crop((GAP, GAP // 2, GAP + 20, GAP // 2 + HEAD - 3))
    assert (230, 25, 75) in colours(above)  # #e6194b, cat


def test_the_colours_are_those_of_the_label_scheme() -> None:
    text = (ROOT / "annotate/project/label_config.xml").read_text()
    assert tuple(re.findall(r'background="(#\w+)"', text)) == contact_sheet.COLOURS
    assert len(set(contact_sheet.COLOURS)) == len(DEFAULT.box_labels)


def test_wide_and_tall_images_fit_their_tiles() -> None:
    sizes = {"a": (400, 10), "b": (1, 300)}
    images = [LabelledImage(image(name, size), size, None, (), None, False) for name, size in sizes.items()]
    assert draw(*images).size == (2 * TILE[0] + GAP, TILE[1] + GAP)
    Path(images[0].task.image).unlink()
    assert (221, 221, 221) in colours(draw(replace(images[0], size=None)))  # a missing image is grey


def test_of_too_many_images_those_in_dispute_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contact_sheet, "MOST", 1)
    agreed = labelled(annotation(choice("cat")), cifar10="cat", name="a")[0]
    disputed = labelled(annotation(choice("cat")), cifar10="dog", name="b")[0]
    assert draw(agreed, disputed).getpixel(EDGE) == ORANGE
    assert "shows 1 of 2 images" in capsys.readouterr().out
