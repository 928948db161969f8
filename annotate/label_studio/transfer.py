"""How the images come to the server: it reads them from the disk that it shares with us, or gets copies.

Which of the two is found by trying: the server is asked to serve our folder, and what it then serves has to
be the very image. So it does not matter how its address is written, and a folder of the same name on
another machine deceives nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from annotate.label_studio.client import Api, RefusedError
from annotate.label_studio.errors import foreign
from annotate.label_studio.project import Project
from annotate.labelling.tasks import IMAGES, Task
from data.common.errors import UserError

LOCAL_FILES = "/data/local-files/?d="
STORAGES = "/api/storages/localfiles"
MOST_FILES = 100  # in one request: Label Studio answers 500 to more
MOST_BYTES = 100e6  # in one request: it takes 250 MB, and all of them are held in memory here
MOST_TASKS = 1000  # in one request of tasks without files: 0.2 s each


class Delivery(Protocol):
    """A way for images to reach the server."""

    @property
    def name(self) -> str:
        """What is done with the images, in a word."""

    def batches(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Yield the tasks in parts that can be sent at once."""

    def addresses(self, tasks: Sequence[Task]) -> list[str]:
        """Bring the images of one part and return where the page finds each."""


@dataclass(frozen=True)
class SameDisk:
    """The server reads the images itself, in a folder below its document root, which is ours too."""

    root: Path
    name: str = "read from this disk"

    def batches(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Yield up to 1,000 tasks at a time."""
        for start in range(0, len(tasks), MOST_TASKS):
            yield list(tasks[start : start + MOST_TASKS])

    def addresses(self, tasks: Sequence[Task]) -> list[str]:
        """Return each image's path below the document root."""
        return [self.address(task) for task in tasks]

    def address(self, task: Task) -> str:
        """Return the path of one image below the document root, as a URL."""
        # The folder's own place: an image in it may be a link into DVC's cache.
        image = IMAGES.resolve() / Path(task.image).name
        return LOCAL_FILES + quote(image.relative_to(self.root).as_posix())


@dataclass(frozen=True)
class Upload:
    """The server gets a copy of each image."""

    api: Api
    project: Project
    name: str = "uploaded"

    def batches(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        """Yield up to 100 tasks or 100 MB at a time."""
        part: list[Task] = []
        size = 0
        for task in tasks:
            bytes_ = Path(task.image).stat().st_size
            if part and (len(part) == MOST_FILES or size + bytes_ > MOST_BYTES):
                yield part
                part, size = [], 0
            part.append(task)
            size += bytes_
        if part:
            yield part

    def addresses(self, tasks: Sequence[Task]) -> list[str]:
        """Upload the images and return the server's addresses of its copies."""
        # A field name of its own for each: of files with one name Label Studio keeps the last.
        files = [
            (f"file{number}", (_copy(task), Path(task.image).read_bytes()))
            for number, task in enumerate(tasks)
        ]
        home = f"/api/projects/{self.project.number}"
        reply = self.api.upload(f"{home}/import?commit_to_project=false", files)
        numbers = reply.get("file_upload_ids") if isinstance(reply, dict) else None
        if not isinstance(numbers, list) or len(numbers) != len(tasks):
            raise foreign(self.api.server.url)
        copies = {one["id"]: one["file"] for one in self.api.get(f"{home}/file-uploads", ids=str(numbers))}
        addresses = [f"/data/{copies.get(number, '')}" for number in numbers]
        _check_names(self.api, tasks, addresses)
        return addresses


def _check_names(api: Api, tasks: Sequence[Task], addresses: Sequence[str]) -> None:
    """Make sure that each copy is the one of its task: the server keeps the name behind a prefix."""
    for task, address in zip(tasks, addresses, strict=True):
        if not address.endswith(f"-{_copy(task)}"):
            raise UserError(
                f"{api.server.shown}: the copy of {task.image_id} came to lie at {address}",
                "repeat the command; if that stays so, this release of Label Studio is not supported.",
            )


def _copy(task: Task) -> str:
    return task.image_id + Path(task.image).suffix


def choose(api: Api, project: Project, task: Task, upload: bool) -> Delivery:
    """Return how to bring the images, tried with one of them; `upload` leaves no choice.

    A connected storage that turns out to be of no use is disconnected again.
    """
    if upload:
        return Upload(api, project)
    folder = IMAGES.resolve()
    storage, made = _storage(api, project, folder)
    if storage is not None:
        try:
            for root in folder.parents:
                way = SameDisk(root)
                if is_served(api, way.address(task), task):
                    return way
        except UserError:
            if made:
                with suppress(UserError):  # of the first failure it is that is told
                    api.delete(f"{STORAGES}/{storage}")
            raise
        if made:
            api.delete(f"{STORAGES}/{storage}")
    return Upload(api, project)


def is_served(api: Api, address: str, task: Task) -> bool:
    """Return whether the server gives the very image at an address."""
    content = api.content(address)
    return content is not None and hashlib.sha256(content).hexdigest() == task.sha256


def _storage(api: Api, project: Project, folder: Path) -> tuple[int | None, bool]:
    """Return a storage that covers the folder, and whether it was made for it.

    None where the server refuses: it has no such folder, or not below its document root, or serves none.
    """
    for storage in api.get(f"{STORAGES}/", project=project.number):
        if storage["path"] and folder.is_relative_to(storage["path"]):
            return storage["id"], False
    wanted = {"project": project.number, "path": str(folder), "use_blob_urls": True, "title": "images"}
    try:
        return api.post(f"{STORAGES}/", wanted)["id"], True
    except RefusedError:
        return None, False
