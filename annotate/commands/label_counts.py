"""How far the labelling is: counts out of the server's tasks, for `status`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task

NO_CLASS = "(no class)"


@dataclass
class Person:
    """One annotator's work; `names` are the images submitted or skipped, `seconds` those of each done."""

    done: int = 0
    skipped: int = 0
    drafts: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    @property
    def images(self) -> int:
        """How many images this person has submitted or skipped; one can be submitted twice."""
        return len(self.names)

    @property
    def again(self) -> int:
        """How many submissions are not the first of their image."""
        return self.done + self.skipped - self.images

    @property
    def median_seconds(self) -> float | None:
        """Median seconds an image; None before the first."""
        return median(self.seconds) if self.seconds else None


@dataclass(frozen=True)
class Left:
    """An image that nobody has finished: its task's number on the server, None if it is not there."""

    image: str
    number: int | None
    state: str


@dataclass(frozen=True)
class Count:
    """The state of a project: people by their address, and what is left."""

    images: int
    people: Mapping[str, Person]
    left: tuple[Left, ...]
    foreign: int

    @property
    def done(self) -> int:
        """How many images somebody has labelled, or skipped."""
        return self.images - len(self.left)


def count(
    raw: Iterable[Mapping[str, Any]], tasks: Sequence[Task], scheme: Scheme, addresses: Mapping[int, str]
) -> Count:
    """Count annotations and drafts of our images; an image is done when one person has submitted it.

    `addresses` are people's e-mail addresses by their number: an export has one or the other.
    """
    on_server: dict[str, list[Mapping[str, Any]]] = defaultdict(list)  # an image may have several tasks
    for task in raw:
        on_server[str((task.get("data") or {}).get("image_id"))].append(task)
    people: dict[str, Person] = {}
    left = []
    for image in tasks:
        found = on_server.pop(image.image_id, [])
        annotations = [one for task in found for one in task.get("annotations") or []]
        drafts = [one for task in found for one in task.get("drafts") or []]
        for annotation in annotations:
            person = people.setdefault(_who(annotation.get("completed_by"), addresses), Person())
            person.names.add(image.image_id)
            _add(person, annotation, scheme)
        for draft in drafts:
            people.setdefault(_who(draft.get("user"), addresses), Person()).drafts += 1
        if not annotations:
            number = found[0]["id"] if found else None
            state = "draft" if drafts else "to do" if found else "not pushed"
            left.append(Left(image.image_id, number, state))
    return Count(len(tasks), people, tuple(left), sum(map(len, on_server.values())))


def _who(person: Any, addresses: Mapping[int, str]) -> str:
    """Return the address of an annotator: a number, a record with one, or the address itself."""
    number: Any = person.get("id") if isinstance(person, dict) else person
    return addresses.get(number, str(number))


def _add(person: Person, annotation: Mapping[str, Any], scheme: Scheme) -> None:
    if annotation.get("was_cancelled"):
        person.skipped += 1
        return
    person.done += 1
    person.classes[_label(annotation.get("result"), scheme)] += 1
    seconds = annotation.get("lead_time")
    if isinstance(seconds, int | float):
        person.seconds.append(float(seconds))


def _label(result: Any, scheme: Scheme) -> str:
    """Return the class that an annotation gives the image, as it stands there."""
    asked = scheme.image_class
    for part in result if isinstance(result, list) and asked else ():
        if isinstance(part, dict) and asked and part.get("from_name") == asked.name:
            chosen = (part.get("value") or {}).get("choices") or [NO_CLASS]
            return str(chosen[0])
    return NO_CLASS
