"""Labelled images to write and to read back, for the tests of the formats."""

from __future__ import annotations

from hypothesis import strategies as st

from annotate.formats.fit_scheme import fit
from annotate.formats.imported import ImportedImage
from annotate.labelling.consensus import LabelledImage
from annotate.labelling.geometry import Drawn, Size, UnfitError, place
from annotate.labelling.records import Annotation, Bounds, Problem
from annotate.labelling.scheme import Scheme
from annotate.labelling.tasks import Task
from data.datasets.dataset import CLASSES
from tests.annotate.builders import DEFAULT, with_boxes

LabelledBounds = list[tuple[str, Bounds]]

UPRIGHT, ROTATED = Drawn(8, 4, 16, 8, 0.0), Drawn(16, 4, 8, 4, 90.0)
SIZES = st.tuples(st.integers(1, 4000), st.integers(1, 4000))


def _drawn(size: Size) -> st.SearchStrategy[tuple[str, Drawn]]:
    def edge(side: int) -> st.SearchStrategy[float]:
        return st.floats(-0.2 * side, 1.2 * side)

    degrees = st.sampled_from([0.0, 33.0])
    box = st.builds(Drawn, edge(size[0]), edge(size[1]), edge(size[0]), edge(size[1]), degrees)
    return st.tuples(st.sampled_from(CLASSES), box).filter(lambda drawn: _fits(drawn[1], size))


def _fits(drawn: Drawn, size: Size) -> bool:
    try:
        place("r1", "cat", drawn, size, {})
    except UnfitError:
        return False
    return True


@st.composite
def labelled_images(draw: st.DrawFn) -> list[LabelledImage]:
    """Draw up to three labelled images, with up to four boxes each."""
    return [
        with_boxes(f"test-{number:05}", size, draw(st.lists(_drawn(size), max_size=4)))
        for number, size in enumerate(draw(st.lists(SIZES, max_size=3)))
    ]


def boxes(image: LabelledImage, at_least: float = 0.0) -> LabelledBounds:
    """Return the boxes of an image that are wider and higher than so many pixels."""
    assert image.chosen is not None
    bounds = [(box.label, box.bounds) for box in image.chosen.boxes]
    return [(label, edges) for label, edges in bounds if min(edges.width, edges.height) > at_least]


def near(boxes: LabelledBounds, expected: LabelledBounds, pixels: float) -> bool:
    """Return whether boxes are the same up to some pixels."""
    return [label for label, _ in boxes] == [label for label, _ in expected] and all(
        abs(getattr(bounds, edge) - getattr(other, edge)) <= pixels
        for (_, bounds), (_, other) in zip(boxes, expected, strict=True)
        for edge in ("left", "top", "right", "bottom")
    )


def fitted(
    image: ImportedImage, size: Size = (10, 10), scheme: Scheme = DEFAULT
) -> tuple[Annotation, list[Problem]]:
    """Fit an image; of one without labels the annotation is empty."""
    annotation, problems = fit(image, Task("a", "a.png", ""), scheme, size, "somebody")
    return annotation or Annotation("a", "somebody", None, None, {}, ()), problems
