"""How the images reach the server: it reads them from the disk that it shares with us, or gets copies.

Which of the two is tried: the server is asked to serve our folder, and the file that it then serves has to be
the very image. So neither the spelling of its address nor a folder of the same name elsewhere misleads.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from annotate.label_studio.client import PASSING, Client
from annotate.label_studio.messages import ServerError
from annotate.label_studio.project import Project
from annotate.labelling.tasks import IMAGES, Task
from data.common.errors import UserError

LOCAL_FILES = "/data/local-files/?d="
MAX_FILES = 100  # in one request: Label Studio answers 500 to more
MAX_BYTES = 100e6  # in one request: it takes 250 MB, and all of them are held in memory here
MAX_TASKS = 1000  # in one request of tasks without files: 0.2 s each


@dataclass(frozen=True)
class SameDisk:
    """The server reads the images itself, in a folder below its document root, which is ours too."""

    root: Path
    name: str = "read from this disk"

    def batches(self, tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
        """Yield up to 1,000 tasks at a time."""
        return (tasks[start : start + MAX_TASKS] for start in range(0, len(tasks), MAX_TASKS))

    def urls(self, tasks: Sequence[Task]) -> list[str]:
        """Return each image's path below the document root, as a URL."""
        # The folder is resolved, the file is not: it may be a link into DVC's cache.
        folder = IMAGES.resolve().relative_to(self.root)
        return [LOCAL_FILES + quote((folder / Path(task.image).name).as_posix()) for task in tasks]


@dataclass(frozen=True)
class Upload:
    """The server gets a copy of each image."""

    project: Project
    name: str = "uploaded"

    def batches(self, tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
        """Yield up to 100 tasks or 100 MB at a time."""
        batch: list[Task] = []
        total = 0
        for task in tasks:
            size = Path(task.image).stat().st_size
            if batch and (len(batch) == MAX_FILES or total + size > MAX_BYTES):
                yield batch
                batch, total = [], 0
            batch.append(task)
            total += size
        if batch:
            yield batch

    def urls(self, tasks: Sequence[Task]) -> list[str]:
        """Upload the images and return the server's URLs of its copies."""
        # Raw, since the SDK has no upload. Of files in fields of one name Label Studio keeps the last.
        names = [task.image_id + Path(task.image).suffix for task in tasks]
        files = {
            f"file{number}": (name, Path(task.image).read_bytes())
            for number, (name, task) in enumerate(zip(names, tasks, strict=True))
        }
        client, path = self.project.client, self.project.path
        with client.expected():
            reply = client.post(f"{path}/import?commit_to_project=false", files=files).json()
            numbers = reply["file_upload_ids"]
            uploads = client.get(f"{path}/file-uploads", params={"ids": str(numbers)}).json()
            paths = {upload["id"]: upload["file"] for upload in uploads}
            urls = [f"/data/{paths[number]}" for number in numbers]
            if not all(url.endswith(f"-{name}") for url, name in zip(urls, names, strict=True)):
                raise ValueError("other names than ours behind the server's prefixes")
        return urls


def choose(project: Project, task: Task, upload: bool) -> SameDisk | Upload:
    """Return how to bring the images, tried with one of them; with `upload` as copies without a try.

    A storage that was connected for the try is disconnected again if it is of no use.
    """
    if upload:
        return Upload(project)
    folder = IMAGES.resolve()
    storage, is_new = _storage(project, folder)
    same_disk = None
    try:
        if storage is not None:
            ways = (SameDisk(root) for root in folder.parents)
            same_disk = next(
                (way for way in ways if is_served(project.client, way.urls([task])[0], task)), None
            )
    finally:
        if is_new and same_disk is None:
            with suppress(UserError):  # the first failure is the one to report
                project.client.sdk.import_storage.local.delete(storage)
    return same_disk or Upload(project)


def is_served(client: Client, url: str, task: Task) -> bool:
    """Return whether the server gives the very image at a URL."""
    try:
        content = client.get(url).content
    except ServerError as error:
        # With 500 it may say that it cannot read a path.
        if error.status in PASSING - {500}:
            raise
        return False
    return hashlib.sha256(content).hexdigest() == task.sha256


def _storage(project: Project, folder: Path) -> tuple[int | None, bool]:
    """Return a storage that covers the folder, and whether it was made now.

    None where the server refuses: it has no such folder, or not below its document root, or serves none.
    """
    storages = project.client.sdk.import_storage.local
    with project.client.expected():
        for storage in storages.list(project=project.number):
            if storage.path and folder.is_relative_to(storage.path):
                return int(storage.id), False
        fields = {"path": str(folder), "use_blob_urls": True, "title": "images"}
        try:
            return int(storages.create(project=project.number, **fields).id), True
        except ServerError as error:
            if error.status != 400:
                raise
            return None, False
