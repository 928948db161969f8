from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from train.compare.significance import LEVEL, Difference, holm, p_text, points


@st.composite
def differences(draw: st.DrawFn, most: int = 300) -> Difference:
    n = draw(st.integers(1, most))
    better = draw(st.integers(0, n))
    return Difference(n, better, draw(st.integers(0, n - better)))


@pytest.mark.parametrize(
    ("difference", "p"),
    [
        # Fagerland, Lydersen and Laake 2013: airway hyper-responsiveness before and after transplantation.
        (Difference(21, 1, 7), 0.039),
        (Difference(200, 6, 16), 0.0525 - 0.0178),  # the exact p less the probability of 6 of 22
        # Agresti 2002, table 10.1: approval of the prime minister in two surveys; z = 4.17 there, 3.0e-5.
        (Difference(1600, 86, 150), 2.9e-5),
        (Difference(1000, 0, 0), 1.0),
        (Difference(1000, 7, 7), 1 - 3432 / 2**15),  # 14 over 7, halved
        (Difference(1000, 0, 6), 1 / 2**6),
        (Difference(1000, 1, 0), 1 / 2),
    ],
)
def test_mcnemars_test_is_that_of_the_literature(difference: Difference, p: float) -> None:
    assert difference.p == pytest.approx(p, rel=0.02)


@given(differences())
def test_swapping_the_two_swaps_the_signs(difference: Difference) -> None:
    swapped = Difference(difference.images, difference.worse, difference.better)
    low, high = difference.interval()
    assert swapped.interval() == (-high, -low)
    assert swapped.accuracy == -difference.accuracy
    assert swapped.p == difference.p


@given(differences())
def test_the_interval_holds_the_difference(difference: Difference) -> None:
    low, high = difference.interval()
    assert -1 <= low <= difference.accuracy <= high <= 1


@given(st.integers(1, 20_000))
def test_equal_predictions_are_no_difference(n: int) -> None:
    equal = Difference(n, 0, 0)
    assert equal.interval() == (0, 0)
    assert (equal.accuracy, equal.p) == (0, 1)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=50))
def test_the_counts_are_those_of_the_images(pairs: list[tuple[bool, bool]]) -> None:
    first, second = (pd.Series(list(right)) for right in zip(*pairs, strict=True))
    difference = Difference.of(first, second)
    assert difference.images == len(pairs)
    assert difference.accuracy == pytest.approx(second.mean() - first.mean())
    assert difference.better == pairs.count((False, True))


@pytest.mark.parametrize(
    "difference", [Difference(1000, 64, 95), Difference(10_000, 300, 250), Difference(80, 5, 1)]
)
def test_the_interval_is_what_resampling_comes_to(difference: Difference) -> None:
    equal = difference.images - difference.better - difference.worse
    values = np.repeat([1, -1, 0], [difference.better, difference.worse, equal])
    rng = np.random.default_rng(1)
    bootstrap = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=5_000, batch=100, rng=rng
    )
    low, high = bootstrap.confidence_interval
    # The error of a quantile of 5,000 draws is some hundredths of the distribution's width.
    assert difference.interval() == pytest.approx((low, high), abs=0.05 * (high - low))


@pytest.mark.parametrize(
    ("difference", "ends"),
    [
        # Two images drawn from one better and one worse: -2, 0, 0 and 2, a quarter each.
        (Difference(2, 1, 1), (-1, 1)),
        # Of 40 images one better: that it is never drawn has the probability (39/40)^40 = 0.363.
        (Difference(40, 1, 0), (0, 3 / 40)),
        # That none of three is drawn: (6/9)^9 = 0.0260 and (5/8)^8 = 0.0233, on both sides of LEVEL / 2.
        (Difference(9, 3, 0), (0, 6 / 9)),
        (Difference(8, 3, 0), (1 / 8, 6 / 8)),
    ],
)
def test_of_few_images_every_draw_can_be_counted(difference: Difference, ends: tuple[float, float]) -> None:
    assert difference.interval() == ends


@pytest.mark.parametrize("n", [100, 1000])
def test_interval_and_p_agree_but_for_the_known_edge_cases(n: int) -> None:
    for discordant in range(1, 61):
        for better in range((discordant + 1) // 2, discordant + 1):
            difference = Difference(n, better, discordant - better)
            low, _ = difference.interval()
            if (low > 0) != (difference.p < LEVEL):
                assert (low == 0 and difference.p > 0.046) or (better, discordant) == (4, 4), difference


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.04, 0.01], [0.04, 0.02]),
        ([0.9, 0.6, 0.001], [1.0, 1.0, 0.003]),
        ([0.02, 0.021], [0.04, 0.04]),
    ],
)
def test_p_values_are_corrected_for_their_number(p_values: list[float], corrected: list[float]) -> None:
    assert holm(p_values) == pytest.approx(corrected)


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (1.0, "p = 1.00"),
        (0.3149, "p = 0.31"),
        (0.0499, "p = 0.050"),
        (0.0171, "p = 0.017"),
        (0.00034, "p = 0.0003"),
        (1e-9, "p < 0.0001"),
    ],
)
def test_a_p_value_is_rounded(p: float, text: str) -> None:
    assert p_text(p) == text


def test_a_difference_has_a_sign() -> None:
    assert [points(share) for share in (0.0123, -0.1, 0.0)] == ["+1.23", "-10.00", "+0.00"]
