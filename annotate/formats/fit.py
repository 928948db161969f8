"""What a file says made to fit: our image, the scheme's own spelling, pixels within the image.

A question or an option is known whatever its case and the signs within it, `Age Group` is `age_group`, if no
other one is known by the same. Signs before and after it and between digits count: `<55` is not `55+`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from annotate.formats.imported import CLASS, ImportedBox, ImportedImage, Words
from annotate.labelling.boxes import Size, UnfitError, cut_off, finite, measure, place
from annotate.labelling.records import Annotation, Box, Problem
from annotate.labelling.scheme import JOINED, Boxes, Choices, Note, Scheme, stars
from annotate.labelling.tasks import Task

SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # but between two digits
WITHIN = re.compile(r"(?<=[^\W_])[\W_]+(?=[^\W\d_])|(?<=[^\W\d_])[\W_]+(?=[^\W_])")  # signs beside a letter
LABEL_NAMES = ("label", "class", "category", "name", "type", "object")  # of the attribute that tells a box's


def fit(
    said: ImportedImage, task: Task, scheme: Scheme, size: Size, annotator: str
) -> tuple[Annotation | None, list[Problem]]:
    """Return what can be used of one image, if anything can, and everything that is left out or changed."""
    fitter = _Fitter(task.image_id, scheme, size)
    if said.size not in {None, size}:
        fitter.problem("image changed", f"labelled at {said.size}, is {size}; its boxes are left out")
        said = ImportedImage(said.image, (), said.answers)
    asked = scheme.image_class
    told = dict(said.answers)
    asks = [one.name for one in scheme.image_controls]
    named = any(asked and asked.name in _meant(name, asks) for name in told)
    if asked and CLASS in told and CLASS not in asks and not named:
        told[asked.name] = told.pop(CLASS)
    answers = fitter.answers(told, scheme.image_controls, "")
    boxes = tuple(fitter.boxes(said.regions))
    label = answers.pop(asked.name, None) if asked else None
    if not (label or answers or boxes):
        if not fitter.problems:
            fitter.problem("empty", f"nothing is said about {said.image}")
        return None, fitter.problems
    return Annotation(task.image_id, annotator, None, label, answers, boxes), fitter.problems


class _Fitter:
    """Fits one image, and collects its problems."""

    def __init__(self, image: str, scheme: Scheme, size: Size) -> None:
        self.image, self.scheme, self.size = image, scheme, size
        self.problems: list[Problem] = []

    def problem(self, kind: str, what: str) -> None:
        self.problems.append(Problem(self.image, kind, what))

    def answers(self, said: Words, asked: Iterable[Choices | Note], where: str) -> dict[str, str]:
        """Return the answers in the order of the scheme; what it does not ask becomes a problem."""
        asked = tuple(asked)
        told: dict[str, list[str]] = {control.name: [] for control in asked}
        for name, words in said.items():
            meant = _meant(name, told)
            if len(meant) == 1:
                told[meant[0]] += words
            else:
                what = _unclear(meant, "not asked in the scheme")
                self.problem("unknown attribute", f"{where}{name}: {', '.join(words)}; {what}")
        known = {control.name: self._known(control, told[control.name], where) for control in asked}
        return {name: JOINED.join(words) for name, words in known.items() if words}

    def _known(self, control: Choices | Note, told: list[str], where: str) -> list[str]:
        if isinstance(control, Note):
            return self._noted(control, told, where)
        kind = "unknown class" if control == self.scheme.image_class else "unknown attribute"
        words = []
        for word in told:
            meant = _meant(word, control.options)
            if len(meant) != 1:
                what = _unclear(meant, "is not in the scheme")
                self.problem(kind, f"{where}{control.name}: {word!r} {what}")
            elif meant[0] not in words:
                words.append(meant[0])
        if len(words) > 1 and not control.multiple:
            self.problem("two choices", f"{where}{control.name}: {', '.join(words)}")
            return []
        return sorted(words, key=control.options.index)

    def _noted(self, control: Note, told: list[str], where: str) -> list[str]:
        if control.kind != "rating" or not told:
            return told
        number = stars(told[0]) if len(told) == 1 else None
        if number is None:
            what = f"{where}{control.name}: {', '.join(told)}; expected a whole number"
            self.problem("unknown attribute", what)
            return []
        return [number]

    def boxes(self, regions: Iterable[ImportedBox]) -> Iterable[Box]:
        """Yield the boxes that can be used."""
        for number, region in enumerate(regions, 1):
            name = f"r{number}"
            try:
                yield self._box(name, region)
            except UnfitError as unfit:
                self.problem(unfit.kind, f"{name}: {unfit.what}")

    def _box(self, name: str, region: ImportedBox) -> Box:
        label, attributes = self._label(region)
        drawn = measure(self._per_cent(region), self.size)
        box = place(
            name, label, drawn, self.size, self.answers(attributes, self.scheme.box_controls, f"{name}: ")
        )
        over = cut_off(drawn, self.size)
        if over:
            self.problem("outside", f"{name}: {label}: cut off {over}")
        return box

    def _label(self, region: ImportedBox) -> tuple[str, Words]:
        """Return a box's label in the scheme's spelling, and the attributes that are left.

        Without a label the attribute of that name tells it; in a scheme with one label it may be left out.
        """
        if region.label is not None:
            return self._spelt(region.label), region.attributes
        labels = self.scheme.box_labels
        if not labels:
            raise UnfitError("unknown class", "the scheme has no boxes; left out")
        controls = [one.name for one in self.scheme.controls if isinstance(one, Boxes)]
        asked = {_plain(one.name) for one in self.scheme.box_controls}
        for name in (*controls, *LABEL_NAMES):
            key = next((one for one in region.attributes if _plain(one) == _plain(name)), None)
            if key is None or _plain(name) in asked:
                continue
            told = ", ".join(region.attributes[key])
            if len(labels) > 1 or _plain(told) == _plain(labels[0]):
                return self._spelt(told), {one: said for one, said in region.attributes.items() if one != key}
        if len(labels) == 1:
            return labels[0], region.attributes
        raise UnfitError("unknown class", f"no attribute tells its label ({', '.join(controls)}); left out")

    def _spelt(self, label: str) -> str:
        meant = _meant(label, self.scheme.box_labels)
        if len(meant) != 1:
            what = _unclear(meant, "is not in the scheme")
            raise UnfitError("unknown class", f"{label!r} {what}; left out")
        return meant[0]

    def _per_cent(self, region: ImportedBox) -> dict[str, Any]:
        """Return a box in per cent of the image, as Label Studio has it."""
        whole = (1, 1) if region.shares else self.size
        edges = (("x", 0), ("y", 1), ("width", 0), ("height", 1))
        return {name: _scaled(getattr(region, name), whole[side]) for name, side in edges}


def _scaled(value: Any, whole: int) -> Any:
    """Return a number in per cent; anything else stays, to be refused with its name."""
    return float(value) * 100 / whole if finite(value) else value


def _meant(word: str, known: Iterable[str]) -> list[str]:
    """Return what of the scheme a word may mean: itself, or what differs in case and signs within it."""
    known = list(known)
    if word in known:
        return [word]
    return [one for one in known if _plain(one) == _plain(word)]


def _unclear(meant: list[str], otherwise: str) -> str:
    return f"may mean {' or '.join(meant)}" if meant else otherwise


def _plain(name: str) -> str:
    return WITHIN.sub("", SPACE.sub("", name.casefold()))
