"""The label scheme: annotate/project/label_config.xml as typed values.

A scheme may have `Choices` (for the image or, with perRegion, for each box; single or multiple),
`RectangleLabels`, and for each box `TextArea` and `Rating`. Any other control is refused by name, since its
results would be lost silently.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotate.labelling.tasks import SCHEME
from data.common.errors import UserError, nearest
from data.common.files import check_merged, readable

JOINED = "|"  # between several answers in one cell of a table
LAYOUT = {"View", "Style", "Header", "Collapse", "Panel", "Filter", "Image"}  # these give no results
RESULTS = {"Choices", "RectangleLabels", "TextArea", "Rating"}
OPTIONS = {"Choice": "Choices", "Label": "RectangleLabels"}  # an option's tag, and the tag that holds it


@dataclass(frozen=True)
class Choices:
    """A question with fixed options, about the image or about each box."""

    name: str
    options: tuple[str, ...]
    multiple: bool
    per_region: bool


@dataclass(frozen=True)
class Boxes:
    """Rectangles, each with one of the labels."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Note:
    """Free text (`textarea`) or a number of stars (`rating`) for each box."""

    name: str
    kind: str


Control = Choices | Boxes | Note


def stars(text: str) -> str | None:
    """Return a rating as tables have it, `4` for `4.0`; None for anything but a whole number from 0 on."""
    try:
        number = float(text.replace("_", "x"))  # Python alone reads 1_0 as a number
    except ValueError:
        return None
    return str(int(number)) if number >= 0 and number.is_integer() else None


@dataclass(frozen=True)
class Scheme:
    """The controls of a label scheme, in the order of the file."""

    controls: tuple[Control, ...]

    @property
    def image_class(self) -> Choices | None:
        """The first single choice about the whole image: the class that is compared with CIFAR-10's."""
        return next((control for control in self.image_controls if not control.multiple), None)

    @property
    def image_controls(self) -> tuple[Choices, ...]:
        """The questions about the whole image."""
        return tuple(each for each in self.controls if isinstance(each, Choices) and not each.per_region)

    @property
    def box_controls(self) -> tuple[Choices | Note, ...]:
        """The questions about a box, beside its label."""
        questions = (each for each in self.controls if not isinstance(each, Boxes))
        return tuple(each for each in questions if isinstance(each, Note) or each.per_region)

    @property
    def box_labels(self) -> tuple[str, ...]:
        """The labels of boxes, in the order of the file: the categories of every format."""
        boxes = (control for control in self.controls if isinstance(control, Boxes))
        return tuple(dict.fromkeys(option for control in boxes for option in control.options))

    def control(self, name: str) -> Control | None:
        """Return the control of that name."""
        return next((control for control in self.controls if control.name == name), None)


def read_scheme(path: Path = SCHEME, content: bytes | None = None) -> Scheme:
    """Read and check the scheme, or `content` in its place.

    Raises `UserError`, naming the tag, for whatever would be lost.
    """
    hint = f"correct {path}, or restore it from git."
    with readable(path, hint):
        page = path.read_bytes() if content is None else content
    check_merged(path, page.decode(errors="replace"), "keep what is needed of both sides, without the marks.")
    try:
        text = page.decode()  # UTF-8 whatever the first line declares: as such it is sent to the server
        return _scheme(ET.fromstring(text))
    except (ET.ParseError, ValueError) as error:
        raise UserError(f"{path}: not a label scheme ({error})", hint) from None
    except UserError as error:
        raise UserError(f"{path}: {error.what}", error.hint) from None


def _scheme(root: ET.Element) -> Scheme:
    tags = list(_walk(root, ""))
    images = [tag for tag in tags if tag.tag == "Image"]
    if len(images) != 1 or images[0].get("value") != "$image":
        raise UserError('expected a single <Image value="$image">', "a task holds one image, named image.")
    results = [tag for tag in tags if tag.tag in RESULTS]
    if not results:
        raise UserError("nothing can be labelled with it", "add <Choices> or <RectangleLabels>.")
    names = [tag.get("name") for tag in results]
    if len(set(names)) < len(names):
        raise UserError(f"controls are named {', '.join(map(str, names))}", "give each its own name.")
    return Scheme(tuple(_control(tag) for tag in results))


def _walk(tag: ET.Element, parent: str) -> Iterator[ET.Element]:
    """Yield a tag and all below it. Raises `UserError` for an unknown or misplaced tag."""
    if OPTIONS.get(tag.tag, parent) != parent:
        raise UserError(f"{_show(tag)} is not directly in <{OPTIONS[tag.tag]}>", "options cannot be nested.")
    if tag.tag not in LAYOUT | RESULTS | OPTIONS.keys():
        hint = nearest(tag.tag, LAYOUT | RESULTS)
        raise UserError(f"{_show(tag)} is not supported: its results would be lost", hint)
    yield tag
    for child in tag:
        yield from _walk(child, tag.tag)


def _control(tag: ET.Element) -> Control:
    name = tag.get("name", "")
    per_region = tag.get("perRegion", "false").lower() == "true"
    multiple = tag.get("choice", "single") == "multiple"
    if tag.tag == "Choices":
        return Choices(name, _options(tag), multiple, per_region)
    if tag.tag == "RectangleLabels":
        if multiple:
            raise UserError(f"{_show(tag)} allows several labels a box", "use <Choices perRegion> for more.")
        return Boxes(name, _options(tag))
    if not per_region:
        raise UserError(f"{_show(tag)} is for the whole image", 'give it perRegion="true".')
    return Note(name, tag.tag.lower())


def _options(tag: ET.Element) -> tuple[str, ...]:
    """Return the options as results hold them: an option's alias where it has one."""
    options = tuple(child.get("alias") or child.get("value") or "" for child in tag)
    # $ stands for a value of the task; JOINED separates several answers in a table's cell.
    forbidden = "$" + (JOINED if tag.tag == "Choices" else "")
    valid = options and all(option and not set(option) & set(forbidden) for option in options)
    if not valid or len(set(options)) < len(options):
        hint = f"expected different words, written out, without {' and '.join(forbidden)}."
        raise UserError(f"{_show(tag)} has options {options}", hint)
    return options


def _show(tag: ET.Element) -> str:
    name = tag.get("name") or tag.get("value")
    return f'<{tag.tag} name="{name}">' if name else f"<{tag.tag}>"
