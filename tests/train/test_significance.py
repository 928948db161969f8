from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from train.significance import Paired, chance, points


@st.composite
def pairs(draw: st.DrawFn, most: int = 300) -> Paired:
    n = draw(st.integers(1, most))
    better = draw(st.integers(0, n))
    return Paired(n, better, draw(st.integers(0, n - better)))


@pytest.mark.parametrize(
    ("paired", "p"),
    [
        # Fagerland, Lydersen and Laake 2013: airway hyper-responsiveness before and after transplantation.
        (Paired(21, 1, 7), 0.0703),
        # Agresti 2002, table 10.1: approval of the prime minister in two surveys; z = 4.17 there.
        (Paired(1600, 86, 150), 3.7e-5),
        (Paired(1000, 0, 0), 1.0),
        (Paired(1000, 7, 7), 1.0),
        (Paired(1000, 0, 6), 2 / 2**6),
    ],
)
def test_mcnemars_test_is_that_of_the_literature(paired: Paired, p: float) -> None:
    assert paired.p == pytest.approx(p, rel=0.02)


@given(pairs())
def test_swapping_the_two_swaps_the_signs(paired: Paired) -> None:
    swapped = Paired(paired.pictures, paired.worse, paired.better)
    low, high = paired.interval()
    assert swapped.interval() == (-high, -low)
    assert swapped.difference == -paired.difference
    assert swapped.p == paired.p


@given(pairs())
def test_the_interval_holds_the_difference(paired: Paired) -> None:
    low, high = paired.interval()
    assert -1 <= low <= paired.difference <= high <= 1


@given(st.integers(1, 20_000))
def test_the_same_answers_are_no_difference(n: int) -> None:
    same = Paired(n, 0, 0)
    assert same.interval() == (0, 0)
    assert (same.difference, same.p, same.real) == (0, 1, False)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_the_counts_are_those_of_the_pictures(both: list[tuple[bool, bool]]) -> None:
    first, second = (pd.Series(list(right)) for right in zip(*both, strict=True))
    paired = Paired.of(first, second)
    assert paired.pictures == len(both)
    assert paired.difference == pytest.approx(second.mean() - first.mean())
    assert paired.better == both.count((False, True))


@pytest.mark.parametrize("paired", [Paired(1000, 64, 95), Paired(10_000, 300, 250), Paired(80, 5, 1)])
def test_the_interval_is_what_resampling_comes_to(paired: Paired) -> None:
    differences = np.repeat(
        [1, -1, 0], [paired.better, paired.worse, paired.pictures - paired.better - paired.worse]
    )
    found = stats.bootstrap(
        (differences,),
        np.mean,
        method="percentile",
        n_resamples=5_000,
        batch=100,
        rng=np.random.default_rng(1),
    ).confidence_interval
    # The error of a quantile of 5,000 draws is some hundredths of the distribution's width.
    width = found.high - found.low
    assert paired.interval() == pytest.approx((found.low, found.high), abs=0.05 * width)


def test_of_few_pictures_every_draw_can_be_counted() -> None:
    # Two pictures drawn from one better and one worse: -2, 0, 0 and 2, a quarter each.
    assert Paired(2, 1, 1).interval() == (-1, 1)
    # Of 40 pictures one better: that none of it is drawn has the probability (39/40)^40 = 0.363.
    assert Paired(40, 1, 0).interval() == (0, 3 / 40)


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (1.0, "p = 1.00"),
        (0.3149, "p = 0.31"),
        (0.0499, "p = 0.050"),
        (0.0171, "p = 0.017"),
        (0.00034, "p = 0.0003"),
        (1e-9, "p < 0.0001"),
        (0.0, "p < 0.0001"),
    ],
)
def test_a_p_value_is_rounded(p: float, said: str) -> None:
    assert chance(p) == said


def test_a_difference_has_a_sign() -> None:
    assert [points(share) for share in (0.0123, -0.1, 0.0)] == ["+1.23", "-10.00", "+0.00"]
