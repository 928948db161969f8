"""Which images to label next: plain functions of a table of probabilities.

A table has a row for each image (its index) and a column for each class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, order=True)
class Doubt:
    """A label beside the most probable other class, each with the model's probability.

    `margin` is the label's less the other's, from 0 (surely wrong) to 1 (Northcutt et al. 2021, Confident
    Learning: the normalised margin).
    """

    margin: float
    image: str
    label: str
    rival: str
    label_probability: float
    rival_probability: float


def uncertain(table: pd.DataFrame, count: int) -> list[str]:
    """Return the images with the smallest margin between their two most probable classes."""
    from train.predict import margin  # torch takes seconds to import

    order = np.argsort(margin(table.to_numpy(float)), kind="stable")
    return list(table.index[order[:count]])


def diverse(table: pd.DataFrame, count: int, seed: int) -> list[str]:
    """Return images that differ in their probabilities: the nearest to each of `count` k-means centres.

    Where fewer of them differ, there are as many centres, and each gives several.

    Representatives of clusters: Xu et al. 2003, Representative Sampling for Text Classification. On square
    roots of probabilities, whose Euclidean distance is Hellinger's.
    """
    from sklearn.cluster import KMeans  # type: ignore[import-untyped]

    points = np.sqrt(table.to_numpy(float))
    clusters = min(count, len(np.unique(points, axis=0)))
    distances = KMeans(clusters, n_init=1, random_state=seed).fit(points).transform(points)
    names: list[str] = []
    for number in range(count):
        nearest = table.index[np.argsort(distances[:, number % clusters], kind="stable")]
        names.append(next(name for name in nearest if name not in names))
    return names


def doubted(table: pd.DataFrame, labels: Mapping[str, str], count: int) -> list[Doubt]:
    """Return the labelled images by how much the model doubts their label, the most doubted first."""
    doubts = []
    for image, label in labels.items():
        others = dict(zip(table.columns, table.loc[image].to_numpy(float), strict=True))
        own = others.pop(label)
        rival = max(others, key=others.__getitem__)
        margin = round((own - others[rival] + 1) / 2, 4)
        doubts.append(Doubt(margin, image, label, rival, own, others[rival]))
    return sorted(doubts)[:count]
