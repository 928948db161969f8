"""Which of our images a file means: by its name among our tasks, or by its bytes in the user's folder."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from annotate.labelling.folder import DIGITS
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from data.common.files import digest
from data.common.progress import track
from data.images.walk import Skipped, images_in, reason

UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an upload
DATED = re.compile(r"^[0-9]{8}-")  # what may be that in two of a hundred names, or a day
UNKNOWN = "no image of that name"
ABOVE = 3  # folders above the user's images that tell names apart, the one that was given among them


class Finder:
    """Finds the task of an image by the name that another tool has for it."""

    def __init__(self, tasks: Sequence[Task], folder: Path | None = None) -> None:
        """Take our tasks and, if the names are those of the user's own files, their folder.

        `annotate.sample` names such an image after its bytes, so that is how it is known here. Raises
        `UserError` if the folder is missing.
        """
        self._by_id = {task.image_id: task for task in tasks}
        self._by_sha = {task.sha256: task for task in tasks}
        self._names: dict[str, set[str]] = defaultdict(set)
        for task in tasks:
            self._add(task.image, task)
        if folder is not None:
            self._add_folder(folder)

    def _add_folder(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UserError(f"{folder}: no such folder", "name the images' own with --images FOLDER.")
        found = list(images_in(str(folder)))
        paths = [Path(one) for one in found if isinstance(one, str)]
        problems = [one for one in found if isinstance(one, Skipped)]
        self._names.clear()  # the folder's names count now, not ours
        above = {Path(*home.parts[-ABOVE:]) for home in (folder.absolute(), folder.resolve())}
        for path in track(paths, "looking for images", len(paths), "files"):
            try:
                sha = digest(path, "sha256")
            except OSError as error:
                problems.append(Skipped(str(path), reason(error)))
                continue
            task = self._by_id.get(f"image-{sha[:DIGITS]}") or self._by_sha.get(sha)
            for home in above:
                self._add((home / path.relative_to(folder)).as_posix(), task)
        for one in problems:
            print(f"not looked at: {one}")

    def _add(self, name: str, task: Task | None) -> None:
        for key in _keys(name):
            self._names[key].add(task.image_id if task else "")

    def find_all(self, names: Iterable[str]) -> dict[str, Task | str]:
        """Return by name what `find` does, for all the names in a file, which cannot all mean one image.

        Where several lead to one by the same end, as a/1.jpg and b/1.jpg do, that one counts of which the
        longest part is the image's, and none if there is no such.
        """
        matches = {name: self._match(name) for name in names}
        meant: dict[str, dict[str, str]] = defaultdict(dict)  # for each image: names, and what they end in
        for name, (task, key) in matches.items():
            if isinstance(task, Task):
                meant[task.image_id][name] = key
        found = {name: task for name, (task, _) in matches.items()}
        for ends in meant.values():
            for name, other in _contested(ends):
                found[name] = f"{other} in the same file may be the image as well"
        return found

    def find(self, name: str) -> Task | str:
        """Return the task of an image, or why there is none; the longest part of a name decides."""
        return self._match(name)[0]

    def _match(self, name: str) -> tuple[Task | str, str]:
        """Return what `find` does, and the part of the name that decided."""
        for key in _spellings(name):
            found = self._names.get(key)
            if found and len(found) > 1:
                return f"{len(found)} images are called {key}", key
            if found:
                return self._by_id.get(next(iter(found))) or "the image is not in tasks.json", key
        return UNKNOWN, ""


def _contested(ends: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield the names that another one excludes, with that: both lead to an image, by these ends.

    Two uploads of an image, and files of the same bytes that have different names, exclude nothing.
    """
    lasts = [_path(name).rpartition("/")[2] for name in ends]
    uploads = any(UPLOADED.match(last) and not DATED.match(last) for last in lasts)
    plain = {name: _without_upload(_path(name)) if uploads else _path(name) for name in ends}
    sure = {name: (len(key), key == plain[name]) for name, key in ends.items()}
    for name, other in permutations(ends, 2):
        alike = _one_end(ends[name], ends[other]) and not _is_end(plain[name], plain[other])
        if alike and sure[other] >= sure[name]:
            yield name, other


def _one_end(one: str, other: str) -> bool:
    """Return whether two ends of names are the same or one the other's, their suffixes apart."""
    return _is_end(*(str(PurePosixPath(key).with_suffix("")) for key in (one, other)))


def _is_end(one: str, other: str) -> bool:
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def _keys(name: str) -> Iterable[str]:
    """Return every end of a path that may stand for an image, with and without its file's suffix."""
    parts = unicodedata.normalize("NFC", name).split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        yield end
        yield str(PurePosixPath(end).with_suffix(""))


def _path(name: str) -> str:
    """Return a name with slashes alone, and of Label Studio's address of a local file the file."""
    plain = unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")
    return unicodedata.normalize("NFC", unquote(plain.rpartition("?d=")[2])) if "?d=" in plain else plain


def _without_upload(path: str) -> str:
    folders, slash, last = path.rpartition("/")
    return folders + slash + UPLOADED.sub("", last)


def _spellings(name: str) -> Iterable[str]:
    """Return how our side may write a name: without folders, hashes and URLs, in the end without suffix."""
    plain = _path(name)
    for whole in dict.fromkeys((plain, unicodedata.normalize("NFC", unquote(plain)))):
        parts = whole.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:])
        last = UPLOADED.sub("", parts[-1])
        yield last
        if last:
            yield PurePosixPath(last).stem
