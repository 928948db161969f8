from __future__ import annotations

from pathlib import Path

import pytest

from annotate.labelling.scheme import Boxes, Choices, Note, read_scheme, stars
from data.common.errors import UserError
from data.datasets.dataset import CLASSES
from tests.annotate.builders import DEFAULT, PEOPLE
from tests.tiny import ROOT

IMAGE = '<Image name="image" value="$image"/>'
CHOICES = '<Choices name="c" toName="image"><Choice value="a"/></Choices>'


def test_the_default_has_the_ten_classes_and_boxes_with_them() -> None:
    assert DEFAULT.controls == (
        Choices("class", CLASSES, multiple=False, per_region=False),
        Boxes("box", CLASSES),
    )
    assert DEFAULT.image_class == DEFAULT.controls[0]


def test_every_hotkey_of_the_default_is_unique() -> None:
    text = (ROOT / "annotate/project/label_config.xml").read_text()
    keys = [part[0] for part in text.split('hotkey="')[1:]]
    assert len(keys) == len(set(keys)) == 20


def test_a_scheme_with_attributes_of_boxes() -> None:
    assert PEOPLE.image_class is None
    assert PEOPLE.box_labels == ("person", "kid")
    assert PEOPLE.image_controls == (Choices("weather", ("sun", "rain"), multiple=True, per_region=False),)
    assert PEOPLE.box_controls == (
        Choices("pose", ("sitting", "standing"), multiple=False, per_region=True),
        Choices("accessories", ("bag", "hat", "umbrella"), multiple=True, per_region=True),
        Note("label", "rating"),
        Note("remark", "textarea"),
    )


def test_another_encoding_is_refused_whatever_the_first_line_declares(tmp_path: Path) -> None:
    path = tmp_path / "label_config.xml"
    first = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    page = f"{first}<View>{IMAGE}{CHOICES}</View>".replace('"a"', '"ä"')
    path.write_bytes(page.encode("latin-1"))
    with pytest.raises(UserError, match="not a label scheme"):
        read_scheme(path)
    path.write_text(page, encoding="utf-8")
    assert read_scheme(path).image_class == Choices("c", ("ä",), multiple=False, per_region=False)


@pytest.mark.parametrize(
    ("inside", "message", "hint"),
    [
        (IMAGE + '<PolygonLabels name="p"/>', '<PolygonLabels name="p"> is not supported', "Rectangle"),
        (f"{IMAGE}\n<<<<<<< HEAD\n{CHOICES}", "xml: git could not merge two branches", "both sides"),
        (IMAGE + CHOICES + '<TextArea name="t"/>', "is for the whole image", "perRegion"),
        (IMAGE + CHOICES + CHOICES, "controls are named c, c", "own name"),
        (IMAGE + '<Choices name="c" toName="image"/>', "has options ()", "written out"),
        (IMAGE + CHOICES.replace('"a"', '"a|b"'), "has options", "without $ and |"),
        (IMAGE + '<Choice value="a"/>', "is not directly in <Choices>", "nested"),
        (
            IMAGE + CHOICES.replace("/></Choices>", '><Choice value="b"/></Choice></Choices>'),
            "is not directly in",
            "nested",
        ),
        (
            IMAGE + '<RectangleLabels name="b" choice="multiple"><Label value="a"/></RectangleLabels>',
            "several labels a box",
            "perRegion",
        ),
        (IMAGE, "nothing can be labelled", "Choices"),
        (CHOICES, "expected a single <Image", "image"),
        (IMAGE + "<Choices", "not a label scheme", "git"),
    ],
)
def test_what_would_be_lost_is_refused_by_name(tmp_path: Path, inside: str, message: str, hint: str) -> None:
    path = tmp_path / "label_config.xml"
    path.write_text(f"<View>{inside}</View>")
    with pytest.raises(UserError) as error:
        read_scheme(path)
    assert str(path) in error.value.what
    assert message in error.value.what
    assert hint in error.value.hint


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("4", "4"), ("4.0", "4"), (" 5 ", "5"), ("0", "0"), ("-0.0", "0"), ("1_0", None), ("-1", None)),
        *(("2.5", None), ("many", None), ("nan", None), ("1e400", None), ("True", None)),
    ],
)
def test_a_rating_is_a_whole_number(text: str, number: str | None) -> None:
    assert stars(text) == number
