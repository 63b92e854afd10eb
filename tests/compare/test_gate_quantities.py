"""The sequential test of means and quantiles, which are functions of the tested parameter."""

import json

import numpy as np
import pytest

import cases
from seqbayes import Beta, Dirichlet, Gamma, Hurdle, Normal, NormalInverseGamma
from seqbayes.compare import Gate, compare, decide
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.likelihoods import (
    Exponential,
    Geometric,
    InverseGamma,
    Laplace,
    LogNormal,
    Pareto,
    Poisson,
    Weibull,
)

FALLING = [
    (Beta(likelihood=Geometric()), "mean"),
    (Gamma(1, 1, likelihood=Exponential()), "mean"),
    (Gamma(1, 1, likelihood=Weibull(2.0)), 0.9),
    (Gamma(1, 1, likelihood=Pareto(2.0)), 0.5),
    (Gamma(1, 1, likelihood=Laplace(1.0)), 0.8),
]
RISING = [
    (Beta(), "mean"),
    (Gamma(1, 1, likelihood=Poisson()), "mean"),
    (Gamma(1, 1, likelihood=InverseGamma(3.0)), 0.3),
    (Gamma(1, 1, likelihood=InverseGamma(3.0)), "mean"),
    (Normal(known_variance=4.0), 0.9),
    (Normal(known_variance=4.0, likelihood=LogNormal()), "mean"),
    (NormalInverseGamma(), "mean"),
    (NormalInverseGamma(likelihood=LogNormal()), 0.5),
]


def two_arms(prior, rng, n=3000):
    """Return beliefs of which the first one has the higher parameter."""
    states = {}
    for name, rate in (("high", 0.5), ("low", 0.4)):
        states[name] = state = prior.clone()
        known = getattr(prior, "known_variance", 1.0)
        theta = (rate * 4.0, known) if isinstance(prior, (Normal, NormalInverseGamma)) else rate
        state.learn_many(state.likelihood.sample(theta, rng, n))
    return states


@pytest.mark.parametrize("better", ["higher", "lower"])
@pytest.mark.parametrize(
    ("prior", "quantity", "rises"),
    [(*each, True) for each in RISING] + [(*each, False) for each in FALLING],
)
def test_quantities_are_tested_by_the_parameter(prior, quantity, rises, better, rng):
    states = two_arms(prior, rng)
    found = compare(states, quantity=quantity, better=better, alpha=0.05)
    higher = (better == "higher") == rises
    assert found.best == ("high" if higher else "low")
    assert (found.decision.guarantee, found.decision.best) == ("anytime-valid", found.best)
    assert found.decision == decide(states, better="higher" if higher else "lower")
    gate = Gate(prior, states, better=better, quantity=quantity)
    gate.look(states)
    restored = Gate.from_dict(json.loads(json.dumps(gate.to_dict())))
    assert restored.decision() == gate.decision() == found.decision


def test_the_best_of_three_arms_has_the_lowest_mean(rng):
    waits = {name: Gamma(1, 1, likelihood=Exponential()) for name in "abc"}
    for name, mean in zip("abc", (3.0, 2.0, 3.0), strict=True):
        waits[name].learn_many(rng.exponential(mean, 2000))
    found = compare(waits, quantity="mean", better="lower", control="a", alpha=0.05)
    assert found.best == found.decision.best == "b"
    assert min(found.decision.e_values["b"].values()) >= 3 / 0.05
    assert compare(waits, quantity="mean", alpha=0.05).decision.best is None  # a tie


def test_more_observations_are_planned_for_the_leader_of_the_quantity():
    waits = {name: Gamma(1, 1, likelihood=Exponential()) for name in "ab"}
    waits["a"].learn_many([3.0] * 200)
    waits["b"].learn_many([2.7] * 200)
    found = decide(waits, quantity="mean", better="lower")
    assert found.best is None
    assert found.more == decide(waits, better="higher").more > 0


def stars(counts):
    belief = Dirichlet.flat(list(range(1, 6)))
    belief.learn_many([star for star, n in enumerate(counts, 1) for _ in range(n)])
    return belief


@pytest.mark.parametrize(
    ("prior", "quantity", "reason"),
    [
        (Beta(9, 9, likelihood=Geometric()), 0.5, "equal although the parameters differ"),
        (Gamma(1, 1), 0.9, "equal although the parameters differ"),
        (stars([1, 2, 3, 4, 5]), 0.5, "equal although the parameters differ"),
        (NormalInverseGamma(0, 1, 2, 2), 0.9, "two unknown parameters"),
        (NormalInverseGamma(0, 1, 2, 2, likelihood=LogNormal()), "mean", "two unknown parameters"),
        (Hurdle(Gamma(1, 1, likelihood=Exponential())), 0.9, "two parameters"),
        (Hurdle(Gamma(1, 1, likelihood=Pareto())), 0.9, "unlike that of Pareto amounts"),
    ],
)
def test_quantities_without_a_test_have_no_guarantee(prior, quantity, reason):
    found = compare([prior, prior.clone()], quantity=quantity, alpha=0.05).decision
    assert found.guarantee == "none"
    assert reason in found.reason
    with pytest.raises(UnsupportedError, match=reason):
        Gate(prior, "ab", quantity=quantity)


@pytest.mark.parametrize("quantity", [1.0, 0.0, -0.5, float("nan"), "median", True, 1])
def test_invalid_quantities_are_refused(quantity):
    for call in (lambda: Gate(Beta(), "ab", quantity=quantity), lambda: decide(
        {"a": Beta(), "b": Beta()}, quantity=quantity
    )):  # fmt: skip
        with pytest.raises(PriorError, match="expected 'mean' or a probability"):
            call()


@pytest.mark.parametrize("quantity", ["mean", 0.5, 0.9])
@pytest.mark.parametrize(
    "case", [each for each in cases.ONE_CASE_PER_LIKELIHOOD if each.new().two_sample], ids=str
)
def test_the_direction_is_that_of_the_quantity(case, quantity, rng):
    state = case.new()
    state.learn_many(case.observations(30, 1))
    p = None if quantity == "mean" else quantity
    try:
        direction = state.direction(p)
    except UnsupportedError:
        return
    if state.display_kind not in ("number", "normal"):
        return
    find = state.likelihood.expectation if p is None else lambda h: state.likelihood.quantile(h, p)
    low, high = state.posterior, state.posterior
    if "mean" in low._fields:
        high = low._replace(mean=low.mean + 1.0)
    else:  # failures or a rate, which make the parameter smaller
        low = low._replace(**{low._fields[1]: low[1] * 2.0})
    try:
        gap = find(high).ppf(0.5) - find(low).ppf(0.5)
    except AttributeError:  # the quantity is not available
        return
    assert np.sign(gap) == direction
