"""Choose the pictures to label, at random and without their classes in sight.

    python -m annotate.sample

Reads params.yaml (`annotate`), annotate/next.json and the embedded sample's test pictures, or a folder of
the user's pictures. Writes annotate/images/ and annotate/tasks.json. No name tells a class, and the choice
is not balanced by class, so that nobody can label the last pictures by counting the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from annotate import folder
from annotate.tasks import CHOSEN, IMAGES, TASKS, Task, read_chosen, write_tasks
from data import params, sample
from data.errors import UserError, run
from data.files import atomic, digest
from data.pictures import picture_name
from data.progress import track


def choose(size: int, count: int, seed: int) -> list[int]:
    """Return `count` different positions below `size`, ascending; the same seed gives the same ones."""
    return sorted(int(row) for row in np.random.default_rng(seed).choice(size, count, replace=False))


def from_sample(count: int, seed: int, more: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and picture of a random choice from the sample's test part, and of `more` of them, by name.

    `test-00042` is the picture of official index 42.
    """
    pictures = sample.read("test")
    if count > len(pictures):
        raise UserError(
            f"annotate.pictures is {count}; the embedded sample has {len(pictures)} test pictures",
            f"set it to {len(pictures)} or less in params.yaml.",
        )
    names = [picture_name(index) for index in pictures.indices]
    drawn = {names[row] for row in choose(len(names), count, seed)}
    for name in sorted(drawn.union(more)):
        if name not in names:
            raise UserError(
                f"{CHOSEN}: {name} is not among the sample's test pictures", "take the name out of the file."
            )
        yield name, Image.fromarray(pictures.images[names.index(name)].transpose(1, 2, 0))


def from_folder(
    source: Path, count: int, seed: int, more: Sequence[str] = ()
) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and picture of a random choice from the user's pictures, and of `more` of them, by name."""
    found = folder.find(source, count)
    names = list(found)
    drawn = {names[row] for row in choose(len(names), count, seed)}
    for name in sorted(drawn.union(more)):
        if name not in found:
            raise UserError(
                f"{CHOSEN}: {name} is not among the pictures of {source}",
                "bring the picture back, or take the name out of the file.",
            )
        yield name, folder.read(found[name])


def save(chosen: Iterator[tuple[str, Image.Image]], count: int, level: int) -> list[Task]:
    """Write each picture as PNG, all of them or none, and return the tasks."""
    tasks = []
    with atomic(IMAGES) as part:
        part.mkdir()
        for name, image in track(chosen, "writing pictures", count, "pictures"):
            file = f"{name}.png"
            image.save(part / file, compress_level=level)
            tasks.append(Task(name, (IMAGES / file).as_posix(), digest(part / file, "sha256")))
    return tasks


def main() -> None:
    """Choose the pictures to label: annotate/images/ and annotate/tasks.json."""
    wanted, more = params.load().annotate, read_chosen()
    if Path(wanted.source) == sample.FOLDER:
        # Uncompressed: the bytes, and with them the checksums in git, depend on no release of zlib.
        chosen = from_sample(wanted.pictures, wanted.seed, more)
        tasks = save(chosen, wanted.pictures + len(more), level=0)
    else:
        # Photographs would take gigabytes that way; 6 is zlib's own default.
        chosen = from_folder(Path(wanted.source), wanted.pictures, wanted.seed, more)
        tasks = save(chosen, wanted.pictures + len(more), level=6)
    write_tasks(TASKS, tasks)
    print(f"{len(tasks)} pictures to label from {wanted.source}: {TASKS}, {IMAGES}/")


if __name__ == "__main__":
    run(main)
