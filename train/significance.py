"""Whether two networks that answered about the same pictures differ by more than chance.

Only the pictures that one of them has right and the other wrong tell them apart. What is said is about these
two networks; how much a recipe's result scatters from seed to seed is what `python -m train.trials` measures
(Dietterich 1998, section 3: McNemar's test does not see the chance that is in training).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # a p below it is called a real difference: one in twenty equal pairs reaches it too


@dataclass(frozen=True)
class Paired:
    """Two networks' answers about the same pictures: how many one of them alone has right."""

    pictures: int
    better: int  # the second alone is right
    worse: int  # the first alone is right

    @classmethod
    def of(cls, baseline: pd.Series[bool], run: pd.Series[bool]) -> Paired:
        """Count from who is right about which picture, both in the same order; at least one picture."""
        return cls(len(run), int((run & ~baseline).sum()), int((baseline & ~run).sum()))

    @property
    def difference(self) -> float:
        """Return by how much the second is more accurate, as a share of 1."""
        return (self.better - self.worse) / self.pictures

    @property
    def p(self) -> float:
        """Return the p-value of McNemar's exact test, two-sided; 1 where no picture tells the two apart.

        If neither were better, each such picture would be the toss of a coin (McNemar 1947; Dietterich 1998).
        """
        apart = self.better + self.worse
        return float(stats.binomtest(self.better, apart).pvalue) if apart else 1.0

    @property
    def real(self) -> bool:
        """Return whether so large a difference is rarer than `LEVEL` among networks that are equally good."""
        return self.p < LEVEL

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bootstrap percentile interval of the difference, as shares of 1.

        Efron and Tibshirani 1993, chapter 13, over the pictures in pairs. Drawing n pictures again from n is
        a multinomial draw of how many are better, worse and equal, so the distribution that resampling would
        estimate is computed, as if resampled without end: no seed, and swapping the two swaps the signs.
        """
        low = _quantile(self.pictures, self.better, self.worse)
        high = -_quantile(self.pictures, self.worse, self.better)
        return low / self.pictures, high / self.pictures


def _quantile(n: int, better: int, worse: int) -> int:
    """Return the lower `LEVEL` / 2 quantile of better less worse among n pictures drawn again.

    One picture adds 1, -1 or 0; the sum of n has the n-th power of its characteristic function, which a
    Fourier transform turns back into the probabilities of -n to n.
    """
    angles = 2 * np.pi * np.arange(2 * n + 1) / (2 * n + 1)
    one = (n - better - worse) / n + better / n * np.exp(1j * angles) + worse / n * np.exp(-1j * angles)
    probabilities = np.roll(np.fft.fft(one**n).real / len(angles), n)
    # Where a sum is LEVEL / 2 itself, as of 1 in 40, its rounding error (below 1e-11) is not to decide.
    return int(np.searchsorted(probabilities.cumsum(), LEVEL / 2 - 1e-9)) - n


def points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{share * 100:+.2f}"


def chance(p: float) -> str:
    """Return a p-value as it is read."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.1g}" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
