"""The test of the sample ratio: exact Bayes factors, and a bounded rate of false alarms."""

import math

import mpmath
import numpy as np
import pytest

from seqbayes import ObservationError, PriorError
from seqbayes.compare import sample_ratio


def exact(counts, weights, concentration):
    total = mpmath.mpf(sum(weights))
    shares = [mpmath.mpf(w) / total for w in weights]
    found = mpmath.mpf(0)
    for n, p in zip(counts, shares, strict=True):
        a = concentration * p
        found += mpmath.loggamma(a + n) - mpmath.loggamma(a) - n * mpmath.log(p)
    n = sum(counts)
    return found - mpmath.loggamma(concentration + n) + mpmath.loggamma(concentration)


@pytest.mark.parametrize(
    ("counts", "weights", "concentration"),
    [
        ((821_588, 815_482), (1, 1), 10_000),
        ((5_000_000, 5_000_000), (1, 1), 10_000),
        ((9_020, 980), (9, 1), 10_000),
        ((33, 31, 50), (1, 1, 1), 10),
        ((3, 0), (1, 1), 0.5),
        ((0, 0), (1, 1), 10_000),
        ((10**12, 10**12 + 10**7), (1, 1), 10_000),
    ],
)
def test_the_e_value_is_the_bayes_factor(counts, weights, concentration):
    found = sample_ratio(
        dict(enumerate(counts)), dict(enumerate(weights)), concentration=concentration
    )
    wanted = exact(counts, weights, concentration)
    assert math.log(found.e_value) == pytest.approx(float(min(wanted, 700)), rel=1e-10, abs=1e-10)
    assert found.p_value == min(1.0, 1.0 / found.e_value)


def test_the_expected_e_value_under_the_planned_shares_is_one():
    n, p = 40, 0.3
    total = math.fsum(
        math.comb(n, k)
        * p**k
        * (1 - p) ** (n - k)
        * sample_ratio({"a": k, "b": n - k}, {"a": 3, "b": 7}, concentration=5.0).e_value
        for k in range(n + 1)
    )
    assert total == pytest.approx(1.0, rel=1e-10)


@pytest.mark.parametrize("concentration", [5.0, 100.0])
def test_the_probability_of_a_false_alarm_at_any_time_is_at_most_alpha(concentration):
    # exact, by the probabilities of all paths of 400 visitors that have not raised an alarm
    alpha, alive, alarms = 0.05, np.array([1.0]), 0.0
    for n in range(1, 400):
        alive = 0.5 * (np.append(alive, 0.0) + np.append(0.0, alive))
        stop = np.array(
            [
                sample_ratio(
                    {"a": k, "b": n - k}, alpha=alpha, concentration=concentration
                ).mismatch
                for k in range(n // 2 + 1)
            ]
        )
        stop = np.concatenate([stop, stop[: n + 1 - len(stop)][::-1]])
        alarms += alive[stop].sum()
        alive[stop] = 0.0
    assert 0.001 < alarms <= alpha


def test_a_loss_of_one_percent_of_visitors_is_detected():
    assert not sample_ratio({"A": 20_000, "B": 19_800}).mismatch
    found = sample_ratio({"A": 1_000_000, "B": 990_000})
    assert found.mismatch
    assert found.observed["B"] == 99 / 199
    assert "sample ratio mismatch" in str(found)
    assert found.guarantee == "anytime-valid"


def test_there_is_no_mismatch_without_visitors():
    found = sample_ratio({"A": 0, "B": 0})
    assert (found.p_value, found.mismatch, found.observed) == (1.0, False, {"A": None, "B": None})


@pytest.mark.parametrize(
    ("counts", "options", "error", "message"),
    [
        ({"A": 1}, {}, PriorError, "two or more"),
        ({"A": 1, "B": -1}, {}, ObservationError, "whole number >= 0 for 'B'"),
        ({"A": 1, "B": 1.5}, {}, ObservationError, "whole number"),
        ({"A": 1, "B": math.nan}, {}, ObservationError, "whole number"),
        ({"A": 1, "B": math.inf}, {}, ObservationError, "whole number"),
        ({"A": 1, "B": "x"}, {}, ObservationError, "whole number"),
        ({"A": 1, "B": True}, {}, ObservationError, "whole number"),
        ({"A": 1, "B": 1}, {"planned": {"A": 1}}, PriorError, "planned weights for"),
        ({"A": 1, "B": 1}, {"planned": {"A": 1, "B": 0}}, PriorError, "above 0"),
        ({"A": 1, "B": 1}, {"alpha": 0.0}, PriorError, "alpha"),
        ({"A": 1, "B": 1}, {"concentration": math.inf}, PriorError, "concentration"),
    ],
)
def test_invalid_arguments_are_refused(counts, options, error, message):
    with pytest.raises(error, match=message):
        sample_ratio(counts, **options)
