"""Choose the images to label, at random and without their classes in sight.

    python -m annotate sample

Reads params.yaml (`annotate`), annotate/project/next.json and the embedded sample's test images, or a folder
of the user's images. Writes annotate/out/images/ and annotate/project/tasks.json. No name contains a class,
and the choice is not balanced by class, so that nobody can label the last images by counting the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from annotate.labelling import folder
from annotate.labelling.tasks import CHOSEN, IMAGES, TASKS, Task, read_chosen, write_tasks
from data import params
from data.common.errors import UserError
from data.common.files import atomic, digest
from data.common.progress import track
from data.datasets import embedded
from data.datasets.dataset import image_name
from data.recipe import Annotate

Images = Mapping[str, Callable[[], Image.Image]]  # name to a function that decodes the image


def read(source: Path) -> Images:
    """Return the user's images, or the sample's for testing: `test-00042` has the official index 42."""
    if source != embedded.FOLDER:
        return {name: partial(folder.read, path) for name, path in folder.find(source).items()}
    dataset = embedded.read("test")
    pairs = zip(dataset.indices, dataset.images, strict=True)
    return {image_name(index): partial(Image.fromarray, pixels) for index, pixels in pairs}


def choose(size: int, count: int, seed: int) -> list[int]:
    """Return `count` different positions below `size`, ascending, or all; the same for the same seed."""
    rows = np.random.default_rng(seed).choice(size, min(count, size), replace=False)
    return sorted(int(row) for row in rows)


def draw(images: Images, wanted: Annotate, chosen: Sequence[str]) -> Iterator[tuple[str, Image.Image]]:
    """Yield name and image of a random choice, and of those in next.json, sorted by name.

    In place of a damaged image another is drawn. Raises `UserError` if too few images can be read, or one in
    next.json is missing.
    """
    missing = [name for name in chosen if name not in images]
    if missing:
        raise UserError(
            f"{CHOSEN}: {missing[0]} is not among the images of {wanted.source}",
            "restore the image, or remove its name there.",
        )
    names = list(images)
    drawn = {names[row] for row in choose(len(names), wanted.images, wanted.seed)}.union(chosen)
    spare = [name for name in names if name not in drawn]
    np.random.default_rng(wanted.seed).shuffle(spare)
    damaged: list[str] = []
    for tried, name in enumerate([*sorted(drawn), *spare]):
        if tried == len(drawn) + len(damaged):
            break
        try:
            yield name, images[name]()
        except UserError as error:
            damaged.append(error.what)
    folder.report_skipped(damaged)
    count = len(images) - len(damaged)
    if count < wanted.images:
        raise UserError(
            f"{wanted.source} has {count} different readable images; annotate.images is {wanted.images}",
            f"add images, or set annotate.images in params.yaml to {count} or less.",
        )


def save(images: Iterator[tuple[str, Image.Image]], count: int, level: int) -> list[Task]:
    """Write each image as PNG, all of them or none, and return the tasks."""
    tasks = []
    with atomic(IMAGES) as part:
        part.mkdir()
        for name, image in track(images, "writing images", count, "images"):
            file = f"{name}.png"
            image.save(part / file, compress_level=level)
            tasks.append(Task(name, (IMAGES / file).as_posix(), digest(part / file, "sha256")))
    return tasks


def main() -> None:
    """Choose the images to label: annotate/out/images/ and annotate/project/tasks.json."""
    wanted, chosen = params.load().annotate, read_chosen()
    # Uncompressed, so that the checksums in git do not depend on the release of zlib; but photographs would
    # take gigabytes that way, and get zlib's own default.
    level = 0 if Path(wanted.source) == embedded.FOLDER else 6
    tasks = save(draw(read(Path(wanted.source)), wanted, chosen), wanted.images + len(chosen), level)
    write_tasks(TASKS, tasks)
    print(f"{len(tasks)} images to label from {wanted.source}: {TASKS}, {IMAGES}/")
