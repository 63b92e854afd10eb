"""Priors from intervals of any width, and tails of parameters close to zero."""

import math

import mpmath
import numpy as np
import pytest

from seqbayes import Beta, Dirichlet, Gamma, PriorError, distributions


@pytest.mark.parametrize(
    ("family", "low", "high", "level"),
    [
        (Gamma, 1e-200, 1e200, 0.95),
        (Gamma, 1e-290, 1e20, 0.95),
        (Gamma, 1e-5, 1e5, 0.1),
        (Gamma, 1.0, 1.0 + 1e-12, 0.95),
        (Gamma, 1e100, 1e100 * (1.0 + 1e-14), 0.5),
        (Beta, 0.3, 0.3 + 1e-12, 0.95),
        (Beta, 0.9, 0.9 + 1e-15, 0.5),
        (Beta, 1e-20, 1e-20 * (1.0 + 1e-10), 0.95),
        (Beta, 1e-300, 1.0 - 1e-16, 0.95),
    ],
)
def test_a_prior_has_the_interval_from_which_it_is_made(family, low, high, level):
    ends = family.from_interval(low, high, level=level).interval(level)
    # an end of a narrow interval cannot be closer than the rounding of the parameters
    tolerance = max(1e-9, 4e-16 * high / (high - low))
    assert ends[0] == pytest.approx(low, rel=1e-9, abs=0.0)
    assert ends[1] == pytest.approx(high, rel=1e-9, abs=0.0)
    assert ends[1] - ends[0] == pytest.approx(high - low, rel=tolerance, abs=0.0)


@pytest.mark.parametrize(
    ("low", "high", "level", "reason"),
    [
        (1e-5, 1e5, 0.01, "needs a rate of 1e-347"),
        (1e-300, 1e300, 0.5, "needs a rate of 1e-457"),
        (5.0, 6.0, 1e-9, "needs a shape below 1e-7"),
    ],
)
def test_an_interval_whose_prior_cannot_be_represented_is_refused(low, high, level, reason):
    with pytest.raises(PriorError, match=reason):
        Gamma.from_interval(low, high, level=level)


def test_quantiles_and_tails_of_a_gamma_variable_whose_scaled_value_underflows():
    shape, rate = 0.004, 1e-203
    belief = distributions.Gamma(shape, rate)
    xs = [1e-305, 1e-200, 1e-100]
    for x in xs:
        right = mpmath.gammainc(shape, 0, mpmath.mpf(x) * mpmath.mpf(rate), regularized=True)
        assert belief.cdf(x) == pytest.approx(float(right), rel=1e-10)
        assert belief.sf(x) == pytest.approx(float(1 - right), rel=1e-10)
        assert belief.logcdf(x) == pytest.approx(float(mpmath.log(right)), abs=1e-10)
        assert belief.logsf(x) == pytest.approx(float(mpmath.log(1 - right)), abs=1e-10)
        assert belief.ppf(belief.cdf(x)) == pytest.approx(x, rel=1e-9)
        assert belief.isf(belief.sf(x)) == pytest.approx(x, rel=1e-9)
    assert belief.cdf(0.0) == 0.0
    many = distributions.Gamma(np.full(3, shape), np.full(3, rate))
    assert many.cdf(np.array(xs)) == pytest.approx([belief.cdf(x) for x in xs], rel=1e-14)
    assert many.ppf(np.full(3, 0.01)) == pytest.approx([belief.ppf(0.01)] * 3, rel=1e-14)


@pytest.mark.parametrize(("alpha", "beta", "at_zero"), [(2.0, 0.0, 0.0), (0.0, 2.0, 1.0)])
def test_a_beta_parameter_of_zero_is_the_limit_of_small_ones(alpha, beta, at_zero):
    belief = distributions.Beta(alpha, beta)
    assert (belief.cdf(0.3), belief.sf(0.3)) == (at_zero, 1.0 - at_zero)
    assert belief.logcdf(0.3) == (0.0 if at_zero else -math.inf)
    assert belief.logsf(0.3) == (-math.inf if at_zero else 0.0)
    many = distributions.Beta(np.array([alpha, 1.0]), np.array([beta, 1.0]))
    assert many.cdf(0.3).tolist() == [at_zero, 0.3]


def test_concentrations_whose_sum_overflows_are_refused():
    with pytest.raises(PriorError, match="concentrations with a finite sum"):
        Dirichlet({"a": 1e308, "b": 1e308})
    assert Dirichlet({"a": 1e307, "b": 1e307}).mean == {"a": 0.5, "b": 0.5}
