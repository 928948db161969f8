"""Whether two models differ on the same test images by more than chance.

Only images that exactly one of them predicts correctly tell them apart. The result is about these two models:
McNemar's test does not see the randomness of training (Dietterich 1998, section 3). `python -m train.trials`
measures how much a recipe's accuracy varies from seed to seed.

Interval and p-value come from two methods. They agree on whether 0 is a likely difference, but for two edge
cases: at p from 0.046 to 0.05 the interval may end at 0, and for 4 images to 0 it excludes 0 at p = 0.06. The
verdict goes by p.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

CONFIDENCE = 0.95
LEVEL = 1 - CONFIDENCE  # of p


@dataclass(frozen=True)
class Difference:
    """Two models on the same images: how many exactly one of them predicts correctly."""

    images: int
    better: int  # only the second is right
    worse: int  # only the first is right

    @classmethod
    def of(cls, baseline: pd.Series[bool], run: pd.Series[bool]) -> Difference:
        """Count from which images are predicted correctly, in the same order; at least one image."""
        return cls(len(run), int((run & ~baseline).sum()), int((baseline & ~run).sum()))

    @property
    def accuracy(self) -> float:
        """Return the second accuracy less the first, as a share of 1."""
        return (self.better - self.worse) / self.images

    @property
    def p(self) -> float:
        """Return the mid-p of McNemar's test, two-sided; 1 where no image tells the two apart.

        If neither were better, each such image would be the toss of a coin (McNemar 1947). The mid-p is the
        exact p less the probability of just these counts, since the exact test is conservative (Fagerland,
        Lydersen and Laake 2013).
        """
        discordant, fewer = self.better + self.worse, min(self.better, self.worse)
        if not discordant:
            return 1.0
        at = float(stats.binom.pmf(fewer, discordant, 0.5))
        if self.better == self.worse:
            return 1 - at / 2
        return 2 * float(stats.binom.cdf(fewer, discordant, 0.5)) - at

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bootstrap percentile interval of the difference, as shares of 1.

        Efron and Tibshirani 1993, chapter 13, over pairs. Resampling n images is a multinomial draw of how
        many are better, worse and equal, so the bootstrap distribution is computed exactly: no seed.
        """
        low = _quantile(self.images, self.better, self.worse)
        high = -_quantile(self.images, self.worse, self.better)
        return low / self.images, high / self.images


def _quantile(n: int, better: int, worse: int) -> int:
    """Return the lower `LEVEL` / 2 quantile of better less worse among n resampled images.

    An image adds 1, -1 or 0; the sum of n has the n-th power of its characteristic function, which a
    Fourier transform turns back into the probabilities of -n to n.
    """
    angles = 2 * np.pi * np.arange(2 * n + 1) / (2 * n + 1)
    image = (n - better - worse) / n + better / n * np.exp(1j * angles) + worse / n * np.exp(-1j * angles)
    probabilities = np.roll(np.fft.fft(image**n).real / len(angles), n)
    # Where a sum is exactly LEVEL / 2, as of 1 in 40, rounding errors (below 1e-11) must not decide.
    return int(np.searchsorted(probabilities.cumsum(), LEVEL / 2 - 1e-9)) - n


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979), in the same order.

    The smallest of m is multiplied by m, the next by m - 1, and none becomes less than a smaller one.
    """
    corrected, least = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        least = max(least, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = least
    return corrected


def points(share: float) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    return f"{share * 100:+.2f}"


def p_text(p: float) -> str:
    """Return a p-value as it is read."""
    if p < 0.0001:
        return "p < 0.0001"
    return f"p = {p:.1g}" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
