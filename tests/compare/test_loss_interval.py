"""The interval of the loss: quantiles of the distance to the best of several numbers."""

import math
import pickle

import numpy as np
import pytest
import scipy.stats as st
from scipy.integrate import quad

from seqbayes import Gamma
from seqbayes import distributions as d
from seqbayes.compare import compare, compare_many


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_the_interval_of_the_loss_contains_the_distance_to_the_best(better):
    arms = [Gamma(12, 10), Gamma(30, 20), Gamma(26, 21)]
    sign = 1.0 if better == "higher" else -1.0
    found = compare(arms, better=better, level=0.9)
    for i, (low, high) in found.loss_interval.items():
        mine, *others = (
            st.gamma(*arm.posterior[:1], scale=1.0 / arm.posterior[1])
            for arm in (arms[i], *(arms[:i] + arms[i + 1 :]))
        )

        def within(distance, mine=mine, others=others):
            """Return the probability that the best of the others is at most so far away."""

            def density(x):
                tails = [each.cdf if sign > 0.0 else each.sf for each in others]
                return mine.pdf(x) * math.prod(tail(x + sign * distance) for tail in tails)

            return quad(density, 0.0, 8.0, epsabs=1e-11, limit=300)[0]

        assert within(high) == pytest.approx(0.95, abs=1e-7)
        if low > 0.0:
            assert within(low) == pytest.approx(0.05, abs=1e-7)
        else:
            assert found.p_best[i] >= 0.05
    assert found.loss[found.best] < found.loss_interval[found.best][1]


def test_many_comparisons_have_intervals_of_the_loss():
    shapes = np.array([20.0, 45.0])
    arms = {
        "a": d.Gamma(shapes, 10.0 + 0.0 * shapes),
        "b": d.Gamma(shapes + 9.0, 10.0 + 0.0 * shapes),
    }
    found = compare_many(arms)
    for i in range(2):
        one = compare({"a": d.Gamma(shapes[i], 10.0), "b": d.Gamma(shapes[i] + 9.0, 10.0)})
        for name in "ab":
            many = [end[i] for end in found.loss_interval[name]]
            assert many == pytest.approx(list(one.loss_interval[name]), abs=1e-9)


@pytest.mark.parametrize("quantity", [None, 0.9])
def test_a_comparison_can_be_pickled(quantity):
    found = compare([Gamma(12, 10), Gamma(30, 20)], quantity=quantity)
    copied = pickle.loads(pickle.dumps(found))
    assert copied == found
    assert copied.loss_interval == found.loss_interval
