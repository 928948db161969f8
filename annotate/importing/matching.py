"""Which of our pictures a file means: by its name among our tasks, or by its bytes in the user's folder."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from annotate.folder import DIGITS
from annotate.tasks import Task
from data.errors import UserError
from data.files import digest
from data.folders import Problem, pictures_in, reason
from data.progress import track

UPLOADED = re.compile(r"^[0-9a-f]{8}-")  # what Label Studio puts before the name of an upload
DATED = re.compile(r"^[0-9]{8}-")  # what may be that, or a day


class Finder:
    """Finds the task of a picture by the name that another tool has for it."""

    def __init__(self, tasks: Sequence[Task], folder: Path | None = None) -> None:
        """Take our tasks and, if the names are those of the user's own files, their folder.

        `annotate.sample` names such a picture after its bytes, so that is how it is known here. Raises
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
            raise UserError(f"{folder}: no such folder", "name the pictures' own with --images FOLDER.")
        found = list(pictures_in(str(folder)))
        paths = [Path(one) for one in found if isinstance(one, str)]
        problems = [one for one in found if isinstance(one, Problem)]
        self._names.clear()  # the folder's names count now, not ours
        for path in track(paths, "looking for pictures", len(paths), "files"):
            try:
                sha = digest(path, "sha256")
            except OSError as error:
                problems.append(Problem(str(path), reason(error)))
                continue
            task = self._by_id.get(f"picture-{sha[:DIGITS]}") or self._by_sha.get(sha)
            self._add((folder.resolve() / path.relative_to(folder)).as_posix(), task)
        for one in problems:
            print(f"not looked at: {one}")

    def _add(self, name: str, task: Task | None) -> None:
        for key in _keys(name):
            self._names[key].add(task.image_id if task else "")

    def find_all(self, names: Iterable[str]) -> dict[str, Task | str]:
        """Return by name what `find` does for all the names in a file, which cannot all mean one picture.

        Where several lead to one by what they end in, as a/1.jpg and b/1.jpg do, that one counts whose
        folders are the picture's, too.
        """
        found = {name: self.find(name) for name in names}
        meant: dict[str, set[str]] = defaultdict(set)
        for name, task in found.items():
            if isinstance(task, Task):
                meant[task.image_id].add(_without_upload(name))
        for name, task in found.items():
            if isinstance(task, Task):
                many = len(meant[task.image_id])
                if many > 1 and _plain(name) not in self._names:
                    found[name] = f"{many} names in the file end as the picture's does"
        return found

    def find(self, name: str) -> Task | str:
        """Return the task of a picture, or why there is none; the longest part of a name decides."""
        for key in _spellings(name):
            found = self._names.get(key)
            if found and len(found) > 1:
                return f"{len(found)} pictures are called {key}"
            if found:
                return self._by_id.get(next(iter(found))) or "the picture is not in tasks.json"
        return "no picture of that name"


def _keys(name: str) -> Iterable[str]:
    """Return every end of a path that may stand for a picture, with and without its file's suffix."""
    parts = unicodedata.normalize("NFC", name).split("/")
    for start in range(len(parts)):
        end = "/".join(parts[start:])
        yield end
        yield str(PurePosixPath(end).with_suffix(""))


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


def _without_upload(name: str) -> str:
    """Return a name without what Label Studio puts before it, so that two uploads of a picture are alike."""
    folders, slash, last = _plain(name).rpartition("/")
    return folders + slash + (last if DATED.match(last) else UPLOADED.sub("", last))


def _spellings(name: str) -> Iterable[str]:
    """Return how our side may write a name: without folders, hashes and URLs, in the end without suffix."""
    plain = _plain(name)
    for whole in dict.fromkeys((plain, unicodedata.normalize("NFC", unquote(plain.rpartition("?d=")[2])))):
        parts = whole.split("/")
        for start in range(len(parts)):
            yield "/".join(parts[start:])
        last = UPLOADED.sub("", parts[-1])
        yield last
        if last:
            yield PurePosixPath(last).stem
