from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from train.compare.significance import LEVEL, Paired, Unpaired, chance, holm, points, unpaired


@st.composite
def pairs(draw: st.DrawFn, most: int = 300) -> Paired:
    n = draw(st.integers(1, most))
    better = draw(st.integers(0, n))
    return Paired(n, better, draw(st.integers(0, n - better)))


@pytest.mark.parametrize(
    ("paired", "p"),
    [
        # Fagerland, Lydersen and Laake 2013: airway hyper-responsiveness before and after transplantation.
        (Paired(21, 1, 7), 0.039),
        (Paired(200, 6, 16), 0.0525 - 0.0178),  # the exact p less the probability of 6 of 22
        # Agresti 2002, table 10.1: approval of the prime minister in two surveys; z = 4.17 there, 3.0e-5.
        (Paired(1600, 86, 150), 2.9e-5),
        (Paired(1000, 0, 0), 1.0),
        (Paired(1000, 7, 7), 1 - 3432 / 2**15),  # 14 over 7, halved
        (Paired(1000, 0, 6), 1 / 2**6),
        (Paired(1000, 1, 0), 1 / 2),
    ],
)
def test_mcnemars_test_is_that_of_the_literature(paired: Paired, p: float) -> None:
    assert paired.p == pytest.approx(p, rel=0.02)


@given(pairs())
def test_swapping_the_two_swaps_the_signs(paired: Paired) -> None:
    swapped = Paired(paired.images, paired.worse, paired.better)
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
    assert (same.difference, same.p) == (0, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_the_counts_are_those_of_the_images(both: list[tuple[bool, bool]]) -> None:
    first, second = (pd.Series(list(right)) for right in zip(*both, strict=True))
    paired = Paired.of(first, second)
    assert paired.images == len(both)
    assert paired.difference == pytest.approx(second.mean() - first.mean())
    assert paired.better == both.count((False, True))


@pytest.mark.parametrize("paired", [Paired(1000, 64, 95), Paired(10_000, 300, 250), Paired(80, 5, 1)])
def test_the_interval_is_what_resampling_comes_to(paired: Paired) -> None:
    differences = np.repeat(
        [1, -1, 0], [paired.better, paired.worse, paired.images - paired.better - paired.worse]
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


def test_of_few_images_every_draw_can_be_counted() -> None:
    # Two images drawn from one better and one worse: -2, 0, 0 and 2, a quarter each.
    assert Paired(2, 1, 1).interval() == (-1, 1)
    # Of 40 images one better: that none of it is drawn has the probability (39/40)^40 = 0.363.
    assert Paired(40, 1, 0).interval() == (0, 3 / 40)
    # That none of three is drawn: (6/9)^9 = 0.0260 and (5/8)^8 = 0.0233, on both sides of LEVEL / 2.
    assert Paired(9, 3, 0).interval()[0] == 0
    assert Paired(8, 3, 0).interval()[0] == 1 / 8


@pytest.mark.parametrize("n", [100, 1000])
def test_interval_and_p_agree_but_for_the_edges_that_are_named(n: int) -> None:
    for apart in range(1, 61):
        for better in range((apart + 1) // 2, apart + 1):
            paired = Paired(n, better, apart - better)
            low, _ = paired.interval()
            if (low > 0) != (paired.p < LEVEL):
                assert (low == 0 and paired.p > 0.046) or (better, apart) == (4, 4), paired


@st.composite
def apart(draw: st.DrawFn) -> Unpaired:
    first, second = draw(st.integers(1, 500)), draw(st.integers(1, 500))
    return Unpaired((first, second), (draw(st.integers(0, first)), draw(st.integers(0, second))))


@given(apart())
def test_an_unpaired_interval_agrees_with_its_p(found: Unpaired) -> None:
    low, high = found.interval()
    assert -1 <= low < high <= 1
    assert (low > 0 or high < 0) == (found.p < LEVEL)
    swapped = Unpaired(found.images[::-1], found.right[::-1])
    assert swapped.interval() == pytest.approx((-high, -low))
    assert swapped.p == pytest.approx(found.p)


@pytest.mark.parametrize(("first", "second"), [(5000, 5100), (5000, 5150), (9028, 9100), (9028, 8900)])
def test_of_many_images_an_unpaired_p_is_that_of_the_chi_square_test(first: int, second: int) -> None:
    table = [[first, 10_000 - first], [second, 10_000 - second]]
    found = Unpaired((10_000, 10_000), (first, second))
    assert found.p == pytest.approx(float(stats.chi2_contingency(table, correction=False)[1]), rel=0.01)
    assert found.difference == pytest.approx((second - first) / 10_000)
    assert [unpaired(each) for each in (found, Paired(10_000, 1, 2))] == [", unpaired", ""]


@pytest.mark.parametrize(
    ("found", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.04, 0.01], [0.04, 0.02]),
        ([0.9, 0.6, 0.001], [1.0, 1.0, 0.003]),
        ([0.02, 0.021], [0.04, 0.04]),
    ],
)
def test_p_values_are_corrected_for_their_number(found: list[float], corrected: list[float]) -> None:
    assert holm(found) == pytest.approx(corrected)


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
