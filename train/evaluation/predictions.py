"""What the network answered about images, as tables, and beside the classes that are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import precision_recall_fscore_support  # type: ignore[import-untyped]
from torch import Tensor

from data.datasets.dataset import CLASSES
from train.core.inference import Score, score
from train.evaluation.calibration import calibration_error, reliability


@dataclass(frozen=True)
class Result:
    """Answers about images whose class is known."""

    table: pd.DataFrame  # image, actual, predicted, confidence: a row each
    score: Score

    def confusion(self) -> pd.DataFrame:
        """Count answers: a row an actual class, a column a predicted one, in the order of CIFAR-10."""
        counts = pd.crosstab(self.table["actual"], self.table["predicted"])
        return counts.reindex(index=CLASSES, columns=CLASSES, fill_value=0)

    def classes(self) -> pd.DataFrame:
        """Return a row a class: class, images, recall, precision, f1, confused (with), times.

        What is not defined, as the precision of a class that was never answered, is empty.
        """
        actual, predicted = self.table["actual"], self.table["predicted"]
        precision, recall, f1, images = precision_recall_fscore_support(
            actual, predicted, labels=list(CLASSES), zero_division=np.nan
        )
        wrong = self.confusion().to_numpy() * (1 - np.eye(len(CLASSES), dtype=int))
        times = wrong.max(axis=1)
        shares = {"recall": recall, "precision": precision, "f1": f1}
        table = pd.DataFrame({"class": CLASSES, "images": images} | shares).round(4)
        most = pd.Series([CLASSES[column] for column in wrong.argmax(axis=1)])
        return table.assign(confused=most.where(times > 0), times=times)

    def mistakes(self) -> list[int]:
        """Return the rows of the wrong answers, the most confident first."""
        wrong = self.table[self.table["actual"] != self.table["predicted"]]
        return wrong.sort_values(["confidence", "image"], ascending=[False, True]).index.tolist()

    def metrics(self) -> dict[str, Any]:
        """Return the number of images, accuracy as share of 1, and loss."""
        accuracy, loss = round(self.score.accuracy, 4), round(self.score.loss, 4)
        return {"images": len(self.table), "accuracy": accuracy, "loss": loss}

    def details(self) -> dict[str, Any]:
        """Return what takes many images to be told: calibration error and the accuracy of each class."""
        right = self.table["actual"] == self.table["predicted"]
        by_class = right.groupby(self.table["actual"]).mean().round(4)
        return {
            "calibration_error": round(calibration_error(reliability(self.table)), 4),
            "by_class": {str(name): float(share) for name, share in by_class.items()},
        }


@dataclass(frozen=True)
class Answers:
    """Dataset, by name, and the network's logits for them, N x classes."""

    names: tuple[str, ...]
    logits: Tensor

    @cached_property
    def _ranked(self) -> tuple[Tensor, Tensor]:
        """Return probabilities, N x classes, in falling order, and their classes: of equal ones the first."""
        shares, classes = self.logits.softmax(1).sort(dim=1, descending=True, stable=True)
        return shares, classes

    def table(self) -> pd.DataFrame:
        """Return a row an image: its name, the class that it is taken for, and the probability of that."""
        shares, classes = self._ranked
        predicted = [CLASSES[label] for label in classes[:, 0].tolist()]
        columns = {"image": self.names, "predicted": predicted, "confidence": _rounded(shares[:, 0])}
        return pd.DataFrame(columns)

    def probabilities(self) -> pd.DataFrame:
        """Return a row an image: its name and the probability of each class."""
        table = pd.DataFrame(_rounded(self.logits.softmax(1)), columns=list(CLASSES))
        table.insert(0, "image", self.names)
        return table

    def top(self, count: int = 3) -> pd.DataFrame:
        """Return a row an image: its name, the likeliest classes and their probabilities.

        The columns are image, class_1, probability_1, class_2, and so on.
        """
        shares, classes = self._ranked
        table: dict[str, Any] = {"image": self.names}
        for rank in range(count):
            table[f"class_{rank + 1}"] = [CLASSES[label] for label in classes[:, rank].tolist()]
            table[f"probability_{rank + 1}"] = _rounded(shares[:, rank])
        return pd.DataFrame(table)

    def least_certain(self) -> list[int]:
        """Return the rows, those first whose two likeliest classes are closest."""
        shares, _ = self._ranked
        order: list[int] = (shares[:, 0] - shares[:, 1]).argsort(stable=True).tolist()
        return order

    def beside(self, known: Mapping[str, str]) -> Result | None:
        """Compare with the known classes, by image; others are left out. None if no image's is known."""
        rows = [row for row, name in enumerate(self.names) if name in known]
        if not rows:
            return None
        actual = [known[self.names[row]] for row in rows]
        table = self.table().iloc[rows].reset_index(drop=True)
        table.insert(1, "actual", actual)
        labels = torch.tensor([CLASSES.index(name) for name in actual], device=self.logits.device)
        return Result(table, score(self.logits[rows], labels))


def _rounded(values: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return values.double().cpu().numpy().round(4)
