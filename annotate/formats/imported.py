"""Labels as a file gives them, before they are checked against our images and scheme: neutral values."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from annotate.labelling.geometry import Size
from annotate.labelling.records import Problem

CLASS = "class"  # of the whole image, whatever the scheme calls that question; in COCO an addition of ours

Answers = Mapping[str, tuple[str, ...]]  # by question, both as the file spells them


@dataclass(frozen=True)
class ImportedBox:
    """An upright box: x, y, width and height in pixels, or with `relative` in shares of the image's sides.

    The numbers may be none yet. `label` is None where the format has none: then an attribute may give it.
    """

    label: str | None
    rectangle: tuple[Any, Any, Any, Any]
    attributes: Answers = field(default_factory=dict)
    relative: bool = False


@dataclass(frozen=True)
class ImportedImage:
    """The labels of an image, by the file's name for it; `size` in pixels if the file gives it."""

    name: str
    boxes: tuple[ImportedBox, ...] = ()
    answers: Answers = field(default_factory=dict)
    size: Size | None = None

    @property
    def contents(self) -> str:
        """What is lost with the image."""
        return f"{len(self.boxes)} boxes" + (f" and {len(self.answers)} answers" if self.answers else "")


@dataclass(frozen=True)
class ImportedEntry:
    """The annotations of an image as an export of ours has them, by the file's name for it."""

    name: str
    entry: dict[str, Any]

    @property
    def contents(self) -> str:
        """What is lost with the image."""
        return f"{len(self.entry['annotations'])} annotations"


@dataclass(frozen=True)
class ImportedFile:
    """A whole file: its format, images and problems, and how many predictions in it are not used."""

    format: str
    images: tuple[ImportedImage | ImportedEntry, ...]
    problems: tuple[Problem, ...] = ()
    unused_predictions: int = 0


class FormatError(Exception):
    """A file, or a part of it, is not built as its format says."""


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


def attributes(values: Any) -> dict[str, tuple[str, ...]]:
    """Return the attributes that are not empty; a set of options may all be false."""
    if not isinstance(values, dict):
        return {}
    answers = {str(name): words(value) for name, value in values.items()}
    return {name: answer for name, answer in answers.items() if answer}


def imported_file(kind: str, images: Iterable[ImportedImage], problems: Iterable[Problem]) -> ImportedFile:
    """Return a file without images that share a name, unless their size is the same, too.

    It is not clear which of them is ours. Label Studio's COCO has an image for each annotator, of the same
    size. Images without labels do not count.
    """
    problems = list(problems)
    by_name: dict[str, list[ImportedImage]] = defaultdict(list)
    for image in images:
        by_name[image.name].append(image)
    kept: list[ImportedImage] = []
    for name, group in by_name.items():
        labelled = [image for image in group if image.boxes or image.answers] or group[:1]
        count = f"{len(labelled)} images of that name"
        ambiguous = not labelled[0].size or len({image.size for image in labelled}) > 1
        if len(labelled) > 1 and ambiguous:
            problems += [
                Problem(name, "not ours", f"{count}; {image.contents} left out") for image in labelled
            ]
            continue
        kept += labelled
        if len(labelled) > 1:
            problems.append(Problem(name, "task twice", f"{count} and size; taken for as many annotators"))
    return ImportedFile(kind, tuple(kept), tuple(problems))
