"""Imported labels made to fit: our image, the scheme's spelling, pixels within the image.

A question or an option is recognised whatever its case and the signs within it, `Age Group` is `age_group`,
if no other is spelt alike. Signs before and after it and between digits count: `<55` is not `55+`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from annotate.formats.imported import CLASS, Answers, ImportedBox, ImportedImage
from annotate.labelling.checks import Checker
from annotate.labelling.geometry import Size, UnfitError
from annotate.labelling.records import Annotation, Box, Problem
from annotate.labelling.scheme import Boxes, Choices, Note, Scheme
from annotate.labelling.tasks import Task

SPACE = re.compile(r"(?<!\d)\s+|\s+(?!\d)")  # but between two digits
WITHIN = re.compile(r"(?<=[^\W_])[\W_]+(?=[^\W\d_])|(?<=[^\W\d_])[\W_]+(?=[^\W_])")  # signs beside a letter
LABEL_NAMES = ("label", "class", "category", "name", "type", "object")  # of the attribute with a box's label


def fit(
    image: ImportedImage, task: Task, scheme: Scheme, size: Size, annotator: str
) -> tuple[Annotation | None, list[Problem]]:
    """Return the usable labels of an image, None without any, and all that is left out or changed."""
    fitter = _Fitter(task.image_id, scheme, size)
    boxes = image.boxes
    if image.size not in {None, size}:
        fitter.problem("image changed", f"labelled at {image.size}, is {size}; its boxes are left out")
        boxes = ()
    answers = fitter.fitting(_with_class(image.answers, scheme), scheme.image_controls)
    fitted = tuple(fitter.boxes(boxes))
    label = answers.pop(scheme.image_class.name, None) if scheme.image_class else None
    if label or answers or fitted:
        return Annotation(task.image_id, annotator, None, label, answers, fitted), fitter.problems
    if not fitter.problems:
        fitter.problem("empty", f"no label of {image.name}")
    return None, fitter.problems


def _with_class(answers: Answers, scheme: Scheme) -> Answers:
    """Return the answers with the `CLASS` of an image under the scheme's own name for that question."""
    if not scheme.image_class or any(question.name == CLASS for question in scheme.image_controls):
        return answers
    return {scheme.image_class.name if name == CLASS else name: words for name, words in answers.items()}


class _Fitter(Checker):
    """Fits an image."""

    def spelling(self, word: str, names: Iterable[str]) -> str:
        """Return which of the names a word means: the same, or what differs in case and signs within alone.

        Raises `LookupError` if none or several.
        """
        names = list(names)
        candidates = [word] if word in names else [name for name in names if _plain(name) == _plain(word)]
        if len(candidates) != 1:
            meaning = f"may mean {' or '.join(candidates)}" if candidates else "is not in the scheme"
            raise LookupError(f"{word!r} {meaning}")
        return candidates[0]

    def fitting(
        self, answers: Answers, questions: Collection[Choices | Note], where: str = ""
    ) -> dict[str, str]:
        """Return the answers to the questions; what the scheme does not ask becomes a problem."""
        given: dict[str, list[str]] = {question.name: [] for question in questions}
        for name, words in answers.items():
            try:
                given[self.spelling(name, given)] += words
            except LookupError as error:
                self.problem("unknown attribute", f"{where}{error.args[0]}: {', '.join(words)}")
        return self.answers(given, questions, where)

    def boxes(self, boxes: Iterable[ImportedBox]) -> Iterator[Box]:
        """Yield the boxes that can be used, called r1, r2, ... by their place in the file."""
        for number, box in enumerate(boxes, 1):
            name = f"r{number}"
            try:
                label, attributes = self._label(box)
                answers = self.fitting(attributes, self.scheme.box_controls, f"{name}: ")
                value = dict(zip(("x", "y", "width", "height"), box.rectangle, strict=True))
                yield self.box(name, label, value, 1 if box.relative else None, answers)
            except LookupError as error:
                self.problem("unknown class", f"{name}: {error.args[0]}; left out")
            except UnfitError as unfit:
                self.problem(unfit.kind, f"{name}: {unfit.what}")

    def _label(self, box: ImportedBox) -> tuple[str, Answers]:
        """Return a box's label in the scheme's spelling, and the attributes that are left.

        Without a label the attribute of that name gives it; in a scheme with one label it may be left out.
        Raises `LookupError` if there is none.
        """
        labels = self.scheme.box_labels
        if not labels:
            raise LookupError("the scheme has no boxes")
        if box.label is not None:
            return self.spelling(box.label, labels), box.attributes
        controls = [control.name for control in self.scheme.controls if isinstance(control, Boxes)]
        questions = {_plain(question.name) for question in self.scheme.box_controls}
        attributes = {_plain(name): name for name in box.attributes}
        for plain in map(_plain, (*controls, *LABEL_NAMES)):
            if plain not in attributes or plain in questions:
                continue
            rest = dict(box.attributes)
            text = ", ".join(rest.pop(attributes[plain]))
            if len(labels) > 1 or _plain(text) == _plain(labels[0]):
                return self.spelling(text, labels), rest
        if len(labels) == 1:
            return labels[0], box.attributes
        raise LookupError(f"no attribute gives its label ({', '.join(controls)})")


def _plain(name: str) -> str:
    return WITHIN.sub("", SPACE.sub("", name.casefold()))
