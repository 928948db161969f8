"""Which of our images a name means that another tool has for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from annotate.formats.match import find_tasks
from annotate.labelling.tasks import Task
from data.common.errors import UserError
from tests.annotate.builders import own_image


def find(name: str, tasks: list[Task], folder: Path | None = None) -> Task | str:
    return find_tasks([name], tasks, folder)[name]


@pytest.mark.parametrize(
    "name",
    [
        "test-00042.png",
        "annotate/out/images/test-00042.png",
        "some/where/test-00042.png",
        "C:\\images\\test-00042.png",
        "test-00042",
        "/data/local-files/?d=annotate/out/images/test-00042.png",
        "0a1b2c3d-test-00042.png",
        "http://elsewhere.example/a%20b/test%2D00042.png",
    ],
)
def test_an_image_is_found_however_a_tool_spells_it(name: str) -> None:
    task = Task("test-00042", "annotate/out/images/test-00042.png", "0")
    tasks = [task, Task("test-00043", "annotate/out/images/test-00043.png", "1")]
    assert find(name, tasks) == task
    assert find(name.replace("42", "44"), tasks) == "no image of that name"


def test_names_that_several_images_have(room: Path) -> None:
    tasks = [own_image("one/a.png"), own_image("two/a.png"), own_image("ünï 'c\" (3).png")]
    own = Path("own")
    assert find("a.png", tasks, own) == "2 images are called a.png"
    assert find("set/two/a.png", tasks, own) == tasks[1]
    assert find("u\u0308nï 'c\" (3).png", tasks, own) == tasks[2]
    assert find("one/a.png", tasks[1:], own) == "the image is not in tasks.json"
    with pytest.raises(UserError, match="nowhere: no such folder"):
        find("a.png", tasks, Path("nowhere"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cam1/a.png", "cam2/a.png"], ["cam1/a.png"]),  # the folder is called cam1
        (["/data/set/cam1/a.png", "/data/set/cam2/a.png"], ["/data/set/cam1/a.png"]),
        (["C:\\set\\cam1\\a.png", "C:\\set\\cam2\\a.png"], ["C:\\set\\cam1\\a.png"]),
        (["/d/?d=cam1%2Fa.png", "/d/?d=cam2%2Fa.png"], ["/d/?d=cam1%2Fa.png"]),
        (["linked/a.png", "cam2/a.png"], ["linked/a.png"]),  # its other name
        (["cam2/a.png", "cam3/a.png"], []),
        (["cam2/a.png"], ["cam2/a.png"]),  # a folder may have got another name
        (["a.png", "a.jpg"], ["a.png"]),
        (["cam1/a.jpg", "a.png"], ["a.png"]),
        (["cam1/a.jpg", "cam2/a.jpg"], ["cam1/a.jpg"]),
        (["20240101-a.png", "20240102-a.png"], []),  # days
        (["20240101-a.png", "a.png"], ["a.png"]),
        (["0a1b2c3d-a.png", "12345678-a.png"], ["0a1b2c3d-a.png", "12345678-a.png"]),  # uploaded twice
        (["0a1b2c3d-a.png", "images/a.png"], ["0a1b2c3d-a.png", "images/a.png"]),
        (["a.png", "copy.png"], ["a.png", "copy.png"]),  # the same bytes
        (["x/a.png", "x/copy.png"], ["x/a.png", "x/copy.png"]),
    ],
)
def test_names_in_a_file_that_cannot_all_mean_one_image(
    room: Path, names: list[str], expected: list[str]
) -> None:
    task = own_image("cam1/a.png")
    shutil.copy("own/cam1/a.png", "own/cam1/copy.png")
    Path("own/linked").symlink_to("cam1")
    tasks = find_tasks(names, [task], Path("own/linked"))
    assert [name for name in names if tasks[name] == task] == expected
    for name in set(names) - set(expected):
        assert tasks[name] in {f"{other} in the same file may be the image as well" for other in names}


def test_files_in_the_folder_that_cannot_be_read_are_named(
    room: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = own_image("a.png")
    Path("own/gone.png").symlink_to("nowhere.png")
    assert find("a.png", [task], Path("own")) == task
    assert "own/gone.png" in capsys.readouterr().out
