"""The number of observations that a sequential test needs until it decides."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.compare import evidence, revenue_planning
from seqbayes.compare.revenue import Revenue, log_mean
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.likelihoods import check_parameter
from seqbayes.numerics import sc
from seqbayes.state import State

BETTER = ("higher", "lower")

POWER = 0.8
"""Probability of a decision within the planned number of observations."""

_MAX_OBSERVATIONS = 1e12
"""Maximum planned number of observations."""

_HALVINGS = 12
_STEPS = 5


def plan(
    state: State,
    values: Mapping[Any, float],
    *,
    alpha: float = 0.05,
    effect: float = 0.2,
    better: str = "higher",
    power: float = POWER,
) -> float | None:
    """Return the total number of observations, over all arms, that a `Gate` is expected to need.

    Parameters
    ----------
    state
        The likelihood of observations.
    values
        The assumed parameter of each arm, keyed by name: its probability, rate or mean; for a
        `Hurdle`, the share and the mean of amounts. Arms receive equal numbers of observations.
    alpha, effect, better
        As in `Gate`.
    power
        Probability that the test has decided by this number of observations.

    Returns
    -------
    float or None
        None if the best two arms do not differ.

    Raises
    ------
    PriorError
        If a value is invalid.
    UnsupportedError
        If there is no sequential test for the likelihood, or the only test has an unknown variance.

    Notes
    -----
    The test statistic is approximated as normally distributed. In simulations, the share of
    experiments with a decision by this number of observations is within 4 % of `power`.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> round(plan(Beta(), {"A": 0.05, "B": 0.06}), -2)
    26900.0

    The number of visitors, if 5 % of them in A and 6 % in B pay 20 on average:

    >>> from seqbayes import Gamma, Hurdle
    >>> from seqbayes.likelihoods import Exponential
    >>> revenue = Hurdle(Gamma(1, 1, likelihood=Exponential()))
    >>> round(plan(revenue, {"A": (0.05, 20), "B": (0.06, 20)}), -3)
    89000.0
    """
    check_parameter("power", power, high=1.0 - 1e-9)
    prior = evidence.effect_prior(check_parameter("effect", effect, high=10.0))
    kind = evidence.kind_of(state)
    if better not in BETTER:
        raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
    alpha = check_parameter("alpha", alpha, high=0.5)
    given: Any = values
    if not isinstance(given, Mapping) or len(given) < 2:
        raise PriorError(f"expected values for two or more arms, got {values!r}")
    samples = {name: _assumed(kind, state, value) for name, value in values.items()}
    return _needed(kind, samples, prior, alpha, better, power, start=0.0)


def _assumed(kind: str, state: State, value: Any) -> Any:
    """Return a sample of one observation whose estimate equals a value."""
    if kind == "hurdle":
        return _assumed_revenue(state, value)
    if kind in ("trials", "labels"):
        share = check_parameter("probability", value, high=1.0)
        return evidence.Sample(1.0, share, 1.0 - share)
    if kind == "failures":
        share = check_parameter("probability", value, high=1.0)
        successes, _ = state.observe(state.likelihood.sample(1.0, np.random.default_rng(0))).value
        return evidence.Sample(1.0, successes, successes * (1.0 - share) / share)
    if kind == "normal":
        return evidence.Sample(1.0, value / math.sqrt(state.posterior.known_variance), 0.0)
    if kind == "student":
        raise UnsupportedError("a plan needs the variance: pass a Normal state with known_variance")
    rate = check_parameter("rate", value)
    # an arbitrary observation provides the exposure of events, or the known shape of a scale
    x = state.likelihood.sample(rate, np.random.default_rng(0))
    a, b = state.observe(x).value
    return (
        evidence.Sample(1.0, rate * b, b) if kind == "events" else evidence.Sample(1.0, a, a / rate)
    )


def _assumed_revenue(state: Any, value: Any) -> Revenue:
    """Return the `Revenue` of one observation whose estimates equal a share and a mean."""
    try:
        share, mean = value
    except TypeError:
        raise PriorError(
            f"expected the share and the mean of amounts for each arm, got {value!r}"
        ) from None
    share, mean = check_parameter("share", share, high=1.0), check_parameter("mean", mean)
    amount = state.amount
    if amount.two_sample == "scale":
        shape, _ = amount.observe(amount.likelihood.sample(1.0, np.random.default_rng(0))).value
        power = -1.0 / amount.likelihood.mean_power
        return Revenue(1.0, share, share * shape, share * shape * mean**power, "scale", power)
    known = _assumed(amount.two_sample, amount, 0.0) and amount.posterior.known_variance
    return Revenue(1.0, share, math.log(mean) - known / 2.0, share * known, "normal", known)


def more_observations(
    kind: str,
    samples: Mapping[Any, Any],
    prior: evidence.EffectPrior,
    alpha: float,
    better: str,
) -> float | None:
    """Return the number of further observations until a decision, if the estimates are true."""
    if any(each.n == 0.0 for each in samples.values()):
        return None
    return _needed(kind, samples, prior, alpha, better, POWER, start=1.0)


def _needed(
    kind: str,
    samples: Mapping[Any, Any],
    prior: evidence.EffectPrior,
    alpha: float,
    better: str,
    power: float,
    start: float,
) -> float | None:
    """Return the largest number of observations that a comparison with the leading arm needs."""
    sign = 1.0 if better == "higher" else -1.0
    leader, *others = sorted(samples, key=lambda name: -sign * _estimate(kind, samples[name]))
    limit = evidence.log_limit(kind, len(samples), alpha)
    needed = 0.0
    for other in others:
        pair = samples[leader], samples[other]
        if kind == "hurdle":
            more = revenue_planning.needed(
                *pair, prior.typical, limit, better, power, len(samples), start
            )
        else:
            more = _needed_by(kind, pair, len(samples), prior, limit, sign, power, start)
        if more is None:
            return None
        needed = max(needed, more)
    return needed


def _needed_by(
    kind: str,
    pair: tuple[Any, Any],
    arms: int,
    prior: evidence.EffectPrior,
    limit: float,
    sign: float,
    power: float,
    start: float,
) -> float | None:
    """Return the number of observations that the comparison between two arms needs."""
    mine, theirs = pair
    score, information = _score(kind, mine, theirs)
    effect = sign * score / information if information > 0.0 else 0.0
    if not effect > 0.0:
        return None
    rate = information * (mine.n + theirs.n) / (mine.n * theirs.n)
    before = start * rate * mine.n * theirs.n / (mine.n + theirs.n)

    def probability(count: float) -> float:
        sizes = [start * each.n + count / arms for each in pair]
        after = rate * sizes[0] * sizes[1] / (sizes[0] + sizes[1])
        return _passage(effect, before, after, limit, prior)

    low, high = 1.0, _MAX_OBSERVATIONS
    if probability(high) < power:
        return None
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if probability(middle) >= power else (middle, high)
    return high


def _passage(
    effect: float, before: float, after: float, limit: float, prior: evidence.EffectPrior
) -> float:
    """Return the probability that the e-value reaches its limit while the information grows.

    The score is a Brownian motion with drift, from its mean at the information `before`. The
    boundary is approximated by the tangent of the true boundary at the information `after`.
    """
    effects, logs = prior.effects, prior.log_weights - prior.effects**2 * after / 2.0
    # Newton's method from above, for a convex function
    score = float(((limit - logs) / effects).min())
    for _ in range(_STEPS):
        terms = logs + effects * score
        top = terms.max()
        weights = np.exp(terms - top)
        whole = weights.sum()
        mean = float(weights @ effects / whole)
        score -= (top + math.log(whole) - limit) / mean
    slope = float(weights @ effects**2 / whole) / 2.0 / mean
    time = after - before
    height = score - slope * time - effect * before
    drift, deviation = effect - slope, math.sqrt(time)
    if height <= 0.0 or time <= 0.0:
        return float(height <= 0.0)
    reflected = 2.0 * drift * height + sc.log_ndtr(-(drift * time + height) / deviation)
    return float(sc.ndtr((drift * time - height) / deviation) + math.exp(min(reflected, 0.0)))


def _estimate(kind: str, sample: Any) -> float:
    """Return the estimate of the parameter that is compared, or its logarithm."""
    if kind == "hurdle":
        return log_mean(sample)
    n, a, b = sample
    if kind in ("normal", "student"):
        return float(a)
    if kind in ("trials", "labels"):
        return float(a / n)
    if kind == "failures":
        return float(a / (a + b))
    return float(a / b) if b > 0.0 else math.inf


def _score(kind: str, mine: evidence.Sample, theirs: evidence.Sample) -> tuple[float, float]:
    """Return the first and the negated second derivative of the log likelihood ratio at 0."""
    n = mine.n + theirs.n
    weight = mine.n * theirs.n / n
    if kind in ("trials", "labels"):
        share = (mine.a + theirs.a) / n
        return mine.a - mine.n * share, weight * share * (1.0 - share)
    if kind == "failures":
        # the derivative of the tilt at 0 is minus the probability of success
        successes, failures = mine.a + theirs.a, mine.b + theirs.b
        part, share = mine.a / successes, successes / (successes + failures)
        variance = failures * part * (1.0 - part) / share * successes / (successes + 1.0)
        return share * (failures * part - mine.b), share * share * variance
    if kind == "normal":
        return weight * (mine.a - theirs.a), weight
    if kind == "student":
        variance = (mine.b + theirs.b) / (n - 2.0) if n > 2.0 else 0.0
        if variance <= 0.0:
            return 0.0, 0.0
        return weight * (mine.a - theirs.a) / math.sqrt(variance), weight
    total, exposure = mine.a + theirs.a, mine.b + theirs.b
    if exposure <= 0.0:
        return 0.0, 0.0
    share = mine.b / exposure
    return mine.a - total * share, total * share * (1.0 - share)
