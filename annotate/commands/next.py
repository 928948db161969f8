"""Choose which images to label next by the model's predictions, and bring them to the server.

    python -m annotate next --count 50 --by uncertainty | diversity | disagreement

`uncertainty` and `diversity` choose further images, of the embedded sample's test part or of the user's
folder: annotate/project/next.json, which lives in git, records them, the stage `sample` adds them to the
tasks, and they are pushed. `disagreement` lists labelled images whose label the model doubts most, and makes
a tab on the server with only these, where each label can be changed. Without a server, or with --no-push,
nothing is sent.

Reads train/out/model.safetensors, or another model's probabilities (`annotate.commands.probabilities`),
params.yaml, annotate/project/tasks.json and annotate/out/labels/labels.csv.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from annotate import sample
from annotate.commands import probabilities, push
from annotate.commands.selection import Doubt, diverse, doubted, uncertain
from annotate.label_studio import tabs
from annotate.label_studio.client import Client
from annotate.label_studio.config import Server, configured
from annotate.label_studio.project import existing, find
from annotate.labelling import folder
from annotate.labelling.tasks import CHOSEN, EXPORT, LABELS, read_chosen, read_tasks
from data import params
from data.common.errors import UserError, some
from data.common.files import NAMES, readable, write_json
from data.datasets import embedded
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
    try:
        with readable(path, hint):
            labels = pd.read_csv(path, dtype=str, **NAMES)[["image", "agreed"]].dropna(subset="agreed")
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: not a table of labels ({error})", 'type "dvc repro labels".') from None
    if labels.empty:
        raise UserError(f"{path}: no image is labelled yet", hint)
    return dict(zip(labels["image"], labels["agreed"], strict=True))


def candidates(path: Path | None) -> pd.DataFrame:
    """Return the probabilities, our model's or those in a file, of the images that are no task yet."""
    source = Path(params.load().annotate.source)
    files = {} if source == embedded.FOLDER else folder.find(source)
    names = set(files or (image_name(index) for index in embedded.read_index("test")["index"]))
    free = names - {task.image_id for task in read_tasks()} - set(read_chosen())
    if path is None and files:
        return probabilities.of_files({name: file for name, file in files.items() if name in free})
    if path is None:
        return probabilities.of_sample(free)
    table = probabilities.read(path)
    unknown = [name for name in table.index if name not in names]
    if files:
        table, unknown = probabilities.by_name(table, files, source)
    table = table[table.index.isin(free)]
    if unknown:
        print(f"{path}: {len(unknown)} rows are of no image in {source}: {some(unknown)}")
    if missing := sorted(free - set(table.index)):
        print(f"{len(missing)} images of {source} are not in {path}, so not chosen from: {some(missing)}")
    return table


def choose(by: str, count: int, path: Path | None = None) -> list[str]:
    """Choose further images by "uncertainty" or "diversity", record them, and return their names."""
    table = candidates(path)
    if count > len(table):
        raise UserError(
            f"--count is {count}; {len(table)} images are left to choose from",
            "ask for fewer, or add images.",
        )
    seed = params.load().annotate.seed
    names = uncertain(table, count) if by == "uncertainty" else diverse(table, count, seed)
    write_json(CHOSEN, sorted({*read_chosen(), *names}))
    return sorted(names)


def doubts(count: int, path: Path | None = None) -> list[Doubt]:
    """Return the labelled images whose label the model doubts most.

    Raises `UserError` for images that the model was trained on, whose labels it would only repeat.
    """
    labels = agreed()
    if trained := sorted(name for name in labels if name.startswith("train-")):
        raise UserError(
            f"the model was trained on {some(trained)}", "only labels of other images can be doubted."
        )
    if path is None:
        files = {task.image_id: Path(task.image) for task in read_tasks() if task.image_id in labels}
        table = probabilities.of_files(files)
    else:
        table, source = probabilities.read(path), Path(params.load().annotate.source)
        if source != embedded.FOLDER:
            table, _ = probabilities.by_name(table, folder.find(source), source)
    if missing := sorted(name for name in labels if name not in table.index):
        raise UserError(
            f"{path or LABELS}: no probabilities of {some(missing)}",
            "add rows for them." if path else 'bring labels and images together with "dvc repro".',
        )
    return doubted(table, _of_classes(labels, list(table.columns)), count)


def _of_classes(labels: Mapping[str, str], classes: Sequence[str]) -> dict[str, str]:
    """Return the labels of these classes; prints how many are of others, and which."""
    others = {label for label in labels.values() if label not in classes}
    if others:
        count = sum(label in others for label in labels.values())
        print(f"{count} labels left out, of classes that the model does not have: {some(sorted(others))}")
    return {name: label for name, label in labels.items() if label not in others}


def next_images(
    count: Annotated[int, typer.Option(min=1, help="how many images")] = 50,
    by: Annotated[By, typer.Option(help="what to choose them by")] = By.uncertainty,
    file: Annotated[
        Path | None,
        typer.Option("--probabilities", help="another model's: a CSV with image and a column for each class"),
    ] = None,
    push_: Annotated[
        bool, typer.Option("--push/--no-push", help="Bring them to Label Studio, if there is one.")
    ] = True,
) -> None:
    """Choose which images to label next, by the model's predictions."""
    server = configured() if push_ else None
    if by is By.disagreement:
        _show_doubts(doubts(count, file), server, push_)
    else:
        _add_images(by, count, file, server)


def _add_images(by: By, count: int, path: Path | None, server: Server | None) -> None:
    """Choose and record further images, and push them; a server that cannot be reached ends it before."""
    if server:
        with Client(server) as client:
            find(client)
    names = choose(by.value, count, path)
    print(f"{CHOSEN}: {len(names)} images more, from {names[0]} to {names[-1]}")
    if server is None:
        print('next: "dvc repro labels" and "python -m annotate push"')
        return
    sample.main()
    push.push()
    print(f"keep the choice: commit {CHOSEN}; the next dvc repro includes it")


def _show_doubts(doubts: Sequence[Doubt], server: Server | None, push_: bool) -> None:
    """List the doubts and, on a server, show their images in a tab.

    Without a server, `push_` says that none is configured, not that it was left out.
    """
    if doubts:
        print("the most doubted labels, with the model's probabilities of label and likeliest other class:")
    for doubt in doubts:
        label = f"{doubt.label} {doubt.label_probability:.0%}"
        print(f"  {doubt.image}  labelled {label}, {doubt.rival} {doubt.rival_probability:.0%}")
    if server is None:
        print(f"{len(doubts)} labels to look at again")
        print(f"next: {START}the same command" if push_ else "next: the same command without --no-push")
        return
    with Client(server) as client:
        project = existing(client)
        tasks, _ = project.pushed()
        if absent := [doubt.image for doubt in doubts if doubt.image not in tasks]:
            print(f"{len(absent)} of them are not on the server (python -m annotate push): {some(absent)}")
        if names := [doubt.image for doubt in doubts if doubt.image in tasks]:
            print(f"{len(names)} labels to look at again: {tabs.show(project, TAB, names)}")
            print('change the wrong ones there, press Update; then "dvc repro -fs export" and "dvc repro"')
