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


def test_the_default_asks_for_one_of_the_ten_classes_and_boxes_with_them() -> None:
    assert DEFAULT.controls == (
        Choices("class", CLASSES, multiple=False, per_region=False),
        Boxes("box", CLASSES),
    )
    assert DEFAULT.image_class == DEFAULT.controls[0]


def test_no_key_of_the_default_stands_for_two_things() -> None:
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


def test_another_encoding_is_refused_whatever_the_first_line_says(tmp_path: Path) -> None:
    path = tmp_path / "label_config.xml"
    first = '<?xml version="1.0" encoding="ISO-8859-1"?>'
    path.write_bytes(f"{first}<View>{IMAGE}{CHOICES}</View>".replace('"a"', '"ä"').encode("latin-1"))
    with pytest.raises(UserError, match="not a label scheme"):
        read_scheme(path)


@pytest.mark.parametrize(
    ("inside", "says", "hint"),
    [
        (
            IMAGE + '<PolygonLabels name="p" toName="image"/>',
            '<PolygonLabels name="p"> gives results',
            "Rect",
        ),
        (IMAGE + '<Ranker name="r"/>', "<Ranker", "known are"),
        (f"{IMAGE}\n<<<<<<< HEAD\n{CHOICES}", "xml: git could not merge two branches", "both sides"),
        (IMAGE + CHOICES + '<TextArea name="t" toName="image"/>', "about the whole image", "perRegion"),
        (IMAGE + CHOICES + CHOICES, "two controls are called 'c'", "own name"),
        (IMAGE + CHOICES.replace(' name="c"', ""), "<Choices> has no name", "give it one"),
        (IMAGE + CHOICES.replace("image", "text"), "does not belong to the image", 'toName="image"'),
        (IMAGE + '<Choices name="c" toName="image"/>', "has options ()", "written out"),
        (IMAGE + CHOICES.replace('"a"', '"$options"'), "has options", "written out"),
        (IMAGE + '<Choice value="a"/>', "stands outside of <Choices>", "nested"),
        (
            IMAGE + CHOICES.replace("/></Choices>", '><Choice value="b"/></Choice></Choices>'),
            "outside",
            "nested",
        ),
        (
            IMAGE + '<RectangleLabels name="b" choice="multiple"><Label value="a"/></RectangleLabels>',
            "several labels a box",
            "perRegion",
        ),
        (IMAGE + CHOICES.replace('value="a"', 'value="a|b"'), "has options", "without $ and |"),
        (IMAGE, "nothing can be labelled", "Choices"),
        (CHOICES, "expected one <Image", "one image"),
        (IMAGE.replace("$image", "$photo") + CHOICES, "expected one <Image", "one image"),
        (IMAGE + "<Choices", "not a label scheme", "git"),
    ],
)
def test_what_would_go_unread_is_refused_by_name(tmp_path: Path, inside: str, says: str, hint: str) -> None:
    path = tmp_path / "label_config.xml"
    path.write_text(f"<View>{inside}</View>")
    with pytest.raises(UserError) as error:
        read_scheme(path)
    assert str(path) in error.value.what
    assert says in error.value.what
    assert hint in error.value.hint


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE v [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;">]><View>&b;</View>',
        '<!DOCTYPE v SYSTEM "file:///etc/hostname"><View/>',
        '<!DOCTYPE v [<!ENTITY x SYSTEM "file:///etc/hostname">]><View>&x;</View>',
        "<View>&x;</View>",
    ],
)
def test_xml_that_could_read_files_or_grow_without_end_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "label_config.xml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"DOCTYPE is not allowed|undefined entity"):
        read_scheme(path)


def test_a_missing_scheme(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_scheme(tmp_path / "label_config.xml")


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("4", "4"),
        ("4.0", "4"),
        (" 5 ", "5"),
        ("0", "0"),
        ("-0.0", "0"),
        ("1_0", None),
        ("-1", None),
        ("2.5", None),
        ("many", None),
        ("nan", None),
        ("1e400", None),
        ("True", None),
    ],
)
def test_a_rating_is_a_whole_number(said: str, number: str | None) -> None:
    assert stars(said) == number
