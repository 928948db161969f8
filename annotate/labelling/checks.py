"""The labels of an image checked against the scheme: what fits is returned, the rest becomes a problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from annotate.labelling.geometry import Size, UnfitError, cut_off, measure, place
from annotate.labelling.records import Box, Problem
from annotate.labelling.scheme import JOINED, Choices, Note, Scheme, stars


@dataclass
class Checker:
    """Checks the labels of an image of that size, None without its file; `source` begins each problem."""

    image: str
    scheme: Scheme
    size: Size | None
    source: str = ""
    problems: list[Problem] = field(default_factory=list)

    def problem(self, kind: str, what: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(self.image, kind, self.source + what))

    def answers(
        self, given: Mapping[str, Sequence[str]], questions: Iterable[Choices | Note], where: str = ""
    ) -> dict[str, str]:
        """Return the answers that fit, in the order of the scheme; `given` has the words by question."""
        answers = {each.name: self._answer(each, given.get(each.name, ()), where) for each in questions}
        return {name: answer for name, answer in answers.items() if answer}

    def _answer(self, question: Choices | Note, words: Sequence[str], where: str) -> str:
        if isinstance(question, Choices):
            return JOINED.join(self._options(question, words, where))
        if question.kind != "rating" or not words:
            return JOINED.join(words)
        rating = stars(words[0]) if len(words) == 1 else None
        if rating is None:
            self.problem("malformed", f"{where}{question.name}: {', '.join(words)}; expected a whole number")
        return rating or ""

    def _options(self, question: Choices, words: Sequence[str], where: str) -> list[str]:
        kind = "unknown class" if question == self.scheme.image_class else "unknown attribute"
        chosen = set()
        for word in words:
            try:
                chosen.add(self.spelling(word, question.options))
            except LookupError as error:
                self.problem(kind, f"{where}{question.name}: {error.args[0]}")
        options = [option for option in question.options if option in chosen]
        if len(options) > 1 and not question.multiple:
            self.problem("two choices", f"{where}{question.name}: {', '.join(options)}")
            return []
        return options

    def spelling(self, word: str, names: Iterable[str]) -> str:
        """Return which of the names a word means: the same. Raises `LookupError` if none or several."""
        if word not in names:
            raise LookupError(f"{word!r} is not in the scheme")
        return word

    def box(
        self, region: str, label: str, value: Mapping[str, Any], parts: int | None, attributes: dict[str, str]
    ) -> Box:
        """Return a box; its `value` as `measure` takes it. Raises `UnfitError`."""
        if self.size is None:
            raise UnfitError("no image", f"{label}: cannot be placed; left out")
        drawn = measure(value, self.size, parts)
        box = place(region, label, drawn, self.size, attributes)
        if excess := cut_off(drawn, self.size):
            self.problem("outside", f"{region}: {label}: cut off {excess}")
        if box.rotation:
            self.problem("rotated", f"{region}: {label}: by {box.rotation:g} degrees")
        return box
