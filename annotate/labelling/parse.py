"""Annotations of an export as values; whatever does not fit the scheme becomes a problem.

Label Studio checks nothing: its exports may hold unknown classes, boxes outside the image and several
answers to a single choice. Nothing in here raises on such content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotate.labelling.geometry import Size, UnfitError, cut_off, finite, measure, place
from annotate.labelling.records import Annotation, Box, Problem
from annotate.labelling.scheme import JOINED, Boxes, Choices, Control, Note, Scheme, stars

Answers = dict[tuple[str, str], list[str]]  # by region ("" for the image) and control


def read(entry: dict[str, Any], scheme: Scheme, size: Size | None) -> tuple[list[Annotation], list[Problem]]:
    """Return the usable annotations of an export's entry, and all problems with it.

    `size` is the image's, in pixels; without it boxes cannot be placed and are left out.
    """
    annotations, problems = [], []
    for raw in entry["annotations"]:
        parser = _Parser(entry["image_id"], scheme, size, str(raw.get("annotator") or "somebody"))
        annotation = parser.annotation(raw)
        problems += parser.problems
        if annotation:
            annotations.append(annotation)
    if entry["drafts"]:
        problems.append(Problem(entry["image_id"], "draft", f"{len(entry['drafts'])} not submitted"))
    return annotations, problems


@dataclass
class _Parser:
    """Parses an annotation and collects its problems."""

    image: str
    scheme: Scheme
    size: Size | None
    annotator: str
    problems: list[Problem] = field(default_factory=list)

    def problem(self, kind: str, what: str) -> None:
        self.problems.append(Problem(self.image, kind, f"{self.annotator}: {what}"))

    def annotation(self, raw: dict[str, Any]) -> Annotation | None:
        result = raw.get("result")
        if raw.get("was_cancelled"):
            self.problem("skipped", "skipped it")
            return None
        if not isinstance(result, list) or not result:
            self.problem("empty", "submitted nothing")
            return None
        given, rectangles = self._split(result)
        question = self.scheme.image_class
        classified = question is not None and bool(given.get(("", question.name)))
        answers = self._answers("", given, self.scheme.image_controls)
        boxes = self._boxes(rectangles, given)
        label = answers.pop(question.name, None) if question else None
        if question and not classified:
            self.problem("no class", "gave no class")
        drawn = sorted({box.label for box in boxes})
        if drawn and label in set(self.scheme.box_labels).difference(drawn):
            self.problem("box against class", f"{label}, but the boxes are {', '.join(drawn)}")
        seconds = raw.get("lead_time")
        seconds = round(float(seconds), 1) if finite(seconds) else None
        return Annotation(self.image, self.annotator, seconds, label, answers, boxes)

    def _split(self, result: list[Any]) -> tuple[Answers, list[tuple[Boxes, dict[str, Any]]]]:
        """Return a result's answers, and its rectangles with their controls."""
        given: Answers = defaultdict(list)
        rectangles: list[tuple[Boxes, dict[str, Any]]] = []
        for part in result:
            control = self._control(part)
            if isinstance(control, Boxes):
                rectangles.append((control, part))
            elif control is not None:
                per_region = isinstance(control, Note) or control.per_region
                given[str(part.get("id")) if per_region else "", control.name] += _words(part, control)
        return given, rectangles

    def _control(self, part: Any) -> Control | None:
        """Return the control that a part of a result comes from, if it is in the scheme and of its type."""
        if not isinstance(part, dict) or not isinstance(part.get("value"), dict):
            self.problem("malformed", f"{str(part)[:60]!r} is not a result")
            return None
        control = self.scheme.control(str(part.get("from_name")))
        if control is None:
            self.problem("unknown attribute", f"{part.get('from_name')!r} is not in the scheme")
        elif part.get("type") != type_of(control):
            self.problem("malformed", f"{control.name}: type {part.get('type')!r}, not {type_of(control)!r}")
            return None
        return control

    def _answers(self, region: str, given: Answers, controls: Iterable[Choices | Note]) -> dict[str, str]:
        """Take the answers about the image (region "") or a box out of `given`; return those that fit."""
        where = f"{region}: " if region else ""
        answers = {}
        for control in controls:
            words = given.pop((region, control.name), [])
            if isinstance(control, Choices):
                words = self._options(control, words, where)
            elif control.kind == "rating" and words:
                rating = stars(words[0]) if len(words) == 1 else None
                if rating is None:
                    what = f"{where}{control.name}: {', '.join(words)}; expected a whole number"
                    self.problem("malformed", what)
                words = [rating] if rating else []
            if words:
                answers[control.name] = JOINED.join(words)
        return answers

    def _options(self, control: Choices, words: Sequence[str], where: str) -> list[str]:
        kind = "unknown class" if control == self.scheme.image_class else "unknown attribute"
        for word in words:
            if word not in control.options:
                self.problem(kind, f"{where}{control.name}: {word!r} is not in the scheme")
        options = [option for option in control.options if option in words]
        if len(options) > 1 and not control.multiple:
            self.problem("two choices", f"{where}{control.name}: {', '.join(options)}")
            return []
        return options

    def _boxes(self, rectangles: list[tuple[Boxes, dict[str, Any]]], given: Answers) -> tuple[Box, ...]:
        boxes = []
        for control, part in rectangles:
            region = str(part.get("id"))
            attributes = self._answers(region, given, self.scheme.box_controls)
            try:
                boxes.append(self._box(region, control, part, attributes))
            except UnfitError as unfit:
                self.problem(unfit.kind, f"{region}: {unfit.what}")
        for region, name in given:
            self.problem("malformed", f"{name}: answered for {region}, which is not a box")
        return tuple(boxes)

    def _box(self, region: str, control: Boxes, part: dict[str, Any], attributes: dict[str, str]) -> Box:
        label = self._label(region, control, part["value"].get("rectanglelabels"))
        if self.size is None:
            raise UnfitError("no image", f"{label}: cannot be placed; left out")
        if part.get("image_rotation"):
            raise UnfitError("turned", f"{label}: by {part['image_rotation']} degrees; left out")
        shown = (part.get("original_width"), part.get("original_height"))
        if shown != self.size and None not in shown:
            self.problem("image changed", f"{region}: drawn on {shown[0]} x {shown[1]} pixels")
        drawn = measure(part["value"], self.size)
        box = place(region, label, drawn, self.size, attributes)
        excess = cut_off(drawn, self.size)
        if excess:
            self.problem("outside", f"{region}: {label}: cut off {excess}")
        if box.rotation:
            self.problem("rotated", f"{region}: {label}: by {box.rotation:g} degrees")
        return box

    def _label(self, region: str, control: Boxes, labels: Any) -> str:
        """Return a box's only label that is in the scheme. Raises `UnfitError` for none or several."""
        labels = labels if isinstance(labels, list) and labels else [None]
        known = [option for option in control.options if option in labels]
        if len(known) > 1:
            raise UnfitError("two choices", f"{', '.join(known)}; left out")
        if not known:
            raise UnfitError("unknown class", f"{labels[0]!r} is not in the scheme; left out")
        for label in labels:
            if label not in known:
                self.problem("unknown class", f"{region}: {label!r} is not in the scheme")
        return known[0]


def type_of(control: Control) -> str:
    """Return the type that results of a control have."""
    if isinstance(control, Note):
        return control.kind
    return "choices" if isinstance(control, Choices) else "rectanglelabels"


def _words(part: dict[str, Any], control: Choices | Note) -> list[str]:
    """Return the words of an answer: Label Studio gives a list, a text, or a number of stars."""
    kind = type_of(control)
    value = part["value"].get("text" if kind == "textarea" else kind)
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if value is not None]
