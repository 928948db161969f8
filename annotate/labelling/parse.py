"""Annotations of an export as values; whatever does not fit the scheme becomes a problem.

Label Studio checks nothing: its exports may hold unknown classes, boxes outside the image and several
answers to a single choice. Nothing in here raises on such content.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from annotate.labelling.checks import Checker
from annotate.labelling.geometry import Size, UnfitError, finite
from annotate.labelling.records import Annotation, Box, Problem
from annotate.labelling.scheme import Boxes, Choices, Control, Note, Scheme

Answers = dict[str, dict[str, list[str]]]  # words by region ("" for the image) and control


def read(entry: dict[str, Any], scheme: Scheme, size: Size | None) -> tuple[list[Annotation], list[Problem]]:
    """Return the usable annotations of an export's entry, and all problems with it.

    `size` is the image's, in pixels; without it boxes cannot be placed and are left out.
    """
    annotations, problems = [], []
    for raw in entry["annotations"]:
        annotator = str(raw.get("annotator") or "somebody")
        parser = _Parser(entry["image_id"], scheme, size, f"{annotator}: ")
        annotation = parser.annotation(raw, annotator)
        problems += parser.problems
        if annotation:
            annotations.append(annotation)
    if entry["drafts"]:
        problems.append(Problem(entry["image_id"], "draft", f"{len(entry['drafts'])} not submitted"))
    return annotations, problems


class _Parser(Checker):
    """Parses an annotation."""

    def annotation(self, raw: dict[str, Any], annotator: str) -> Annotation | None:
        result = raw.get("result")
        if raw.get("was_cancelled"):
            self.problem("skipped", "skipped it")
            return None
        if not isinstance(result, list) or not result:
            self.problem("empty", "submitted nothing")
            return None
        given, rectangles = self._split(result)
        question = self.scheme.image_class
        about_image = given.pop("", {})
        answers = self.answers(about_image, self.scheme.image_controls)
        boxes = self._boxes(rectangles, given)
        label = answers.pop(question.name, None) if question else None
        if question and not about_image.get(question.name):
            self.problem("no class", "gave no class")
        drawn = sorted({box.label for box in boxes})
        if drawn and label in set(self.scheme.box_labels).difference(drawn):
            self.problem("box against class", f"{label}, but the boxes are {', '.join(drawn)}")
        seconds = raw.get("lead_time")
        seconds = round(float(seconds), 1) if finite(seconds) else None
        return Annotation(self.image, annotator, seconds, label, answers, boxes)

    def _split(self, result: list[Any]) -> tuple[Answers, list[tuple[Boxes, dict[str, Any]]]]:
        """Return a result's answers, and its rectangles with their controls."""
        given: Answers = defaultdict(lambda: defaultdict(list))
        rectangles: list[tuple[Boxes, dict[str, Any]]] = []
        for part in result:
            control = self._control(part)
            if isinstance(control, Boxes):
                rectangles.append((control, part))
            elif control is not None:
                per_region = isinstance(control, Note) or control.per_region
                region = str(part.get("id")) if per_region else ""
                given[region][control.name] += _words(part, control)
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

    def _boxes(self, rectangles: list[tuple[Boxes, dict[str, Any]]], given: Answers) -> tuple[Box, ...]:
        boxes = []
        for control, part in rectangles:
            region = str(part.get("id"))
            attributes = self.answers(given.pop(region, {}), self.scheme.box_controls, f"{region}: ")
            try:
                boxes.append(self._box(region, control, part, attributes))
            except UnfitError as unfit:
                self.problem(unfit.kind, f"{region}: {unfit.what}")
        for region, names in given.items():
            for name in names:
                self.problem("malformed", f"{name}: answered for {region}, which is not a box")
        return tuple(boxes)

    def _box(self, region: str, control: Boxes, part: dict[str, Any], attributes: dict[str, str]) -> Box:
        label = self._label(region, control, part["value"].get("rectanglelabels"))
        if part.get("image_rotation"):
            raise UnfitError("turned", f"{label}: by {part['image_rotation']} degrees; left out")
        shown = (part.get("original_width"), part.get("original_height"))
        if self.size and shown != self.size and None not in shown:
            self.problem("image changed", f"{region}: drawn on {shown[0]} x {shown[1]} pixels")
        return self.box(region, label, part["value"], 100, attributes)

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
