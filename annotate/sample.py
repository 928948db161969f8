"""Choose the images to label, at random and without their classes in sight.

    python -m annotate sample

Reads params.yaml (`annotate`), annotate/project/next.json and the embedded sample's test images, or a folder of
the user's images. Writes annotate/out/images/ and annotate/project/tasks.json. No name tells a class, and the choice
is not balanced by class, so that nobody can label the last images by counting the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from annotate.labelling import folder
from annotate.labelling.tasks import CHOSEN, IMAGES, TASKS, Task, read_chosen, write_tasks
from data import params
from data.common.errors import UserError
from data.common.files import atomic, digest
from data.common.progress import track
from data.datasets import sample
from data.datasets.dataset import image_name


def choose(size: int, count: int, seed: int) -> list[int]:
    """Return `count` different positions below `size`, ascending; the same seed gives the same ones."""
    return sorted(int(row) for row in np.random.default_rng(seed).choice(size, count, replace=False))


def from_sample(count: int, seed: int, more: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and image of a random choice from the sample's test part, and of `more` of them, by name.

    `test-00042` is the image of official index 42.
    """
    dataset = sample.read("test")
    if count > len(dataset):
        raise UserError(
            f"annotate.images is {count}; the embedded sample has {len(dataset)} test images",
            f"set it to {len(dataset)} or less in params.yaml.",
        )
    names = [image_name(index) for index in dataset.indices]
    drawn = {names[row] for row in choose(len(names), count, seed)}
    for name in sorted(drawn.union(more)):
        if name not in names:
            raise UserError(
                f"{CHOSEN}: {name} is not among the sample's test images", "take the name out of the file."
            )
        yield name, Image.fromarray(dataset.images[names.index(name)])


def from_folder(
    source: Path, count: int, seed: int, more: Sequence[str] = ()
) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and image of a random choice from the user's images, and of `more` of them, by name."""
    found = folder.find(source, count)
    names = list(found)
    drawn = {names[row] for row in choose(len(names), count, seed)}
    for name in sorted(drawn.union(more)):
        if name not in found:
            raise UserError(
                f"{CHOSEN}: {name} is not among the images of {source}",
                "bring the image back, or take the name out of the file.",
            )
        yield name, folder.read(found[name])


def save(chosen: Iterator[tuple[str, Image.Image]], count: int, level: int) -> list[Task]:
    """Write each image as PNG, all of them or none, and return the tasks."""
    tasks = []
    with atomic(IMAGES) as part:
        part.mkdir()
        for name, image in track(chosen, "writing images", count, "images"):
            file = f"{name}.png"
            image.save(part / file, compress_level=level)
            tasks.append(Task(name, (IMAGES / file).as_posix(), digest(part / file, "sha256")))
    return tasks


def main() -> None:
    """Choose the images to label: annotate/out/images/ and annotate/project/tasks.json."""
    wanted, more = params.load().annotate, read_chosen()
    if Path(wanted.source) == sample.FOLDER:
        # Uncompressed: the bytes, and with them the checksums in git, depend on no release of zlib.
        chosen = from_sample(wanted.images, wanted.seed, more)
        tasks = save(chosen, wanted.images + len(more), level=0)
    else:
        # Photographs would take gigabytes that way; 6 is zlib's own default.
        chosen = from_folder(Path(wanted.source), wanted.images, wanted.seed, more)
        tasks = save(chosen, wanted.images + len(more), level=6)
    write_tasks(TASKS, tasks)
    print(f"{len(tasks)} images to label from {wanted.source}: {TASKS}, {IMAGES}/")
