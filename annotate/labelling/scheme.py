"""The label scheme: annotate/project/label_config.xml as typed values, and nothing in it that goes unread.

A scheme may have `Choices` (for the image or, with perRegion, for each box; single or multiple),
`RectangleLabels`, and for each box `TextArea` and `Rating`. Anything else is refused by name: its results
would be lost without a word.
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
OPTIONS = {"Choice": "Choices", "Label": "RectangleLabels"}  # an option, and the only place it may stand in


@dataclass(frozen=True)
class Choices:
    """A question with given answers, about the image or about each box."""

    name: str
    options: tuple[str, ...]
    multiple: bool
    per_region: bool


@dataclass(frozen=True)
class Boxes:
    """Rectangles, each with one of the given labels."""

    name: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Note:
    """Free text (`textarea`) or a number of stars (`rating`) about each box."""

    name: str
    kind: str


Control = Choices | Boxes | Note


def stars(said: str) -> str | None:
    """Return a rating as tables have it, `4` of `4.0`; None for what is no whole number from 0 on."""
    try:
        number = float(said.replace("_", "x"))  # 1_0 is a number to Python alone
    except ValueError:
        return None
    return str(int(number)) if number >= 0 and number.is_integer() else None


@dataclass(frozen=True)
class Scheme:
    """What can be said about an image; controls in the order of the file."""

    controls: tuple[Control, ...]

    @property
    def image_class(self) -> Choices | None:
        """The first single choice about the whole image: the one that is compared with CIFAR-10."""
        return next((one for one in self.image_controls if not one.multiple), None)

    @property
    def image_controls(self) -> tuple[Choices, ...]:
        """The questions about the whole image."""
        return tuple(one for one in self.controls if isinstance(one, Choices) and not one.per_region)

    @property
    def box_controls(self) -> tuple[Choices | Note, ...]:
        """What can be said about a box beside its label."""
        return tuple(
            one
            for one in self.controls
            if isinstance(one, Note) or (isinstance(one, Choices) and one.per_region)
        )

    @property
    def box_labels(self) -> tuple[str, ...]:
        """The labels that a box can have, in the order of the file: the categories of every format."""
        options = [option for one in self.controls if isinstance(one, Boxes) for option in one.options]
        return tuple(dict.fromkeys(options))

    def control(self, name: str) -> Control | None:
        """Return the control of that name."""
        return next((one for one in self.controls if one.name == name), None)


class _NoDoctype(ET.TreeBuilder):
    """Builds the tree, and refuses the one part of XML that can read files or grow without end."""

    def doctype(self, name: str, pubid: str, system: str) -> None:
        raise ValueError("a DOCTYPE is not allowed here")


def read_scheme(path: Path = SCHEME, content: bytes | None = None) -> Scheme:
    """Read and check the scheme, or `content` in its place.

    Raises `UserError`, naming the tag, for whatever would go unread.
    """
    hint = f"mend {path}, or take it back from git."
    with readable(path, hint):
        page = path.read_bytes() if content is None else content
    check_merged(path, page.decode(errors="replace"), "keep what is meant of both sides, without the marks.")
    try:
        page.decode()  # a server is given it as text in UTF-8, whatever its first line says
        root = ET.fromstring(page, parser=ET.XMLParser(target=_NoDoctype()))
        return _scheme(root)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise UserError(f"{path}: not a label scheme ({error})", hint) from None
    except UserError as error:
        raise UserError(f"{path}: {error.what}", error.hint) from None


def _scheme(root: ET.Element) -> Scheme:
    tags = list(_walk(root, None))
    controls = tuple(_control(tag) for tag, _ in tags if tag.tag in RESULTS)
    names = [control.name for control in controls]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"two controls are called {name!r}", "give each its own name.")
    images = [tag for tag, _ in tags if tag.tag == "Image"]
    if len(images) != 1 or images[0].get("value") != "$image":
        raise UserError('expected one <Image value="$image">', "tasks hold one image each, as image.")
    if not controls:
        raise UserError("nothing can be labelled with it", "add <Choices> or <RectangleLabels>.")
    target = images[0].get("name")
    for tag, _ in tags:
        if tag.tag in RESULTS and tag.get("toName") != target:
            raise UserError(f"{_show(tag)} does not belong to the image", f'give it toName="{target}".')
    return Scheme(controls)


def _walk(tag: ET.Element, parent: ET.Element | None) -> Iterator[tuple[ET.Element, ET.Element | None]]:
    """Yield every tag with its parent, and refuse the unknown."""
    home = OPTIONS.get(tag.tag)
    if home and (parent is None or parent.tag != home):
        raise UserError(f"{_show(tag)} stands outside of <{home}>", "options are not nested.")
    if not home and tag.tag not in LAYOUT | RESULTS:
        raise UserError(
            f"{_show(tag)} gives results that are not read here", nearest(tag.tag, LAYOUT | RESULTS)
        )
    yield tag, parent
    for child in tag:
        yield from _walk(child, tag)


def _control(tag: ET.Element) -> Control:
    name = tag.get("name", "")
    per_region = tag.get("perRegion", "false").lower() == "true"
    many = tag.get("choice", "single") == "multiple"
    if not name:
        raise UserError(f"{_show(tag)} has no name", "give it one.")
    if tag.tag == "Choices":
        return Choices(name, _options(tag), many, per_region)
    if tag.tag == "RectangleLabels":
        if many:
            raise UserError(f"{_show(tag)} allows several labels a box", "use <Choices perRegion> for more.")
        return Boxes(name, _options(tag))
    if not per_region:
        raise UserError(f"{_show(tag)} is about the whole image", 'give it perRegion="true".')
    return Note(name, tag.tag.lower())


def _options(tag: ET.Element) -> tuple[str, ...]:
    """Return the words that the results hold: an option's alias where it has one."""
    options = tuple(child.get("alias") or child.get("value") or "" for child in tag)
    # A $ stands for what a task would fill in; of several answers in one cell the parts must be known again.
    forbidden = "$" + (JOINED if tag.tag == "Choices" else "")
    known = all(options) and not any(letter in option for option in options for letter in forbidden)
    if not known or len(set(options)) < max(len(options), 1):
        hint = f"expected different words, written out, without {' and '.join(forbidden)}."
        raise UserError(f"{_show(tag)} has options {options}", hint)
    return options


def _show(tag: ET.Element) -> str:
    name = tag.get("name") or tag.get("value")
    return f'<{tag.tag} name="{name}">' if name else f"<{tag.tag}>"
