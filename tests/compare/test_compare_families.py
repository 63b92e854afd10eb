"""P(better) of every family under each likelihood, by closed forms, down to 1e-40.

Every compared number is an increasing or decreasing function of the parameter of one of four
distributions, so that the probability is that of the parameters. `Hurdle`, and quantiles and means
of Normal-inverse-gamma beliefs, have no closed form: see test_reference_numbers.py. Quantiles of
whole numbers can be equal: see test_compare_discrete.py.
"""

import re
from pathlib import Path

import mpmath as mp
import pytest

import cases
from seqbayes import Gamma, Hurdle
from seqbayes.compare import compare, number_of
from seqbayes.distributions.averaged import Averaged
from seqbayes.errors import PriorError
from seqbayes.likelihoods import Exponential
from seqbayes.predictive import Transformed

QUANTITIES = (None, "mean", 0.9)
LABEL = "a"


def share_above(first, second):
    """P(X1 > X2) of Beta variables, a whole number as the first hyperparameter."""
    (a1, b1), (a2, b2) = first, second
    terms = (
        mp.beta(a2 + i, b1 + b2) / ((b1 + i) * mp.beta(1 + i, b1) * mp.beta(a2, b2))
        for i in range(a1)
    )
    return mp.fsum(terms)


def rate_above(first, second):
    (a1, r1), (a2, r2) = first, second
    return mp.betainc(a2, a1, 0, mp.mpf(r2) / (mp.mpf(r1) + r2), regularized=True)


def mean_above(first, second):
    """P(X1 > X2) of Normal variables, given means and variances."""
    (m1, v1), (m2, v2) = first, second
    return mp.ncdf((mp.mpf(m1) - m2) / mp.sqrt(mp.mpf(v1) + v2))


def cauchy_above(first, second):
    """P(X1 > X2) of Cauchy variables, given medians and scales; accurate where it is small."""
    (m1, s1), (m2, s2) = first, second
    return mp.atan2(mp.mpf(s1) + s2, mp.mpf(m2) - m1) / mp.pi


# family -> (its prior from two numbers, P(first > second), pairs of numbers)
SHARES = [((3, 9), (5, 11)), ((3, 1000), (100, 900))]  # the second: 7e-29
FAMILIES = {
    "Beta": (lambda a, b: {"alpha": a, "beta": b}, share_above, SHARES),
    "Dirichlet": (
        lambda a, b: {"alpha": {LABEL: a, "b": b - 1, "c": 1}},
        share_above,
        SHARES,
    ),
    "DirichletProcess": (
        lambda a, b: {"concentration": b, "atoms": {LABEL: a}},
        share_above,
        SHARES,
    ),
    "Gamma": (
        lambda shape, rate: {"shape": shape, "rate": rate},
        rate_above,
        [((9, 3), (12, 5)), ((90, 10), (140, 2.6))],
    ),
    "Normal": (
        lambda mean, variance: {"prior_mean": mean, "prior_variance": variance},
        mean_above,
        [((0.5, 1), (1, 2)), ((0, 1), (16, 1))],  # the second: 5e-30
    ),
    "NormalInverseGamma": (  # with one degree of freedom
        lambda mean, scale: {"prior_mean": mean, "kappa": 1, "alpha": 0.5, "beta": scale**2 / 2},
        cauchy_above,
        [((0, 1), (1, 2)), ((0, 1), (1e4, 2))],
    ),
}


# the words of the table in docs/compare.md -> a part of the message
REASONS = {
    "infinite": "is infinite",
    "infinite for some": "is infinite",
    "the centre": "is the known centre",
    "above the centre": "known centre",
    "false or true": "is False or True",
    "in steps, if `trials` is fixed": "number of trials, which varies",
    "in steps, of labels that are numbers": "a quantile is computed over all labels",
}
TABLE = Path(__file__).parents[2] / "docs" / "compare.md"


def documented():
    """Return the words for the mean and for the quantiles of each likelihood, from the docs."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", TABLE.read_text(), re.M)
    return {name: (mean.strip(), quantiles.strip()) for name, mean, quantiles in rows}


def reason(case, quantity):
    """Return the words of the table; empty if the quantity is available."""
    words = documented()[type(case.likelihood).__name__][quantity != "mean"]
    if words == "above the centre" and (quantity or 0.0) > 0.5:
        return ""
    if words == "in steps, if `trials` is fixed" and case.likelihood.trials:
        return ""
    return "" if quantity is None or words in ("yes", "in steps") else words


def test_the_table_of_quantities_is_true():
    compared = [case for case in cases.ONE_CASE_PER_LIKELIHOOD if case.family.__name__ in FAMILIES]
    assert {type(case.likelihood).__name__ for case in compared} <= set(documented())
    for case in compared:
        for quantity in ("mean", 0.9, 0.3):
            words = reason(case, quantity)
            if words == "infinite for some":  # InverseGamma, with the shapes up to 1
                continue
            assert bool(list(numbers(case, quantity))) == (not words), (case.id, quantity)
    hurdle = Hurdle(Gamma(3, 2, likelihood=Exponential()))
    assert documented()["Hurdle"] == ("yes", "of positive amounts; may be zero")
    assert [number_of(hurdle, quantity=each).zero > 0.0 for each in ("mean", 0.9)] == [False, True]


def numbers(case, quantity):
    """Return the pairs of states, with the distributions of their numbers."""
    prior, _, pairs = FAMILIES[case.family.__name__]
    label = LABEL if case.family.display_kind == "labels" else None
    refused = ""
    for pair in pairs:
        states = [case.family(**prior(*each), likelihood=case.likelihood) for each in pair]
        try:
            yield pair, states, [number_of(state, label, quantity) for state in states], label
        except PriorError as error:
            refused = str(error)
    if refused:
        assert REASONS[reason(case, quantity)] in refused


def exact_cases():
    """Yield every family and likelihood of one number, with the quantities that it has."""
    for case in cases.ONE_CASE_PER_LIKELIHOOD:
        if case.family.__name__ not in FAMILIES:
            continue
        for quantity in QUANTITIES:
            found = list(numbers(case, quantity))
            compared = [inner(number) for *_, pair, _ in found for number in pair]
            if found and not any(isinstance(each, Averaged) or each.discrete for each in compared):
                yield pytest.param(case, quantity, found, id=f"{case.id}-{quantity}")


def inner(number):
    """Return the distribution whose function a number is."""
    return number.base if isinstance(number, Transformed) else number


def test_every_family_about_one_number_is_compared():
    others = {case.family.__name__ for case in cases.ONE_CASE_PER_LIKELIHOOD} - set(FAMILIES)
    # vectors and several fields are not one number; a hurdle is in test_reference_numbers.py
    assert others == {"NormalInverseWishart", "Product", "Hurdle"}


@pytest.mark.parametrize(("case", "quantity", "found"), list(exact_cases()))
def test_the_probability_of_being_better_is_exact(case, quantity, found):
    _, above, _ = FAMILIES[case.family.__name__]
    for pair, states, pair_numbers, label in found:
        expected = above(*pair)
        result = compare({"first": states[0], "second": states[1]}, label=label, quantity=quantity)
        # a mean or quantile may decrease with the parameter, as that of waiting times with a rate
        wanted = "first" if label or increases(states, pair_numbers) else "second"
        other = "second" if wanted == "first" else "first"
        assert float(abs(result.p_better[wanted][other] / expected - 1)) < 1e-10
        assert result.p_best[wanted] == pytest.approx(float(expected), rel=1e-10, abs=0.0)
        rest = 1.0 - float(expected)
        assert result.p_better[other][wanted] == pytest.approx(rest, rel=1e-10)


def increases(states, pair_numbers):
    """Return whether the number that is compared increases with the parameter."""
    parameters = [state.plotted(state.posterior).ppf(0.5) for state in states]
    medians = [number.ppf(0.5) for number in pair_numbers]
    return (parameters[0] < parameters[1]) == (medians[0] < medians[1])
