"""The image files that names mean: files, folders, patterns, and lists of them.

A name is kept as it was given; an image within a folder is called FOLDER/PATH, so that it can be opened from
where the command was typed.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from PIL import Image

from data.common.errors import UserError
from data.images import decode
from data.images.walk import Skipped, images_in, reason

LIST = "-"  # stands for the names on standard input, one a line


def find(names: Iterable[str], listed: Iterable[str] = ()) -> tuple[list[str], list[Skipped]]:
    """Return the image files that are meant, in this order, and what leads to none.

    `listed` are the names that "-" stands for; they are no patterns.
    """
    entries: list[str | Skipped] = []
    for name in names:
        if name == LIST:
            found = [entry for line in listed for entry in _named(line) or [_missing(line)]]
            entries += found or [Skipped("standard input", "no name on the list")]
        else:
            entries += _named(name) or _matching(name)
    files = [entry for entry in entries if isinstance(entry, str)]
    return files, [entry for entry in entries if isinstance(entry, Skipped)]


def without_output(files: Sequence[str], output: Path) -> list[str]:
    """Return the files but the output itself, which an earlier run may have left among them.

    Raises `UserError` if the output would replace an image.
    """
    if not output.is_file():
        return [*files]
    if _is_image(output):
        raise UserError(f"{output}: is an image, which the predictions would replace", "name another file.")
    return [file for file in files if Path(file).name != output.name or not output.samefile(file)]


def _is_image(path: Path) -> bool:
    """Say whether a file looks like an image, of whatever size, without decoding it."""
    with decode.decoding():
        try:
            with Image.open(path):
                return True
        except Image.DecompressionBombError:
            return True
        except Exception:  # a damaged file makes Pillow's readers raise almost anything
            return False


def _named(name: str) -> list[str | Skipped]:
    """Return the file of a name, or the images of a folder; nothing if there is neither."""
    path = Path(name)
    try:
        if name and path.is_dir():
            return list(images_in(name))
        if path.is_file():
            return [name]
        return [Skipped(name, "neither a file nor a folder")] if name and path.exists() else []
    except OSError as error:
        return [Skipped(name, reason(error))]


def _matching(pattern: str) -> list[str | Skipped]:
    """Return each file that matches a pattern once, and those of the folders that do."""
    if not glob.has_magic(pattern):
        return [_missing(pattern)]
    # pathlib's * matches hidden files as well, a shell's does not.
    names = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    if "**" in Path(pattern).parts:  # matches what is in its folders, too
        names = [name for name in names if not Path(name).is_dir()] or names
    found = dict.fromkeys(entry for name in names for entry in _named(name))
    return list(found) or [Skipped(pattern, "no file matches this pattern")]


def _missing(name: str) -> Skipped:
    return Skipped(name, "no such file or folder")
