"""Choose which pictures to label next, by what the current model makes of them.

    python -m annotate next --count 50 --by uncertainty | diversity | disagreement

Reads train/report/probabilities.csv, annotate/tasks.json and annotate/labels/labels.csv. `uncertainty` and
`diversity` choose further pictures of the embedded sample's test part: annotate/next.json, which lives in
git, records them, and the stage `sample` adds them to the tasks. `disagreement` names labelled pictures whose
label the model doubts most, to be looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer

from annotate.tasks import CHOSEN, LABELS, read_chosen, read_tasks
from data import params, sample
from data.errors import UserError
from data.files import write_json
from data.pictures import picture_name

PROBABILITIES = Path("train/report/probabilities.csv")


class By(str, Enum):
    """What pictures are chosen by."""

    uncertainty = "uncertainty"
    diversity = "diversity"
    disagreement = "disagreement"


@dataclass(frozen=True, order=True)
class Doubt:
    """A label beside what the model says: the most probable other class.

    `margin` is the label's probability less the other's, from 0 (surely wrong) to 1 (Northcutt et al. 2021,
    Confident Learning: the normalised margin).
    """

    margin: float
    picture: str
    label: str
    rival: str


def read_probabilities(path: Path = PROBABILITIES) -> pd.DataFrame:
    """Read the probability of each class (columns) for each picture (index) that the model was shown."""
    try:
        return pd.read_csv(path, index_col="picture")
    except FileNotFoundError:
        raise UserError(
            f"{path}: no such file: no model has looked at the pictures", 'type "dvc repro".'
        ) from None
    except ValueError as error:
        raise UserError(
            f"{path}: not a table of probabilities ({error})", 'type "dvc repro -f evaluate".'
        ) from None


def uncertain(table: pd.DataFrame, count: int) -> list[str]:
    """Return the pictures whose two most probable classes are nearest to each other.

    Margin sampling: Scheffer et al. 2001.
    """
    ranked = np.sort(table.to_numpy(), axis=1)
    margin = pd.Series(ranked[:, -1] - ranked[:, -2], index=table.index)
    return list(margin.sort_values(kind="stable").index[:count])


def diverse(table: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Return pictures that differ in what they are taken for: the nearest to each of `count` k-means centres.

    On square roots of probabilities, whose Euclidean distance is Hellinger's.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]

    points = np.sqrt(table.to_numpy())
    means = KMeans(count, n_init=1, random_state=seed).fit(points)
    distance = means.transform(points)
    names: list[str] = []
    for centre in range(count):
        nearest = np.argsort(distance[:, centre], kind="stable")
        names.append(next(table.index[row] for row in nearest if table.index[row] not in names))
    return names


def doubted(table: pd.DataFrame, labels: dict[str, str], count: int) -> list[Doubt]:
    """Return the labelled pictures by how much the model doubts their label, the most doubted first."""
    doubts = []
    for name, label in labels.items():
        said = dict(zip(table.columns, table.loc[name].to_numpy(float), strict=True))
        own = said.pop(label)
        rival = max(said, key=said.__getitem__)
        doubts.append(Doubt(round((own - said[rival] + 1) / 2, 4), name, label, rival))
    return sorted(doubts)[:count]


def agreed(path: Path = LABELS / "labels.csv") -> dict[str, str]:
    """Return the class of each picture on which its annotators agree.

    Raises `UserError` if there is none yet.
    """
    hint = 'label some, then "dvc repro -fs export" and "dvc repro".'
    if not path.exists():
        raise UserError(f"{path}: no such file", hint)
    labels = pd.read_csv(path).dropna(subset="agreed")
    if labels.empty:
        raise UserError(f"{path}: no picture is labelled yet", hint)
    return dict(zip(labels["picture"], labels["agreed"], strict=True))


def candidates(table: pd.DataFrame) -> pd.DataFrame:
    """Return the probabilities of the sample's test pictures that are no task yet.

    Raises `UserError` if the pictures to label are the user's own: no model has looked at the others of them.
    """
    source = params.load().annotate.source
    if Path(source) != sample.FOLDER:
        raise UserError(
            f"params.yaml: annotate.source is {source}; expected {sample.FOLDER}, which the model has seen",
            "raise annotate.pictures to label more of the folder.",
        )
    ours = {picture_name(index) for index in sample.read("test").indices}
    free = ours - {task.image_id for task in read_tasks()} - set(read_chosen())
    return table[table.index.isin(free)]


def choose(by: str, count: int) -> list[str]:
    """Choose further pictures by "uncertainty" or "diversity", record them, and return their names."""
    table = candidates(read_probabilities())
    if count > len(table):
        raise UserError(
            f"--count is {count}; {len(table)} pictures are left to choose from", "ask for fewer."
        )
    seed = params.load().annotate.seed
    names = uncertain(table, count) if by == "uncertainty" else diverse(table, count, seed)
    write_json(CHOSEN, sorted({*read_chosen(), *names}))
    return sorted(names)


def doubts(count: int) -> list[Doubt]:
    """Return the labelled pictures whose label the model doubts most.

    Raises `UserError` for pictures that the model was trained on: it would only repeat what it was told.
    """
    table, labels = read_probabilities(), agreed()
    trained = sorted(name for name in labels if name.startswith("train-"))
    unseen = sorted(name for name in labels if name not in table.index)
    if trained or unseen:
        what = "was trained on" if trained else "has not looked at"
        raise UserError(
            f"{PROBABILITIES}: the model {what} {', '.join((trained or unseen)[:3])}",
            "doubts count only on pictures of the test part, after dvc repro.",
        )
    return doubted(table, labels, count)


def next_pictures(
    count: Annotated[int, typer.Option(min=1, help="how many pictures")] = 50,
    by: Annotated[By, typer.Option(help="what to choose them by")] = By.uncertainty,
) -> None:
    """Choose which pictures to label next, by what the model makes of them."""
    if by is By.disagreement:
        found = doubts(count)
        for doubt in found:
            print(
                f"{doubt.picture}  labelled {doubt.label}, the model says {doubt.rival}  {doubt.margin:.4f}"
            )
        print(f"{len(found)} labels to look at again; python -m annotate status gives the links")
        return
    names = choose(by.value, count)
    print(f"{CHOSEN}: {len(names)} pictures more, from {names[0]} to {names[-1]}")
    print('next: "dvc repro labels" and "python -m annotate push"')
