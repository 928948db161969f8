from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from annotate.labelling import contact_sheet
from annotate.labelling.consensus import LabelledImage
from tests.annotate.builders import DEFAULT, annotation, choice, image, labelled, rectangle
from tests.tiny import ROOT

pytestmark = pytest.mark.usefixtures("room")

RED, ORANGE, WHITE = (208, 0, 0), (240, 128, 0), (255, 255, 255)
EDGE = (contact_sheet.GAP - 2, 80)  # within the frame of the first tile


def colours(image: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in image.getcolors(1 << 24) or [] if isinstance(colour, tuple)}


def drawn(*labels: str, cifar10: str | None = None) -> Image.Image:
    said = [annotation(choice(label), annotator=f"annotator-{n}") for n, label in enumerate(labels, 1)]
    return contact_sheet.draw([labelled(*said, cifar10=cifar10)[0]], DEFAULT.box_labels)


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


def test_cifar10s_class_stays_hidden_until_there_is_a_label() -> None:
    assert drawn(cifar10="cat").tobytes() == drawn(cifar10="dog").tobytes()


@pytest.mark.parametrize(
    ("labels", "cifar10", "said"),
    [
        ([], "dog", ["test-00042", "not labelled"]),
        (["cat"], "cat", ["test-00042", "cat"]),
        (["cat"], "dog", ["test-00042", "cat", "CIFAR-10: dog"]),
        (["cat", "dog"], "dog", ["test-00042", "1 x cat", "1 x dog"]),
        (["cat", "dog", "dog"], "cat", ["test-00042", "2 x dog", "1 x cat", "CIFAR-10: cat"]),
    ],
)
def test_a_caption_gives_the_labels_and_cifar10s_class(
    labels: list[str], cifar10: str, said: list[str]
) -> None:
    given = [annotation(choice(label), annotator=f"annotator-{n}") for n, label in enumerate(labels, 1)]
    assert [text for text, _ in contact_sheet._caption(labelled(*given, cifar10=cifar10)[0])] == said


def test_boxes_have_the_colour_of_their_class() -> None:
    box = rectangle("dog", 20, 20, 60, 60)
    rotated = rectangle("ship", 20, 20, 30, 30, 20)
    image = contact_sheet.draw([labelled(annotation(choice("dog"), box, rotated))[0]], DEFAULT.box_labels)
    assert {(255, 225, 25), (66, 212, 244)} <= colours(image)  # #ffe119, #42d4f4


def test_a_tag_stands_above_its_box_and_covers_nothing_in_it() -> None:
    whole = contact_sheet.draw(
        [labelled(annotation(choice("cat"), rectangle("cat", 0, 0, 100, 100)))[0]], DEFAULT.box_labels
    )
    corner = contact_sheet.GAP  # of the first image: half a gap around the sheet, half a gap within the tile
    inside = whole.crop(
        (
            corner + 4,
            contact_sheet.GAP // 2 + contact_sheet.HEAD + 4,
            corner + contact_sheet.IMAGE - 4,
            contact_sheet.HEAD + contact_sheet.IMAGE,
        )
    )
    assert colours(inside) == {(0, 0, 128)}  # the navy of the image
    above = whole.crop(
        (corner, contact_sheet.GAP // 2, corner + 20, contact_sheet.GAP // 2 + contact_sheet.HEAD - 3)
    )
    assert (230, 25, 75) in colours(above)  # #e6194b, cat


def test_the_colours_are_those_of_the_label_scheme() -> None:
    text = (ROOT / "annotate/project/label_config.xml").read_text()
    assert tuple(re.findall(r'background="(#\w+)"', text)) == contact_sheet.COLOURS
    assert len(set(contact_sheet.COLOURS)) == len(DEFAULT.box_labels)


def test_a_missing_image_is_a_grey_tile() -> None:
    task = image("a")
    Path(task.image).unlink()
    sheet = contact_sheet.draw([LabelledImage(task, None, None, (), None, False)], DEFAULT.box_labels)
    assert (221, 221, 221) in colours(sheet)


def test_wide_and_tall_images_fit_their_tiles() -> None:
    sizes = {"a": (400, 10), "b": (1, 300)}
    found = [LabelledImage(image(name, size), size, None, (), None, False) for name, size in sizes.items()]
    sheet_of_two = contact_sheet.draw(found, ())
    assert sheet_of_two.size == (
        2 * contact_sheet.TILE[0] + contact_sheet.GAP,
        contact_sheet.TILE[1] + contact_sheet.GAP,
    )


def test_of_too_many_images_those_in_dispute_come_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contact_sheet, "MOST", 1)
    well = labelled(annotation(choice("cat")), cifar10="cat", name="a")[0]
    disputed = labelled(annotation(choice("cat")), cifar10="dog", name="b")[0]
    assert contact_sheet.draw([well, disputed], DEFAULT.box_labels).getpixel(EDGE) == ORANGE
    assert capsys.readouterr().out == "contact_sheet.png shows 1 of 2 images, those in dispute first\n"
