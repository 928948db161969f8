"""Whether two networks that answered about the same images differ by more than chance.

Only the images that one of them has right and the other wrong tell them apart. What is said is about these
two networks; how much a recipe's result scatters from seed to seed is what `python -m train.trials` measures
(Dietterich 1998, section 3: McNemar's test does not see the chance that is in training).

The interval and the test come from two methods. They agree on whether 0 is a likely difference, but for two
edges: at p from 0.046 to 0.05 the interval may end at 0 itself, and of 4 images to 0 it leaves 0 out at
p = 0.06. What is said goes by p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # of p: a rarer difference is called more than chance would explain

_BELOW, _AT = stats.binom.cdf, stats.binom.pmf


@dataclass(frozen=True)
class Paired:
    """Two networks' answers about the same images: how many one of them alone has right."""

    images: int
    better: int  # the second alone is right
    worse: int  # the first alone is right

    @classmethod
    def of(cls, baseline: pd.Series[bool], run: pd.Series[bool]) -> Paired:
        """Count from who is right about which image, both in the same order; at least one image."""
        return cls(len(run), int((run & ~baseline).sum()), int((baseline & ~run).sum()))

    @property
    def difference(self) -> float:
        """Return by how much the second is more accurate, as a share of 1."""
        return (self.better - self.worse) / self.images

    @property
    def p(self) -> float:
        """Return the mid-p of McNemar's test, two-sided; 1 where no image tells the two apart.

        If neither were better, each such image would be the toss of a coin (McNemar 1947). The mid-p is the
        exact p less the probability of just these counts, by half of which each tail is too large: the exact
        test finds a difference more rarely than its level says (Fagerland, Lydersen and Laake 2013).
        """
        apart = self.better + self.worse
        if not apart:
            return 1.0
        below, at = (float(of(min(self.better, self.worse), apart, 0.5)) for of in (_BELOW, _AT))
        return 1 - at / 2 if self.better == self.worse else 2 * below - at

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bootstrap percentile interval of the difference, as shares of 1.

        Efron and Tibshirani 1993, chapter 13, over the images in pairs. Drawing n images again from n is
        a multinomial draw of how many are better, worse and equal, so the distribution that resampling would
        estimate is computed, as if resampled without end: no seed, and swapping the two swaps the signs.
        """
        low = _quantile(self.images, self.better, self.worse)
        high = -_quantile(self.images, self.worse, self.better)
        return low / self.images, high / self.images


@dataclass(frozen=True)
class Unpaired:
    """Two networks' accuracies, as if each had been shown images of its own.

    Of two networks that were shown the same ones this finds fewer differences than there are, since what is
    a hard image for one is mostly a hard one for the other.
    """

    images: tuple[int, int]
    right: tuple[int, int]  # of the first and the second network

    @property
    def difference(self) -> float:
        """Return by how much the second is more accurate, as a share of 1."""
        first, second = (right / n for right, n in zip(self.right, self.images, strict=True))
        return second - first

    def _normal(self) -> tuple[float, float]:
        """Return mean and deviation of the difference, with an image right and one wrong added to each.

        Agresti and Caffo 2000, who show that this covers what it should even where all are right.
        """
        shares = [(right + 1) / (n + 2) for right, n in zip(self.right, self.images, strict=True)]
        spread = sum(share * (1 - share) / (n + 2) for share, n in zip(shares, self.images, strict=True))
        return shares[1] - shares[0], spread**0.5

    @property
    def p(self) -> float:
        """Return the two-sided p-value of a difference as large as this, if there were none."""
        mean, deviation = self._normal()
        return float(2 * stats.norm.sf(abs(mean) / deviation))

    def interval(self) -> tuple[float, float]:
        """Return the 95 % interval of the difference (Agresti and Caffo 2000), as shares of 1."""
        mean, deviation = self._normal()
        half = float(stats.norm.isf(LEVEL / 2)) * deviation
        return max(-1.0, mean - half), min(1.0, mean + half)


Difference = Paired | Unpaired


def holm(found: Sequence[float]) -> list[float]:
    """Correct p-values for their number, so that chance brings any below a level as rarely as it would one.

    Holm 1979: the smallest of m counts m times, the next m - 1 times, and none for less than a smaller one.
    """
    corrected, least = [1.0] * len(found), 0.0
    for rank, place in enumerate(sorted(range(len(found)), key=lambda place: found[place])):
        least = max(least, min(1.0, (len(found) - rank) * found[place]))
        corrected[place] = least
    return corrected


def _quantile(n: int, better: int, worse: int) -> int:
    """Return the lower `LEVEL` / 2 quantile of better less worse among n images drawn again.

    One image adds 1, -1 or 0; the sum of n has the n-th power of its characteristic function, which a
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


def unpaired(found: Difference) -> str:
    """Return what is to be said after the p-value of a difference that does not rest on the same images."""
    return ", unpaired" if isinstance(found, Unpaired) else ""
