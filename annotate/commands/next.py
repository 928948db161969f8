"""Choose which images to label next, by what the current model makes of them, and bring them to the server.

    python -m annotate next --count 50 --by uncertainty | diversity | disagreement

`uncertainty` and `diversity` choose further images, of the embedded sample's test part or of the user's
folder: annotate/project/next.json, which lives in git, records them, the stage `sample` adds them to the tasks, and
they are pushed. `disagreement` lists labelled images whose label the model doubts most, and makes a tab on
the server with only these, where each label can be looked at again and changed. Without a server, or with
--no-push, nothing is sent.

Reads train/out/report/probabilities.csv, or a file of the same shape (`annotate.commands.probabilities`), params.yaml,
annotate/project/tasks.json and annotate/out/labels/labels.csv.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from annotate import sample
from annotate.commands import push
from annotate.commands.probabilities import PROBABILITIES, by_name, read_probabilities
from annotate.commands.selection import Doubt, diverse, doubted, uncertain
from annotate.label_studio import project, tabs
from annotate.label_studio.client import Client
from annotate.label_studio.config import Server, configured
from annotate.labelling import folder
from annotate.labelling.tasks import CHOSEN, EXPORT, LABELS, read_chosen, read_tasks
from data import params
from data.common.errors import UserError, some
from data.common.files import NAMES, write_json
from data.datasets import sample as embedded
from data.datasets.dataset import image_name

TAB = "doubted labels"
START = f'"python -m annotate serve --detach", "python -m annotate push --from {EXPORT} --gaps", then '


class By(str, Enum):
    """What images are chosen by."""

    uncertainty = "uncertainty"
    diversity = "diversity"
    disagreement = "disagreement"


def agreed(path: Path = LABELS / "labels.csv") -> dict[str, str]:
    """Return the class of each image on which its annotators agree.

    Raises `UserError` if there is none yet.
    """
    hint = 'label some, then "dvc repro -fs export" and "dvc repro".'
    if not path.exists():
        raise UserError(f"{path}: no such file", hint)
    try:
        labels = pd.read_csv(path, dtype=str, **NAMES)[["image", "agreed"]].dropna(subset="agreed")
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of labels ({error})", 'type "dvc repro labels".') from None
    if labels.empty:
        raise UserError(f"{path}: no image is labelled yet", hint)
    return dict(zip(labels["image"], labels["agreed"], strict=True))


def candidates(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return the probabilities, read from `path`, of the images that are no task yet."""
    source = Path(params.load().annotate.source)
    if source == embedded.FOLDER:
        ours = {image_name(index) for index in embedded.read_index("test")["index"]}
        strangers = [name for name in table.index if name not in ours]
    else:
        found = folder.find(source)
        ours = set(found)
        table, strangers = by_name(table, found, source)
    free = ours - {task.image_id for task in read_tasks()} - set(read_chosen())
    left = table[table.index.isin(free)]
    if path != PROBABILITIES and strangers:
        print(f"{path}: {len(strangers)} rows are of no image in {source}: {some(strangers)}")
    unseen = sorted(free - set(left.index))
    if unseen:
        print(f"{len(unseen)} images of {source} are not in {path}, so not chosen from: {some(unseen)}")
    return left


def choose(by: str, count: int, path: Path = PROBABILITIES) -> list[str]:
    """Choose further images by "uncertainty" or "diversity", record them, and return their names."""
    table = candidates(read_probabilities(path), path)
    if count > len(table):
        raise UserError(
            f"--count is {count}; {len(table)} images are left to choose from",
            "ask for fewer, or give what a model says of more with --probabilities FILE.",
        )
    seed = params.load().annotate.seed
    names = uncertain(table, count) if by == "uncertainty" else diverse(table, count, seed)
    write_json(CHOSEN, sorted({*read_chosen(), *names}))
    return sorted(names)


def doubts(count: int, path: Path = PROBABILITIES) -> list[Doubt]:
    """Return the labelled images whose label the model doubts most.

    Raises `UserError` for images that the model was trained on: it would only repeat what it was told.
    """
    table, labels = read_probabilities(path), agreed()
    source = Path(params.load().annotate.source)
    if source != embedded.FOLDER and path != PROBABILITIES:
        table, _ = by_name(table, folder.find(source), source)
    trained = sorted(name for name in labels if name.startswith("train-"))
    unseen = sorted(name for name in labels if name not in table.index)
    if trained or unseen:
        what = "was trained on" if trained else "has not looked at"
        raise UserError(
            f"{path}: the model {what} {some(trained or unseen)}",
            "doubts count only on images of the test part, after dvc repro.",
        )
    return doubted(table, _known(labels, list(table.columns)), count)


def _known(labels: Mapping[str, str], classes: list[str]) -> dict[str, str]:
    """Return the labels that the model has a class for; says how many it has none for."""
    known = {name: label for name, label in labels.items() if label in classes}
    if len(known) < len(labels):
        others = sorted({label for label in labels.values() if label not in classes})
        print(
            f"{len(labels) - len(known)} labels left out, of classes that the model has not: {some(others)}"
        )
    return known


def next_images(
    count: Annotated[int, typer.Option(min=1, help="how many images")] = 50,
    by: Annotated[By, typer.Option(help="what to choose them by")] = By.uncertainty,
    probabilities: Annotated[
        Path, typer.Option(help="what a model says: a CSV with image and a column for each class")
    ] = PROBABILITIES,
    push_: Annotated[
        bool, typer.Option("--push/--no-push", help="Bring them to Label Studio, if there is one.")
    ] = True,
) -> None:
    """Choose which images to label next, by what a model says."""
    server = configured() if push_ else None
    if by is By.disagreement:
        _again(doubts(count, probabilities), server, push_)
    else:
        _further(by, count, probabilities, server)


def _further(by: By, count: int, path: Path, server: Server | None) -> None:
    """Choose and record further images, and push them; a server that cannot be reached stops it before."""
    if server:
        with Client(server) as api:
            project.find(api)
    names = choose(by.value, count, path)
    print(f"{CHOSEN}: {len(names)} images more, from {names[0]} to {names[-1]}")
    if server is None:
        print('next: "dvc repro labels" and "python -m annotate push"')
        return
    sample.main()
    push.push()
    print(f"keep the choice: commit {CHOSEN}; the next dvc repro takes it up")


def _again(found: list[Doubt], server: Server | None, wanted: bool) -> None:
    """List the doubts and, on a server, bring the images before the annotators, each with its label.

    `wanted` says that without a server there is none, rather than that it is not to be asked.
    """
    if server is None:
        _list(found)
        print(f"{len(found)} labels to look at again")
        print(f"next: {START if wanted else ''}the same command{'' if wanted else ' without --no-push'}")
        return
    with Client(server) as api:
        try:
            ours = project.existing(api)
            there = project.pushed(api, ours).tasks
        except UserError:
            _list(found)  # for that no server is needed
            raise
        names = [doubt.image for doubt in found if doubt.image in there]
        absent = [doubt.image for doubt in found if doubt.image not in there]
        _list(found, {name: project.link(api, ours, there[name].number) for name in names})
        if absent:
            print(f"{len(absent)} of them are not on the server (python -m annotate push): {some(absent)}")
        if not names:
            return
        address = tabs.show(api, ours, TAB, names)
    print(f"{len(names)} labels to look at again, each as it was given: {address}")
    print('open one, change what is wrong, and press Update; then "dvc repro -fs export" and "dvc repro"')


def _list(found: Sequence[Doubt], links: Mapping[str, str] | None = None) -> None:
    """Print a line for each doubt, with the address of its image if there is one."""
    if found:
        print("the most doubted labels, and what the model gives each and the likeliest other class:")
    for doubt in found:
        said = f"{doubt.label} {doubt.given:.0%}, {doubt.rival} {doubt.other:.0%}"
        parts = [doubt.image, f"labelled {said}", (links or {}).get(doubt.image, "")]
        print("  ".join(part for part in parts if part))
