"""Priors from a mean, an interval or proportions, and the named ones."""

import math

import pytest
import scipy.stats as st
from hypothesis import given
from hypothesis import strategies as some

import seqbayes as sb
from seqbayes import PriorError, elicit

shares = some.floats(0.001, 0.999)


@given(shares, some.floats(1e-3, 1e6))
def test_a_probability_from_its_mean(mean, strength):
    state = sb.Beta.from_mean(mean, strength)
    assert state.mean == pytest.approx(mean, rel=1e-12)
    assert state.alpha + state.beta == pytest.approx(strength, rel=1e-12)


@given(some.floats(1e-6, 1e6), some.floats(1e-3, 1e3))
def test_a_rate_from_its_mean(mean, strength):
    state = sb.Gamma.from_mean(mean, strength)
    assert state.mean == pytest.approx(mean, rel=1e-12)
    assert state.rate == strength


@given(some.floats(-1e6, 1e6), some.floats(1e-3, 1e3), some.floats(1e-3, 1e3))
def test_a_normal_mean(mean, strength, variance):
    state = sb.Normal.from_mean(mean, strength, variance)
    assert state.mean == mean
    # equivalent to n observations: n more halve the variance
    before = state.var
    state.learn_one(mean, strength)
    assert state.var == pytest.approx(before / 2, rel=1e-12)
    both = sb.NormalInverseGamma.from_mean(mean, variance, strength)
    assert both.mean.mean == mean
    assert both.mean.variance == pytest.approx(variance, rel=1e-9)
    assert both.kappa == strength


@given(some.tuples(shares, shares).map(sorted), some.floats(0.5, 0.99))
def test_a_probability_from_an_interval(ends, level):
    low, high = ends
    if high - low < 0.01:
        return
    state = sb.Beta.from_interval(low, high, level)
    tail = (1 - level) / 2
    oracle = st.beta(state.alpha, state.beta)
    assert oracle.cdf(low) == pytest.approx(tail, rel=1e-6)
    assert oracle.sf(high) == pytest.approx(tail, rel=1e-6)


@pytest.mark.parametrize("low", [1e-6, 0.01, 1.0, 5e4])
@pytest.mark.parametrize("ratio", [1.01, 1.5, 3.0, 20.0, 1000.0])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_a_rate_from_an_interval(low, ratio, level):
    state = sb.Gamma.from_interval(low, low * ratio, level)
    oracle = st.gamma(state.shape, scale=1 / state.rate)
    assert oracle.cdf(low) == pytest.approx((1 - level) / 2, rel=1e-6)
    assert oracle.sf(low * ratio) == pytest.approx((1 - level) / 2, rel=1e-6)


@pytest.mark.parametrize(
    ("low", "high"), [(0.1, 0.3), (0.001, 0.999), (0.4, 0.41), (0.9, 0.9999), (1e-5, 1e-4)]
)
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.99])
def test_ordinary_intervals_have_a_prior(low, high, level):
    state = sb.Beta.from_interval(low, high, level)
    assert state.interval(level) == pytest.approx((low, high), rel=1e-5)


@pytest.mark.parametrize(
    ("family", "low", "high", "level"),
    [
        (sb.Gamma, 1.0, 1.000001, 0.95),
        (sb.Gamma, 5.0, 5.0000001, 0.5),
        (sb.Gamma, 1e-10, 1.0, 0.95),
        (sb.Gamma, 1e200, 2e200, 0.95),
        (sb.Gamma, 1e-3, 1e3, 0.999),
        (sb.Gamma, 1e-5, 1e5, 1 - 1e-9),
        (sb.Beta, 0.4999999, 0.5000001, 0.95),
        (sb.Beta, 0.3, 0.3000001, 0.999),
        (sb.Beta, 1e-12, 0.5, 0.95),
        (sb.Beta, 1e-9, 1e-8, 0.8),
        (sb.Beta, 0.9, 0.9999999, 0.5),
        (sb.Beta, 1e-300, 0.1, 0.95),
    ],
)
def test_narrow_and_wide_intervals_have_a_prior(family, low, high, level):
    state = family.from_interval(low, high, level)
    found = state.interval(level)
    assert found == pytest.approx((low, high), rel=1e-6, abs=0.0)
    assert found[1] - found[0] == pytest.approx(high - low, rel=1e-6)


def test_error_for_an_underflowing_rate_names_the_interval():
    with pytest.raises(PriorError, match=r"between 1e-300 and 1e\+300"):
        sb.Gamma.from_interval(1e-300, 1e300, 0.5)


def test_means_of_extreme_hyperparameters():
    assert sb.Beta(1e308, 1e308).mean == 0.5
    assert sb.Beta(5e-324, 1.0).mean == 5e-324
    assert sb.Beta(5e-324, 1.0).log_predictive(True) == pytest.approx(math.log(5e-324))
    assert sb.Beta(1.0, 5e-324).log_predictive(False) == pytest.approx(math.log(5e-324))


@given(some.floats(-1e6, 1e6), some.floats(1e-3, 1e6), some.floats(0.01, 0.999))
def test_normal_prior_from_interval_has_that_interval(low, width, level):
    state = sb.Normal.from_interval(low, low + width, level)
    assert state.interval(level) == pytest.approx((low, low + width), rel=1e-9, abs=1e-9 * width)


@pytest.mark.parametrize("family", [sb.Beta, sb.Gamma, sb.Normal])
@pytest.mark.parametrize(
    ("low", "high", "level"),
    [
        (0.3, 0.2, 0.95),
        (0.2, 0.2, 0.95),
        (0.1, 0.2, 0.0),
        (0.1, 0.2, 1.0),
        (0.1, 0.2, 95),
        (math.nan, 0.2, 0.95),
        (0.1, math.inf, 0.95),
        ("0.1", 0.2, 0.95),
        (0.1, None, 0.95),
    ],
)
def test_impossible_intervals_are_refused(family, low, high, level):
    with pytest.raises(PriorError):
        family.from_interval(low, high, level)


@pytest.mark.parametrize("low", [-0.1, 0.0])
def test_intervals_outside_the_parameter_space_are_rejected(low):
    for family in (sb.Beta, sb.Gamma):
        with pytest.raises(PriorError, match="low"):
            family.from_interval(low, 0.5)
    with pytest.raises(PriorError, match="high"):
        sb.Beta.from_interval(0.5, 1.0)


@pytest.mark.parametrize("mean", [0.0, 1.0, -0.1, math.nan, "0.5", None])
def test_impossible_means_are_refused(mean):
    with pytest.raises(PriorError, match="mean"):
        sb.Beta.from_mean(mean)
    with pytest.raises(PriorError, match="strength"):
        sb.Beta.from_mean(0.5, strength=mean if mean not in (1.0, "0.5") else 0.0)


@pytest.mark.parametrize(
    ("proportions", "message"),
    [
        ({"red": 0.3, "green": 0.2, "blue": 0.25, "yellow": 0.35}, r"sum to 1\.10"),
        ({"a": 0.5, "b": 0.4}, r"sum to 0\.90"),
        ({"a": 0.5, "b": 0.5000001}, r"sum to 1\.0000001"),
        ({"a": 1.2, "b": -0.2}, "'b'"),
        ({"a": math.nan, "b": 1.0}, "'a'"),
        ({"a": "0.5", "b": 0.5}, "'a'"),
        ({}, "mapping"),
        ([0.5, 0.5], "mapping"),
        (None, "mapping"),
        (0.5, "mapping"),
    ],
)
def test_impossible_proportions_are_refused(proportions, message):
    with pytest.raises(PriorError, match=message):
        elicit.check_proportions(proportions)
    with pytest.raises(PriorError, match=message):
        sb.Dirichlet.from_proportions(proportions, strength=10)


def test_proportions_that_round_to_one_are_accepted():
    thirds = dict.fromkeys("abc", 1 / 3)
    assert sb.Dirichlet.from_proportions(thirds, strength=3).alpha == pytest.approx(
        dict.fromkeys("abc", 1.0)
    )
    tenths = dict.fromkeys(range(10), 0.1)
    assert sb.DirichletProcess.from_proportions(tenths, strength=5).mean[0] == pytest.approx(
        0.5 / 6.0
    )


def test_named_priors():
    """Jeffreys (1946); Haldane (1932); the flat priors of the MAP."""
    assert sb.Beta.flat().prior == (1, 1)
    assert sb.Beta.jeffreys().prior == (0.5, 0.5)
    # with a given number of successes, the root of the Fisher information is p**-1 (1 - p)**-1/2
    assert sb.Beta.jeffreys(sb.likelihoods.Geometric()).prior == (0.0, 0.5)
    assert sb.Beta.jeffreys(sb.likelihoods.NegativeBinomial(3)).prior == (0.0, 0.5)
    assert sb.Beta.haldane().prior == (0, 0)
    assert sb.Gamma.jeffreys().prior == (0.5, 0)
    assert sb.Gamma.jeffreys(sb.likelihoods.Poisson(exposure=2)).prior == (0.5, 0)
    assert sb.Gamma.jeffreys(sb.likelihoods.Exponential()).prior == (0, 0)
    assert sb.Gamma.jeffreys(sb.likelihoods.Rayleigh()).prior == (0, 0)
    assert sb.Dirichlet.jeffreys(list("abc")).alpha == dict.fromkeys("abc", 0.5)
    assert sb.Dirichlet.symmetric(range(3), 2).alpha == {0: 2.0, 1: 2.0, 2: 2.0}
    assert sb.Normal.jeffreys(4.0).prior == (0.0, math.inf, 4.0)
    assert sb.NormalInverseGamma.jeffreys().prior == (0, 0, -0.5, 0)


def test_haldanes_posterior_mean_is_the_mle():
    state = sb.Beta.haldane()
    state.learn_many([True, True, False])
    assert state.mean == state.mle == pytest.approx(2 / 3)


def test_other_parametrisations_of_the_normal_prior():
    gamma = sb.NormalInverseGamma.from_normal_gamma(1.0, 2.0, 3.0, 4.0)
    assert gamma.prior == (1.0, 2.0, 3.0, 4.0)
    chi = sb.NormalInverseGamma.from_normal_scaled_inverse_chi2(1.0, 2.0, df=6.0, scale=0.5)
    assert chi.prior == (1.0, 2.0, 3.0, 1.5)
    # scaled inverse chi-squared of df 6 and scale .5 (Gelman et al., table A.1)
    assert chi.mean.variance == pytest.approx(6 * 0.5 / (6 - 2))


def test_elicited_priors_match_their_likelihood():
    likelihood = sb.likelihoods.Geometric(start=0)
    for state in (
        sb.Beta.flat(likelihood),
        sb.Beta.from_mean(0.3, 5, likelihood, seed=3),
        sb.Beta.from_interval(0.2, 0.4, 0.9, likelihood),
    ):
        assert state.likelihood == likelihood
    with pytest.raises(PriorError, match="Poisson"):
        sb.Beta.flat(sb.likelihoods.Poisson())
