"""Which images to label next, out of what a model makes of each: plain functions of a table.

A table has a row for each image (its index) and a column for each class, with probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, order=True)
class Doubt:
    """A label beside the most probable other class, each with the probability that the model gives it.

    `margin` is the label's less the other's, from 0 (surely wrong) to 1 (Northcutt et al. 2021, Confident
    Learning: the normalised margin).
    """

    margin: float
    image: str
    label: str
    rival: str
    given: float  # the label's probability
    other: float  # the rival's


def uncertain(table: pd.DataFrame, count: int) -> list[str]:
    """Return the images whose two most probable classes are nearest to each other.

    Margin sampling: Scheffer et al. 2001.
    """
    ranked = np.sort(table.to_numpy(), axis=1)
    margin = pd.Series(ranked[:, -1] - ranked[:, -2], index=table.index)
    return list(margin.sort_values(kind="stable").index[:count])


def diverse(table: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Return images that differ in what they are taken for: the nearest to each of `count` k-means centres.

    Where fewer of them differ, the centres are as many, and take turns.

    Clusters' middles as representatives: Xu et al. 2003, Representative Sampling for Text Classification. On
    square roots of probabilities, whose Euclidean distance is Hellinger's.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]

    points = np.sqrt(table.to_numpy())
    clusters = min(count, len(np.unique(points, axis=0)))  # of equal images one is as good as another
    distance = KMeans(clusters, n_init=1, random_state=seed).fit(points).transform(points)
    names: list[str] = []
    for place in range(count):
        nearest = np.argsort(distance[:, place % clusters], kind="stable")
        names.append(next(table.index[row] for row in nearest if table.index[row] not in names))
    return names


def doubted(table: pd.DataFrame, labels: Mapping[str, str], count: int) -> list[Doubt]:
    """Return the labelled images by how much the model doubts their label, the most doubted first."""
    doubts = []
    for name, label in labels.items():
        said = dict(zip(table.columns, table.loc[name].to_numpy(float), strict=True))
        own = said.pop(label)
        rival = max(said, key=said.__getitem__)
        margin = round((own - said[rival] + 1) / 2, 4)
        doubts.append(Doubt(margin, name, label, rival, own, said[rival]))
    return sorted(doubts)[:count]
