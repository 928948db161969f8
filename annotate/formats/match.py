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
UNKNOWN = "no image of that name"
ABOVE = 3  # folders above the user's images that tell names apart, the given folder among them


class Finder:
    """Finds the task of an image by the name that another tool has for it."""

    def __init__(self, tasks: Sequence[Task], folder: Path | None = None) -> None:
        """Take our tasks and, if the names are those of the user's own files, their folder.

        `annotate.sample` names such an image after its bytes, which match its file to its task here. Raises
        `UserError` if the folder is missing.
        """
        self._tasks = {task.image_id: task for task in tasks}
        self._image_ids = NameIndex[str]()  # of a file that is no task, an empty id
        if folder is not None:
            self._add_folder(folder)
            return
        for task in tasks:
            self._image_ids.add(task.image, task.image_id)

    def _add_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder", "give --images the folder of your images.")
        by_sha256 = {task.sha256: task.image_id for task in self._tasks.values()}
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
            if image_id not in self._tasks:
                image_id = by_sha256.get(sha256, "")
            for home in above:
                self._image_ids.add((home / Path(file).relative_to(folder)).as_posix(), image_id)

    def find_all(self, names: Iterable[str]) -> dict[str, Task | str]:
        """Return the task of each name in a file, or why there is none.

        Where several names lead to one image by the same end, as a/1.jpg and b/1.jpg do, the one that agrees
        with the image in the longest end counts, and none if there is no such.
        """
        matches = {name: self._match(name) for name in names}
        ends: dict[str, dict[str, str]] = defaultdict(dict)  # by image: its names, and the ends that matched
        for name, (task, end) in matches.items():
            if isinstance(task, Task):
                ends[task.image_id][name] = end
        tasks = {name: task for name, (task, _) in matches.items()}
        for rivals in ends.values():
            for name, other in _ruled_out(rivals):
                tasks[name] = f"{other} in the same file may be the image as well"
        return tasks

    def _match(self, name: str) -> tuple[Task | str, str]:
        """Return the task of a name, or why there is none, and the end of the name that decided."""
        path = _path(name)
        for spelling in (path, unquote(path)):
            without_prefix = UPLOADED.sub("", spelling).rpartition("/")[
                2
            ]  # no folder: uploads have their own
            for candidate in (spelling, without_prefix):
                end, image_ids = self._image_ids.find(candidate)
                if len(image_ids) > 1:
                    return f"{len(image_ids)} images are called {end}", end
                if image_ids:
                    return self._tasks.get(image_ids[0]) or "the image is not in tasks.json", end
        return UNKNOWN, ""


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
