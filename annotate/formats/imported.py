"""What a file says about images, before anything of it is checked: the same for every format."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from annotate.labelling.boxes import Size
from annotate.labelling.records import Problem

CLASS = "class"  # of the whole image, whatever the scheme calls that question; in COCO an addition of ours

Words = Mapping[str, tuple[str, ...]]  # answers by question, by the file's names for both


@dataclass(frozen=True)
class ImportedBox:
    """A rectangle as a file gives it, upright; pixels, or with `shares` parts of the image's sides.

    `label` is None where the format has none: then an attribute may tell it.
    """

    label: str | None
    x: Any
    y: Any
    width: Any
    height: Any
    attributes: Words = field(default_factory=dict)
    shares: bool = False


@dataclass(frozen=True)
class ImportedImage:
    """What a file says about one image, known by the file's name for it.

    `size` is the image's in pixels, where the file tells it.
    """

    image: str
    regions: tuple[ImportedBox, ...]
    answers: Words = field(default_factory=dict)
    size: Size | None = None


@dataclass(frozen=True)
class ImportedFile:
    """A whole file: what it says, and what in it could not be read."""

    kind: str
    images: tuple[ImportedImage, ...]
    problems: tuple[Problem, ...] = ()


class FormatError(Exception):
    """A file, or a part of it, is not built as its format says; `hint` tells what to do if it is known."""

    def __init__(self, what: str, hint: str = "") -> None:
        """Take what is wrong."""
        super().__init__(what)
        self.hint = hint


def words(value: Any) -> tuple[str, ...]:
    """Return the words of an answer: a text, a number, a list, or options with true and false."""
    if isinstance(value, Mapping):
        return tuple(str(option) for option, chosen in value.items() if chosen is True or chosen == "true")
    if isinstance(value, list | tuple):
        return tuple(word for part in value for word in words(part))
    if value is None or value is False:
        return ()
    text = "yes" if value is True else str(value).strip()
    return (text,) if text else ()


def attributes(said: Any) -> dict[str, tuple[str, ...]]:
    """Return the attributes with something in them; a set of options may all be false."""
    if not isinstance(said, dict):
        return {}
    found = {str(name): words(value) for name, value in said.items()}
    return {name: answer for name, answer in found.items() if answer}


def of_one_name(images: list[ImportedImage], problems: list[Problem]) -> tuple[ImportedImage, ...]:
    """Leave out images of one name, unless their size is the same: which of them is ours cannot be told.

    Label Studio's COCO has an image for each annotator. Of images of which nothing is said one is enough.
    """
    kept: dict[str, list[ImportedImage]] = defaultdict(list)
    for one in sorted(images, key=lambda one: not (one.regions or one.answers)):
        if one.regions or one.answers or not kept[one.image]:
            kept[one.image].append(one)
    clear = {
        name
        for name, alike in kept.items()
        if len(alike) == 1 or (alike[0].size and len({one.size for one in alike}) == 1)
    }
    for name in clear:
        if len(kept[name]) > 1:
            what = f"{len(kept[name])} images of that name and size; taken for as many annotators"
            problems.append(Problem(name, "task twice", what))
    for name in kept.keys() - clear:
        for one in kept[name]:
            more = ", with what is said of the whole image" if one.answers else ""
            what = f"{len(kept[name])} images of that name; {len(one.regions)} boxes left out{more}"
            problems.append(Problem(name, "not ours", what))
    # In the file's order; by identity, since two may say the same.
    wanted = {id(one) for name in clear for one in kept[name]}
    return tuple(one for one in images if id(one) in wanted)
