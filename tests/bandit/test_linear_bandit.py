"""Bandits with regressions of rewards on features."""

import math
import random

import numpy as np
import pytest

from seqbayes import Beta
from seqbayes.bandit import BayesUCB, LinearBandit, TopTwo
from seqbayes.errors import ObservationError, PriorError
from seqbayes.river import ConjugateLinearRegression

ARMS = ["a", "b", "c"]


def taught(**options):
    """Return a bandit whose arms have learned 20 rewards each."""
    bandit, rng = (
        LinearBandit(ConjugateLinearRegression(precision=1.0), **options),
        random.Random(3),
    )
    slopes = {"a": 1.0, "b": -1.0, "c": 0.1}
    for arm in ARMS * 20:
        x = {"u": rng.uniform(-1.0, 1.0), "v": rng.random()}
        bandit.update(arm, x, slopes[arm] * x["u"] + rng.gauss(0.0, 1.0))
    return bandit


def test_the_expected_target_is_the_predictive_without_the_noise():
    """The posterior of a Normal mean with a design matrix, by the normal equations."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=12), rng.normal(size=12)
    model = ConjugateLinearRegression(precision=2.0, intercept_precision=0.5, alpha=3.0, beta=4.0)
    for u, v in zip(x, y, strict=True):
        model.learn_one({"u": u}, v)
    design = np.column_stack([np.ones(12), x])
    information = design.T @ design + np.diag([0.5, 2.0])
    weights = np.linalg.solve(information, design.T @ y)
    alpha = 3.0 + 6.0
    beta = 4.0 + 0.5 * (y @ y - weights @ information @ weights)
    row = np.array([1.0, 0.7])
    leverage = row @ np.linalg.solve(information, row)
    found, whole = model.expected({"u": 0.7}), model.predictive({"u": 0.7})
    expected = (2.0 * alpha, row @ weights, math.sqrt(beta / alpha * leverage))
    assert (found.df, found.loc, found.scale) == pytest.approx(expected, rel=1e-9)
    assert whole.scale**2 == pytest.approx(found.scale**2 + beta / alpha, rel=1e-9)


def test_arms_are_pulled_as_often_as_their_shares():
    bandit, context = taught(seed=1, min_share=0.05), {"u": 0.3, "v": 0.5}
    shares, n = bandit.shares(ARMS, context), 4000
    assert sum(shares.values()) == pytest.approx(1.0, rel=1e-12)
    pulled = [bandit.pull(ARMS, context) for _ in range(n)]
    chosen = [bandit.choose(ARMS, context) for _ in range(100)]
    # P(best) by draws from the posterior of each arm, with the smallest share
    rng = np.random.default_rng(2)
    draws = [bandit.models[arm].expected(context).sample(200_000, rng) for arm in ARMS]
    best = np.bincount(np.argmax(draws, axis=0), minlength=3) / 200_000
    for arm, p in zip(ARMS, best, strict=True):
        assert shares[arm] == pytest.approx(0.05 + 0.85 * p, abs=0.006)
        assert pulled.count(arm) / n == pytest.approx(shares[arm], abs=0.04)
    assert all(each.propensity == shares[each.arm] for each in chosen)


@pytest.mark.parametrize("rule", [TopTwo(), BayesUCB()])
def test_every_rule_can_be_used(rule):
    bandit = taught(rule=rule, seed=2)
    shares = bandit.shares(ARMS, {"u": 1.0, "v": 0.0})
    assert shares[bandit.pull(ARMS, {"u": 1.0, "v": 0.0})] > 0.0
    assert max(shares, key=shares.get) == "a"
    assert (
        max(
            taught(rule=BayesUCB(), better="lower").shares(ARMS, {"u": 1.0, "v": 0.0}).items(),
            key=lambda each: each[1],
        )[0]
        == "b"
    )


def test_new_arms_and_arms_in_their_burn_in_are_pulled_first():
    bandit = taught(seed=1)
    assert bandit.pull([*ARMS, "new"], {"u": 0.0}) == "new"  # Jeffreys' prior is improper
    proper = ConjugateLinearRegression(1.0, 1.0, 1.0, 1.0)
    other = LinearBandit(proper, burn_in=2, seed=1)
    other.update("a", {"u": 1.0}, 1.0)
    other.update("a", {"u": 0.0}, 1.0)
    other.update("b", {"u": 1.0}, 1.0)
    assert other.shares(["a", "b"], {"u": 1.0}) == {"a": 0.0, "b": 1.0}
    other.retire("a")
    assert other.counts == {"b": 1}
    assert other.n == 3
    with pytest.raises(KeyError):
        other.retire("a")


def test_it_is_a_contextual_policy_of_river():
    from river import bandit as river_bandit

    bandit = LinearBandit(ConjugateLinearRegression())
    assert isinstance(bandit, river_bandit.base.ContextualPolicy)
    copied = taught(seed=4).clone()
    assert (copied.n, copied.counts, copied.seed) == (0, {}, 4)


def test_invalid_arguments_are_refused_and_change_nothing():
    bandit = taught()
    for arms, context, error in [
        ([], {}, PriorError),
        (["a", "a"], {}, PriorError),
        (["a"], {"u": math.nan}, ObservationError),
        (["a"], {"u": "red"}, ObservationError),
    ]:
        with pytest.raises(error):
            bandit.pull(arms, context)
    with pytest.raises(ObservationError):
        bandit.update("new", {"u": 1.0}, math.inf)
    assert "new" not in bandit.models
    assert bandit.n == 60
    with pytest.raises(PriorError, match="Thompson"):
        LinearBandit(ConjugateLinearRegression(), rule=Beta())


def test_only_an_improper_posterior_makes_an_arm_the_first_to_choose():
    class Broken(ConjugateLinearRegression):
        def expected(self, x):
            raise PriorError("the prior does not fit these features")

    with pytest.raises(PriorError, match="does not fit these features"):
        LinearBandit(Broken(), seed=1).pull(["a", "b"], {"u": 1.0})
