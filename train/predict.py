"""What the trained network says of images: files, folders, patterns, or regions of them.

    python -m train.predict PATH... [--top 3] [--format csv | json] [--output FILE]
    python -m train.predict [PATH...] --boxes annotate/out/labels/boxes.csv

A PATH is an image of any format and size, a folder, a pattern in quotes, or - for a list of names on
standard input; how it becomes 32 x 32 pixels stands in train/reading.py. Reads train/out/model.safetensors.
Writes to standard output, or to a file that is there whole or not at all. What cannot be used is named on
standard error and counted, all the rest is done, and the exit code is 1.

Columns: image; with --boxes also box (its row in the table, from 1 on) and what the table says of it;
predicted and confidence (0 to 1); with --top K also predicted_2, confidence_2 and so on; with --probabilities
one for each class. From Python: `predict`.
"""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, TextIO

import pandas as pd
import typer
from PIL import Image

from data.common.cli import STARTS_AGAIN, run
from data.common.errors import UserError
from data.common.files import atomic, disk_errors
from data.common.progress import progress
from data.datasets.dataset import CLASSES
from data.images import decode
from data.images.walk import Skipped, shown
from train.core import model
from train.core.device import choose_device, keep_large_blocks
from train.core.model import MODEL, Model
from train.prediction import batches, regions, sources, writers
from train.prediction.batches import Form, Predictions
from train.prediction.regions import BoxRow, Remark
from train.prediction.writers import Format

IMAGES = "annotate/out/images"  # where annotate/out/labels/boxes.csv was drawn
NAMED = 3  # in the last message
ESCAPED = "backslashreplace"  # what becomes of the bytes of a name that are no text


def predict(
    paths: str | Path | Iterable[str | Path],
    *,
    top: int = 1,
    probabilities: bool = False,
    boxes: Path | None = None,
    network: Model | None = None,
) -> Predictions:
    """Classify images, or with `boxes` the regions of them in such a table.

    `paths` are files, folders and patterns. The table has the columns that the module's description gives.
    What cannot be used is in `problems`; of a table of boxes, where single images are given, the boxes of
    others are counted in `notes`. `network` is train/out/model.safetensors if it is not given. Raises
    `UserError` if there is no model or no table of boxes, `ValueError` if `top` is not 1 to 10.

    >>> found = predict("annotate/out/images", top=2)
    >>> list(found.table)
    ['image', 'predicted', 'confidence', 'predicted_2', 'confidence_2']
    >>> found.problems
    ()
    """
    if not 1 <= top <= len(CLASSES):
        raise ValueError(f"top is {top}; expected 1 to {len(CLASSES)}")
    given = [str(one) for one in ([paths] if isinstance(paths, str | Path) else paths)]
    asked = Asked(given, regions.read(boxes) if boxes else None)
    parts = list(asked.answers(network or model.load(choose_device()), top, probabilities))
    return Predictions(
        pd.concat([part.table for part in parts], ignore_index=True).infer_objects(),
        tuple(one for part in parts for one in part.problems),
        tuple(one for part in parts for one in part.notes),
    )


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know about: names, the boxes drawn, what "-" stands for, where answers go."""

    given: Sequence[str]
    drawn: Sequence[BoxRow] | None
    on_list: Sequence[str] = ()
    output: Path | None = None

    def each(self) -> Iterator[batches.File | Skipped | Remark]:
        """Yield what this leads to."""
        # Single images are a choice among those that have boxes; a folder is to hold them all.
        some = all(one == sources.LIST or sources.is_file(one) for one in self.given)
        return batches.about(self.given, self.drawn, self.on_list, self.output, some=some)

    def answers(
        self,
        network: Model,
        top: int,
        probabilities: bool,
        advance: Callable[[int], None] = lambda files: None,
    ) -> Generator[Predictions, None, None]:
        """Yield what the network says, batch by batch."""
        form = Form(batches.known(self.drawn), top, probabilities)
        return batches.batches(self.each(), network, form, advance)


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Open where answers go: a file, whole or not at all, or standard output; UTF-8, odd bytes escaped."""
    if path:
        with atomic(path) as part, part.open("w", encoding="utf-8", errors=ESCAPED, newline="") as out:
            yield out
        return
    if sys.stdout is None:
        raise UserError("standard output: is closed", "open it, or name a file with --output.")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors=ESCAPED)
    yield sys.stdout


def names_on_list(given: Sequence[str]) -> list[str]:
    """Return the names on standard input if they are asked for. Raises `UserError` if it is closed."""
    if sources.LIST not in given:
        return []
    if sys.stdin is None:
        raise UserError("standard input: is closed", f"pipe names into it, or leave {sources.LIST} out.")
    return sources.listed(sys.stdin.buffer)


def spare_images(output: Path, names: Iterable[str]) -> None:
    """Raise `UserError` if writing would replace an image, or what was given as one."""
    with disk_errors(output):
        there = output.is_file()
    if there and (is_image(output) or any(sources.same(name, output) for name in names)):
        raise UserError(f"{output}: is an image; the answers would replace it", "name another file.")


def is_image(path: Path) -> bool:
    """Say whether a file looks like an image, of whatever size, without decoding it."""
    with decode.decoding():
        try:
            with Image.open(path):
                return True
        except Image.DecompressionBombError:
            return True
        except Exception:  # a damaged file makes Pillow's readers raise almost anything
            return False


@dataclass
class Tally:
    """How many answers there were, and what could not be used: counted, the first ones by name."""

    answers: int = 0
    bad: int = 0
    first: list[str] = field(default_factory=list)

    def follow(self, parts: Iterable[Predictions]) -> Iterator[pd.DataFrame]:
        """Pass the tables on; tell the rest on standard error."""
        for part in parts:
            for note in part.notes:
                print(f"note: {shown(note)}", file=sys.stderr)
            for problem in part.problems:
                print(problem, file=sys.stderr)
            self.first += [shown(one.name) for one in part.problems[: NAMED - len(self.first)]]
            self.bad += len(part.problems)
            self.answers += len(part.table)
            yield part.table

    def end(self, what: str) -> None:
        """Raise `UserError` if anything could not be used."""
        if self.bad:
            names = ", ".join(self.first) + (", ..." if self.bad > len(self.first) else "")
            raise UserError(
                f"{self.bad:,} of {self.bad + self.answers:,} {what} could not be used: {names}",
                f"what is wrong with each stands above{'; all others are done' if self.answers else ''}.",
            )


def main(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="images, folders, 'patterns', or - for a list"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=len(CLASSES), help="how many classes of each")] = 1,
    how: Annotated[
        Format | None, typer.Option("--format", help="a table is the default on a terminal, else csv")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="classify the regions in this table, as annotate/out/labels/boxes.csv")
    ] = None,
    probabilities: Annotated[
        bool, typer.Option("--probabilities", help="add a column for each class")
    ] = False,
    output: Annotated[
        Path | None, typer.Option(dir_okay=False, help="write a file, whole or not at all")
    ] = None,
    weights: Annotated[Path, typer.Option("--model", help="another network")] = MODEL,
) -> None:
    """Say which class images, or regions of them, are of."""
    given = paths or ([IMAGES] if boxes else [])
    if not given:
        raise typer.BadParameter("give images, folders, patterns, or - for a list on standard input")
    for_people = sys.stdout is not None and sys.stdout.isatty() and not output and not probabilities
    how = how or (Format.table if for_people else Format.csv)
    if probabilities and (how is Format.table or top > 1):
        raise typer.BadParameter("--probabilities goes with --format csv or json, and without --top")
    on_list = names_on_list(given)
    if output:
        spare_images(output, [*given, *on_list])
    keep_large_blocks()
    network = model.load(choose_device(), weights)
    asked, tally = Asked(given, regions.read(boxes) if boxes else None, on_list, output), Tally()
    with (
        progress("predicting", sum(1 for _ in asked.each()), "images", stderr=True) as task,
        opened(output) as out,  # after the bar, which on a terminal keeps what is printed out of its line
        closing(asked.answers(network, top, probabilities, task.advance)) as parts,
    ):
        for piece in writers.write(tally.follow(parts), how, shutil.get_terminal_size().columns):
            out.write(piece)
            out.flush()
    what = "boxes" if boxes else "images"
    if output:
        print(f"{output}: {tally.answers:,} {what}")
    tally.end(what)


if __name__ == "__main__":
    run(main, interrupted=STARTS_AGAIN)
