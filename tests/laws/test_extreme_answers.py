"""Extreme hyperparameters and arguments: no answer is NaN, no error is one of arithmetic.

An answer that floats cannot represent is an error that names the remedy.
"""

import contextlib
import math
import warnings
from collections.abc import Mapping

import mpmath
import numpy as np
import pytest

import seqbayes as sb
from cases import ONE_CASE_PER_LIKELIHOOD, is_built_in, is_tested
from seqbayes.distributions import Gamma, InverseGamma
from seqbayes.errors import SeqbayesError
from seqbayes.predictive import CompoundGamma

EXTREMES = (1e-215, 1e200, 1e300)
ARGUMENTS = (1e-300, 0.3, 3.0, 1e20, 1e300, -1e20)
LEVELS = (1e-300, 0.5, 1.0 - 1e-12)
FUNCTIONS = ("pdf", "logpdf", "cdf", "sf", "logcdf", "logsf")
NOT_NUMBERS = (
    *(None, "0.5", b"x", 1j, object(), {"a": 1}, np.datetime64("2020-01-01")),
    *([0.5, None], ["a"], np.array([1j]), np.array([None])),
)


def has_nan(value):
    """Whether a value contains NaN."""
    if isinstance(value, Mapping):
        return any(map(has_nan, value.values()))
    if isinstance(value, (tuple, list)):
        return any(map(has_nan, value))
    return isinstance(value, (float, np.ndarray)) and bool(np.isnan(value).any())


def check(name, call):
    """Assert that a call returns no NaN, or refuses with an error of this package."""
    with contextlib.suppress(SeqbayesError, NotImplementedError):
        assert not has_nan(call()), name


def check_functions(name, distribution, points, density):
    for method in (density, *FUNCTIONS[2:]):
        for x in points:
            check(f"{name}.{method}({x!r})", lambda m=method, v=x: getattr(distribution, m)(v))
    for method in ("ppf", "isf"):
        for q in LEVELS:
            check(f"{name}.{method}({q})", lambda m=method, v=q: getattr(distribution, m)(v))


def check_answers(state, x):
    """Check the functions of a state, and of its predictive distribution."""
    name = repr(state)
    for attribute in ("posterior", "mean", "var", "map", "mle", "log_evidence", "prior_share"):
        check(f"{name}.{attribute}", lambda a=attribute: getattr(state, a))
    vector = isinstance(state.mean, (Mapping, tuple))
    check_functions(name, state, [state.mean] if vector else ARGUMENTS, "logpdf")
    check(f"{name}.entropy", state.entropy)
    check(f"{name}.kl", lambda: state.kl(state))
    check(f"{name}.interval", state.interval)
    check(f"{name}.sample", lambda: state.sample(3))
    check(f"{name}.explain", lambda: tuple(state.explain(x, log=True)))
    if not state.likelihood.labelled and not isinstance(state.predictive.mean, Mapping):
        # distributions of counts sum many terms in the tails, which takes long
        points = (2, 1e300) if state.predictive.discrete else ARGUMENTS
        check_functions(f"{name}.predictive", state.predictive, points, "logp")


# Other packages document the ranges of their own classes.
SCALAR = [
    case
    for case in ONE_CASE_PER_LIKELIHOOD
    if not case.fields and not case.dimension and is_built_in(case)
]
FAMILIES = list({case.family: case for case in SCALAR}.values())


@pytest.mark.parametrize("case", FAMILIES, ids=lambda case: case.id)
def test_answers_under_extreme_priors_are_numbers_or_refused(case):
    x = case.observations(1)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name, usual in case.prior.items():
            for extreme in EXTREMES:
                value = dict.fromkeys(usual, extreme) if isinstance(usual, dict) else extreme
                prior = {**case.prior, name: value}
                try:
                    state = case.family(**prior, likelihood=case.likelihood, seed=1)
                except sb.PriorError:
                    continue
                check_answers(state, x)


@pytest.mark.parametrize("case", ONE_CASE_PER_LIKELIHOOD, ids=lambda case: case.id)
def test_arguments_that_are_not_numbers_are_refused(case):
    state = case.new(case.observations(2))
    for given in NOT_NUMBERS:
        for method in (*FUNCTIONS, "ppf", "isf"):
            with pytest.raises(SeqbayesError, match="expected"):
                getattr(state, method)(given)
    if state.likelihood.labelled or isinstance(state.predictive.mean, Mapping):
        return
    for given in NOT_NUMBERS:
        for method in ("logp", "cdf", "sf", "logcdf", "logsf", "ppf", "isf"):
            with pytest.raises(SeqbayesError, match="expected"):
                getattr(state.predictive, method)(given)


@pytest.mark.skipif(not is_tested(ONE_CASE_PER_LIKELIHOOD[0]), reason="no built-in family")
def test_truth_values_are_no_parameters_but_outcomes():
    with pytest.raises(SeqbayesError, match=r"expected a number .* got True"):
        sb.Beta().cdf(True)
    assert sb.Beta(1, 3).predictive.pmf(True) == 0.25
    assert sb.Beta().cdf(np.zeros(0)).shape == (0,)


@pytest.mark.parametrize(
    ("shape", "rate", "x"),
    [
        (2.5, 1e-300, 1e-300),
        (0.3, 1e-200, 1e-150),
        (1e15, 1e-300, 1e-300),
        (3.0, 1e300, 1e-10),
        (1e15, 1e15, 1e300),
    ],
)
def test_densities_where_a_product_leaves_the_range_of_floats(shape, rate, x):
    a, b, at = map(mpmath.mpf, (shape, rate, x))
    constant = a * mpmath.log(b) - mpmath.loggamma(a)
    wanted = float(constant + (a - 1) * mpmath.log(at) - b * at)
    tail = float(constant + a * mpmath.log(at) - mpmath.log(a))
    for argument in (x, np.array([x])):
        assert Gamma(shape, rate).logpdf(argument) == pytest.approx(wanted, rel=1e-13)
        if rate * x == 0.0:
            assert Gamma(shape, rate).logcdf(argument) == pytest.approx(tail, rel=1e-13)
            inverse = InverseGamma(shape, rate).logsf(1.0 / argument)
            assert inverse == pytest.approx(tail, rel=1e-13)


@pytest.mark.parametrize(
    ("k", "alpha", "beta", "x"),
    [(1.0, 1e15, 1.5, 1e300), (2.5, 1e15, 1e15, 1e300), (1e15, 2.5, 1e300, 1e-5)],
)
def test_predictions_where_a_product_leaves_the_range_of_floats(k, alpha, beta, x):
    m, a, b, at = map(mpmath.mpf, (k, alpha, beta, x))
    gammas = mpmath.loggamma(m + a) - mpmath.loggamma(m) - mpmath.loggamma(a)
    logs = (m - 1) * mpmath.log(at) + a * mpmath.log(b) - (m + a) * mpmath.log(b + at)
    wanted = float(gammas + logs)
    assert CompoundGamma(k, alpha, beta).logpdf(x) == pytest.approx(wanted, rel=1e-13)


def test_an_answer_beyond_the_range_of_floats_names_the_remedy():
    with pytest.raises(SeqbayesError, match="exceed the range of floats; use other units"):
        sb.Dirichlet([1e300, 1e300]).kl(sb.Dirichlet([1e300, 1e300]))
    assert math.isinf(sb.Gamma(1e100, 1e-300).predictive.mode)
