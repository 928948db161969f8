"""Annotations out of an export: what fits the scheme becomes values, everything else becomes a problem.

The server checks nothing: unknown classes, boxes outside the image and two answers to one question are
all in an export that Label Studio calls complete. Nothing in here raises on such content.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from annotate.labelling.boxes import Size, UnfitError, cut_off, finite, measure, place
from annotate.labelling.records import Annotation, Box, Problem
from annotate.labelling.scheme import JOINED, Boxes, Choices, Control, Note, Scheme, stars


def read(entry: dict[str, Any], scheme: Scheme, size: Size | None) -> tuple[list[Annotation], list[Problem]]:
    """Return the usable annotations of one entry of an export, and all problems with it.

    `size` is the image's, in pixels; without it boxes cannot be placed and are left out.
    """
    annotations, problems = [], []
    for raw in entry["annotations"]:
        one = _Reader(entry["image_id"], scheme, size, str(raw.get("annotator") or "somebody"))
        annotation = one.read(raw)
        problems.extend(one.problems)
        if annotation:
            annotations.append(annotation)
    if entry["drafts"]:
        problems.append(Problem(entry["image_id"], "draft", f"{len(entry['drafts'])} not submitted"))
    return annotations, problems


@dataclass
class _Reader:
    """Reads one annotation and collects its problems."""

    image: str
    scheme: Scheme
    size: Size | None
    annotator: str
    problems: list[Problem] = field(default_factory=list)

    def problem(self, kind: str, what: str) -> None:
        self.problems.append(Problem(self.image, kind, f"{self.annotator}: {what}"))

    def read(self, raw: dict[str, Any]) -> Annotation | None:
        result = raw.get("result")
        if raw.get("was_cancelled"):
            self.problem("skipped", "skipped it")
            return None
        if not isinstance(result, list) or not result:
            self.problem("empty", "submitted nothing")
            return None
        told: dict[tuple[str, str], list[Any]] = defaultdict(list)  # answers by region and question
        drawn: list[tuple[Boxes, dict[str, Any]]] = []
        for part in result:
            control = self._control(part)
            if isinstance(control, Boxes):
                drawn.append((control, part))
            elif control is not None:
                about_box = isinstance(control, Note) or control.per_region
                told[str(part.get("id")) if about_box else "", control.name].extend(_said(part, control))
        asked = self.scheme.image_class
        classed = asked is not None and bool(told.get(("", asked.name)))
        answers = self._answers("", told, self.scheme.image_controls)
        boxes = self._boxes(drawn, told)
        label = answers.pop(asked.name, None) if asked else None
        if asked and not classed:
            self.problem("no class", "gave no class")
        if label:
            self._check_class(label, boxes)
        return Annotation(self.image, self.annotator, _seconds(raw.get("lead_time")), label, answers, boxes)

    def _control(self, part: Any) -> Control | None:
        """Return the question that a part of the result answers, if it is in the scheme and of its type."""
        if not isinstance(part, dict) or not isinstance(part.get("value"), dict):
            self.problem("malformed", f"{str(part)[:60]!r} is no answer")
            return None
        control = self.scheme.control(str(part.get("from_name")))
        if control is None:
            self.problem("unknown attribute", f"{part.get('from_name')!r} is not asked in the scheme")
        elif part.get("type") != type_of(control):
            self.problem("malformed", f"{control.name}: type {part.get('type')!r}, not {type_of(control)!r}")
            return None
        return control

    def _answers(
        self, region: str, told: dict[tuple[str, str], list[Any]], controls: Iterable[Choices | Note]
    ) -> dict[str, str]:
        """Return the answers about the image (region "") or a box; those that do not fit are left out."""
        where = f"{region}: " if region else ""
        answers = {}
        for control in controls:
            said = [str(one) for one in told.pop((region, control.name), [])]
            if isinstance(control, Choices):
                said = self._known(control, said, where)
            elif control.kind == "rating" and said:
                said = self._stars(control, said, where)
            if said:
                answers[control.name] = JOINED.join(said)
        return answers

    def _known(self, control: Choices, said: list[str], where: str) -> list[str]:
        kind = "unknown class" if control == self.scheme.image_class else "unknown attribute"
        for one in said:
            if one not in control.options:
                self.problem(kind, f"{where}{control.name}: {one!r} is not in the scheme")
        known = [option for option in control.options if option in said]
        if len(known) > 1 and not control.multiple:
            self.problem("two choices", f"{where}{control.name}: {', '.join(known)}")
            return []
        return known

    def _stars(self, control: Note, said: list[str], where: str) -> list[str]:
        number = stars(said[0]) if len(said) == 1 else None
        if number is None:
            self.problem("malformed", f"{where}{control.name}: {', '.join(said)}; expected a whole number")
            return []
        return [number]

    def _boxes(
        self, drawn: list[tuple[Boxes, dict[str, Any]]], told: dict[tuple[str, str], list[Any]]
    ) -> tuple[Box, ...]:
        boxes = []
        for control, part in drawn:
            region = str(part.get("id"))
            attributes = self._answers(region, told, self.scheme.box_controls)
            try:
                boxes.append(self._box(region, control, part, attributes))
            except UnfitError as unfit:
                self.problem(unfit.kind, f"{region}: {unfit.what}")
        for region, question in told:
            self.problem("malformed", f"{question}: answered for {region}, which is no box")
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
        over = cut_off(drawn, self.size)
        if over:
            self.problem("outside", f"{region}: {label}: cut off {over}")
        if box.rotation:
            self.problem("rotated", f"{region}: {label}: by {box.rotation:g} degrees")
        return box

    def _label(self, region: str, control: Boxes, said: Any) -> str:
        """Return the one label of a box that the scheme has; none and several are unfit."""
        given = said if isinstance(said, list) and said else [None]
        known = [option for option in control.options if option in given]
        if len(known) > 1:
            raise UnfitError("two choices", f"{', '.join(known)}; left out")
        if not known:
            raise UnfitError("unknown class", f"{given[0]!r} is not in the scheme; left out")
        for one in given:
            if one not in known:
                self.problem("unknown class", f"{region}: {one!r} is not in the scheme")
        return known[0]

    def _check_class(self, given: str, boxes: tuple[Box, ...]) -> None:
        labels = {box.label for box in boxes}
        if labels and given not in labels and given in self.scheme.box_labels:
            self.problem("box against class", f"{given}, but the boxes are {', '.join(sorted(labels))}")


def type_of(control: Control) -> str:
    """Return the type that results of a control have."""
    if isinstance(control, Note):
        return control.kind
    return "choices" if isinstance(control, Choices) else "rectanglelabels"


def _said(part: dict[str, Any], control: Choices | Note) -> list[Any]:
    """Return the words of an answer: Label Studio gives a list, one text, or a number of stars."""
    said = part["value"].get({"textarea": "text"}.get(type_of(control), type_of(control)))
    if said is None:
        return []
    return said if isinstance(said, list) else [said]


def _seconds(value: Any) -> float | None:
    return round(float(value), 1) if finite(value) else None
