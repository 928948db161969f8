"""Which of our images a file means: by its name among our tasks, or by its bytes in the user's folder."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import permutations
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from annotate.labelling.folder import DIGITS
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.common.files import digest
from data.common.progress import track
from data.images.names import NameIndex
from data.images.walk import Skipped, images_in, reason

UPLOADED = re.compile(r"(?<![^/])[0-9a-f]{8}-(?=[^/]*$)")  # what Label Studio puts before an upload's name
DATED = re.compile(r"(?<![^/])[0-9]{8}-(?=[^/]*$)")  # the same in two of a hundred names, or a day
ABOVE = 3  # folders above the user's images that tell names apart, the given folder among them


def find_tasks(
    names: Iterable[str], tasks: Sequence[Task], folder: Path | None = None
) -> dict[str, Task | str]:
    """Return the task of each image's name in a file, or why there is none.

    If the names are those of the user's own files, these lie in `folder`. Where several names lead to one
    image by the same end, as a/1.jpg and b/1.jpg do, the one that agrees with the image in the longest end
    counts, and none if there is no such. Raises `UserError` if the folder is missing.
    """
    index = _index(tasks, folder)
    by_id = {task.image_id: task for task in tasks}
    matches: dict[str, Task | str] = {}
    ends: dict[str, dict[str, str]] = defaultdict(dict)  # by image: its names, and the ends that matched
    for name in names:
        end, image_ids = _match(name, index)
        if not image_ids:
            matches[name] = "no image of that name"
        elif len(image_ids) > 1:
            matches[name] = f"{len(image_ids)} images are called {end}"
        elif task := by_id.get(image_ids[0]):
            matches[name] = task
            ends[task.image_id][name] = end
        else:
            matches[name] = "the image is not in tasks.json"
    for rivals in ends.values():
        for name, other in _ruled_out(rivals):
            matches[name] = f"{other} in the same file may be the image as well"
    return matches


def _index(tasks: Sequence[Task], folder: Path | None) -> NameIndex[str]:
    """Return the images' ids by name; of a file that is no task, an empty id.

    `annotate.sample` names an image of the user after its bytes, which match its file to its task here.
    """
    index = NameIndex[str]()
    if folder is None:
        for task in tasks:
            index.add(task.image, task.image_id)
        return index
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder", "give --images the folder of your images.")
    by_sha256 = {task.sha256: task.image_id for task in tasks}
    by_name = {task.image_id for task in tasks}
    above = {Path(*home.parts[-ABOVE:]) for home in (folder.absolute(), folder.resolve())}
    files = list(images_in(str(folder)))
    for file in track(files, "looking for images", len(files), "files"):
        if isinstance(file, Skipped):
            print(f"skipped: {file}")
            continue
        try:
            sha256 = digest(Path(file), "sha256")
        except OSError as error:
            print(f"skipped: {file}: {reason(error)}")
            continue
        image_id = f"image-{sha256[:DIGITS]}"
        if image_id not in by_name:
            image_id = by_sha256.get(sha256, "")
        for home in above:
            index.add((home / Path(file).relative_to(folder)).as_posix(), image_id)
    return index


def _match(name: str, index: NameIndex[str]) -> tuple[str, Sequence[str]]:
    """Return the end of a name that some images have, and their ids."""
    path = _path(name)
    for spelling in (path, unquote(path)):
        upload = UPLOADED.sub("", spelling).rpartition("/")[2]  # no folder: uploads have their own
        for candidate in (spelling, upload):
            end, image_ids = index.find(candidate)
            if image_ids:
                return end, image_ids
    return "", ()


def _ruled_out(ends: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each name of an image that another one rules out, with that; `ends`: which end of each matched.

    Names are compatible if one is an end of the other, as those of two uploads, or if they match different
    ends, as those of files with the same bytes.
    """
    paths = {name: _path(name) for name in ends}
    if any(UPLOADED.search(path) and not DATED.search(path) for path in paths.values()):
        paths = {name: UPLOADED.sub("", path) for name, path in paths.items()}
    stems = {name: str(PurePosixPath(end).with_suffix("")) for name, end in ends.items()}
    ranks = {name: _rank(paths[name], end) for name, end in ends.items()}
    for name, other in permutations(ends, 2):
        compatible = _nested(paths[name], paths[other]) or not _nested(stems[name], stems[other])
        if not compatible and ranks[other] >= ranks[name]:
            yield name, other


def _rank(path: str, end: str) -> tuple[bool, int, bool]:
    """Return how well an end matches a name's path: its suffix, how much of it, the whole."""
    return PurePosixPath(end).suffix == PurePosixPath(path).suffix, len(end), end == path


def _nested(path: str, other: str) -> bool:
    """Return whether one of two paths is an end of the other."""
    return f"/{path}".endswith(f"/{other}") or f"/{other}".endswith(f"/{path}")


def _path(name: str) -> str:
    """Return a name with slashes alone; of Label Studio's URL of a local file, the file's path."""
    path = name.strip().replace("\\", "/").removeprefix("./")
    if "?d=" in path:
        path = unquote(path.rpartition("?d=")[2])
    return unicodedata.normalize("NFC", path)
