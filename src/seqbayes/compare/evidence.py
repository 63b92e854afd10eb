"""E-values of two samples: likelihood ratios of a difference to equality.

The null hypothesis is that the parameters of both samples are equal, at any common value. This
common value is eliminated by conditioning on the total (trials, events) or by using a maximal
invariant (scale, mean and variance), so the likelihood ratio of an effect has mean 1 under
every null hypothesis.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqbayes.compare import revenue
from seqbayes.errors import UnsupportedError
from seqbayes.numerics import sc
from seqbayes.state import State

Array = NDArray[np.float64]

MAX_SUMMED_TERMS = 20_000
"""Maximum number of terms that are summed in the conditional distribution given a total."""

_SPREADS = (0.7, 1.6)
_WEIGHTS = (0.85, 0.15)
"""The prior on the logarithm of an effect: normal distributions with these standard deviations."""

_POINTS = 48
_REACH = 60.0

_NODES = np.linspace(-1.0, 1.0, 257)


class EffectPrior(NamedTuple):
    """A prior on the size of an effect, on a grid.

    Attributes
    ----------
    effects
        Sizes, > 0.
    log_weights
        Logarithms of their probabilities.
    typical
        The typical size.
    """

    effects: Array
    log_weights: Array
    typical: float


def effect_prior(effect: float) -> EffectPrior:
    """Return a log-normal mixture around a typical effect.

    Most of its probability is within a factor of 3 of the effect, and all of it within a factor of
    60.

    Examples
    --------
    >>> prior = effect_prior(0.2)
    >>> bool(np.exp(prior.log_weights).sum().round(12) == 1.0)
    True
    """
    ratios = np.geomspace(1.0 / _REACH, _REACH, _POINTS)
    parts = (
        weight / spread * np.exp(-0.5 * (np.log(ratios) / spread) ** 2)
        for weight, spread in zip(_WEIGHTS, _SPREADS, strict=True)
    )
    density: Array = sum(parts, np.zeros(_POINTS))
    return EffectPrior(effect * ratios, np.log(density / density.sum()), effect)


class Sample(NamedTuple):
    """The data of one arm.

    Attributes
    ----------
    n
        The number of trials or observations that are allocated to the arm, regardless of outcomes.
    a, b
        "trials": successes and failures; "failures": known successes, and failures before them;
        "events": events and exposure; "scale": the sum of known shapes, and the sum of the
        statistic; "normal": the mean in known standard deviations, and 0; "student": the mean, and
        the sum of squares about it.
    """

    n: float
    a: float
    b: float


def sample_of(state: State, label: Any = None) -> Any:
    """Return the data of a state as a `Sample`, or as `Revenue` for numbers that may be 0.

    Raises
    ------
    UnsupportedError
        If there is no sequential test for the likelihood, or the data have been weighted.
    """
    kind = kind_of(state)
    if kind == "hurdle":
        return revenue.revenue_of(state)
    statistic: Any = state.statistics
    n = state.n_samples
    if kind == "labels":
        counts = statistic.counts
        share = math.fsum(c for name, c in counts.items() if label in (name, str(name)))
        found = Sample(math.fsum(counts.values()), share, math.fsum(counts.values()) - share)
    elif kind in ("normal", "student"):
        moments = statistic.value
        unit = math.sqrt(state.posterior.known_variance) if kind == "normal" else 1.0
        found = Sample(n, moments.mean / unit, 0.0 if kind == "normal" else moments.squares)
    else:
        a, b = statistic.value
        found = Sample(a + b if kind == "trials" else n, a, b)
    whole = [n]
    if kind in ADDITIVE:
        whole.append(found.b if kind == "failures" else found.a)
    if any(number != math.floor(number) for number in whole):
        raise UnsupportedError("observations with weights other than 1 have no sequential test")
    return found


def kind_of(state: State) -> str:
    """Return the kind of sequential test for the data of a state.

    Raises
    ------
    UnsupportedError If no test exists for the likelihood of the state.
    """
    if not state.two_sample:
        name = type(state.likelihood).__name__
        raise UnsupportedError(
            f"there is no sequential test for {name} observations: {state.likelihood.without_test}"
        )
    return state.two_sample


ADDITIVE = ("trials", "labels", "events", "failures")
"""Kinds whose e-values are valid for a block of data, and multiply over successive blocks."""


def log_limit(kind: str, arms: int, alpha: float) -> float:
    """Return the log e-value that an arm needs against every other one to be called the best.

    For k arms, it is log(k / alpha): a wrong decision needs a large e-value of another arm against
    the best one, or of the best one against one that is equally good. If the expected values of a
    pair of hurdles are equal, both of its e-values are bounded by the same likelihood ratio, so
    that log((k - 1) / alpha) suffices.

    Examples
    --------
    >>> round(math.exp(log_limit("trials", 2, 0.05))), round(math.exp(log_limit("hurdle", 2, 0.05)))
    (40, 20)
    """
    return math.log((arms - 1 if kind == "hurdle" else arms) / alpha)


def log_factors(kind: str, mine: Sample, theirs: Sample, prior: EffectPrior) -> Array:
    """Return the log likelihood ratio of each effect to no effect.

    Parameters
    ----------
    kind
        Kind of the test.
    mine, theirs
        The data of two arms.
    prior
        The prior on the effect: on the log odds ratio (trials, failures), on the log ratio of rates
        (events, scale) or on the difference in standard deviations (normal, student).

    Returns
    -------
    array of shape (2, n)
        Log ratios for effects that make the parameter of the first arm larger, and for effects that
        make it smaller.
    """
    effects = np.stack([prior.effects, -prior.effects])
    if kind in ("trials", "labels"):
        ratio = log_hypergeometric_mean(mine.n, theirs.n, mine.a + theirs.a, effects)
        return effects * mine.a - ratio
    if kind == "failures":
        return _log_failures_ratio(mine, theirs, effects)
    if kind == "student":
        return _log_t_ratio(mine, theirs, effects)
    if kind == "normal":
        weight = mine.n * theirs.n / (mine.n + theirs.n)
        found: Array = weight * effects * ((mine.a - theirs.a) - effects / 2.0)
        return found
    share = mine.b / (mine.b + theirs.b)
    # log(share * exp(effect) + 1 - share), even for large effects and small shares
    ratio = np.logaddexp(math.log(share) + effects, math.log(theirs.b / (mine.b + theirs.b)))
    return np.subtract(effects * mine.a, (mine.a + theirs.a) * ratio)


def log_e_values(kind: str, mine: Any, theirs: Any, prior: EffectPrior) -> Array:
    """Return the log e-values for a larger and for a smaller parameter of the first sample.

    Examples
    --------
    >>> mine, theirs = Sample(1000, 130, 870), Sample(1000, 80, 920)
    >>> larger, smaller = np.exp(log_e_values("trials", mine, theirs, effect_prior(0.2)))
    >>> print(f"{larger:.1f} {smaller:.4f}")
    164.1 0.0484
    """
    if kind == "hurdle":
        return revenue.log_e_values(mine, theirs, prior.typical)
    if not is_informative(kind, mine, theirs):
        return np.zeros(2)
    return mixed(log_factors(kind, mine, theirs, prior), prior)


def mixed(factors: Array, prior: EffectPrior) -> Array:
    """Return the logarithm of the mean of likelihood ratios over the prior on the effect."""
    return log_sum(factors + prior.log_weights)


def log_sum(logs: Array) -> Array:
    """Return the logarithm of the sum over the last axis, like `scipy.special.logsumexp`.

    For short arrays, this function is ten times as fast.
    """
    top = logs.max(axis=-1, keepdims=True)
    found: Array = top[..., 0] + np.log(np.exp(logs - top).sum(axis=-1))
    return found


def is_informative(kind: str, mine: Sample, theirs: Sample) -> bool:
    """Whether there are enough data for a comparison."""
    if kind == "student":
        return min(mine.n, theirs.n) >= 1.0 and mine.b + theirs.b > 0.0
    return min(mine.n, theirs.n) > 0.0 and (kind != "scale" or min(mine.b, theirs.b) > 0.0)


def _log_failures_ratio(mine: Sample, theirs: Sample, effects: Array) -> Array:
    """Return the log likelihood ratios of the numbers of failures, given the total of both arms.

    Each failure of the first arm contributes a factor: the ratio of the probabilities of failure at
    log odds that differ by the effect. The mean of these log odds is estimated from the totals,
    which is allowed because the totals are given.
    """
    successes, failures = mine.a + theirs.a, mine.b + theirs.b
    log_odds = math.log(successes / (failures + 0.5))
    tilts = np.logaddexp(0.0, log_odds - effects / 2.0)
    tilts -= np.logaddexp(0.0, log_odds + effects / 2.0)
    return tilts * mine.b - log_beta_binomial_mean(failures, mine.a, theirs.a, tilts)


def log_beta_binomial_mean(n: float, a: float, b: float, tilts: Array) -> Array:
    """Return log E exp(tilt * K) for one arm's failures K, beta-binomial given both arms' total.

    Parameters
    ----------
    n
        Total number of failures of both arms.
    a, b
        Number of successes at which each arm stops.
    tilts
        An array.

    Examples
    --------
    K is 0 or 1 with equal probabilities if n = 1 and a = b.

    >>> log_mean = log_beta_binomial_mean(1.0, 2.0, 2.0, np.array([np.log(3.0)]))
    >>> np.exp(log_mean).round(9)
    array([2.])
    """
    if n >= MAX_SUMMED_TERMS:
        return _log_beta_binomial_integral(n, a, b, tilts)
    k = np.arange(n + 1.0)
    logs = sc.gammaln(k + a) - sc.gammaln(k + 1.0) + sc.gammaln(n - k + b) - sc.gammaln(n - k + 1.0)
    logs -= log_sum(logs)
    centre = n * a / (a + b)
    found: Array = tilts * centre + log_sum(logs + tilts[..., None] * (k - centre))
    return found


def _log_beta_binomial_integral(n: float, a: float, b: float, tilts: Array) -> Array:
    """Return `log_beta_binomial_mean` as an integral over the log odds of the first arm's share."""

    def logs(u: Array, tilt: Array) -> Array:
        found: Array = a * u - (a + b + n) * np.logaddexp(0.0, u) + n * np.logaddexp(0.0, u + tilt)
        return found

    def integral(tilt: Array) -> Array:
        c = np.expm1(tilt)
        # the mode is the root of c (a + b + n) p**2 - half p - a = 0 in (0, 1)
        square, half = c * (a + b + n), a * (c - 1.0) - b + n * c
        root = np.sqrt(half * half + 4.0 * square * a)
        p = np.where(half > 0.0, (half + root) / 2.0 / np.where(square, square, 1.0), 0.0)
        p = np.where(half > 0.0, p, 2.0 * a / (root - half))
        peak = sc.logit(p)
        shares = sc.expit(peak), sc.expit(peak + tilt)
        bend = (a + b + n) * shares[0] * (1.0 - shares[0]) - n * shares[1] * (1.0 - shares[1])
        reach = np.maximum(12.0 / np.sqrt(bend), 40.0 / min(a, b))[..., None]
        nodes = 1 + int(np.ceil((4.5 * reach[..., 0] * np.sqrt(bend)).max()))
        u = peak[..., None] + reach * np.linspace(-1.0, 1.0, nodes)
        found: Array = log_sum(logs(u, tilt[..., None])) + np.log(reach[..., 0] / (nodes - 1))
        return found

    difference: Array = integral(tilts) - integral(np.zeros_like(tilts))
    return difference


def _log_t_ratio(mine: Sample, theirs: Sample, effects: Array) -> Array:
    """Return the log ratio of the noncentral to the central Student's t density.

    The densities are marginal likelihoods under the right Haar prior on the mean and standard
    deviation. The integral over the logarithm of the standard deviation is a sum over equal steps,
    which for a smooth integrand has no error beyond rounding.
    """
    n = mine.n + theirs.n
    weight = mine.n * theirs.n / n
    difference = mine.a - theirs.a
    squares = mine.b + theirs.b + weight * difference * difference
    # the unit is such that the sum of squares is n - 1
    score = weight * difference * math.sqrt((n - 1.0) / squares) * effects
    top = score + np.sqrt(score * score + 4.0 * (n - 1.0) ** 2)
    peak = top / (2.0 * (n - 1.0))
    reach = max(36.0 / (n - 1.0), 9.0 / math.sqrt(n - 1.0))
    u = reach * _NODES
    growth = np.expm1(u)
    w = peak[..., None]
    logs = (n - 1.0) * (u - (growth + growth * growth / 2.0) * w * w) + score[
        ..., None
    ] * w * growth
    integral = np.log(np.exp(logs).sum(axis=-1))
    base = np.log(np.exp((n - 1.0) * (u - growth - growth * growth / 2.0)).sum())
    at_peak = (n - 1.0) * (np.log(peak) - (peak * peak - 1.0) / 2.0) + score * peak
    found: Array = at_peak + integral - base - weight * effects * effects / 2.0
    return found


def log_hypergeometric_mean(n: float, others: float, total: float, effects: Array) -> Array:
    """Return log E exp(effect * K) for the successes K in `n` trials, given those in all trials."""
    low, high = max(0.0, total - others), min(n, total)
    if high - low >= MAX_SUMMED_TERMS:
        return log_mean_of_large(n, others, total, effects)
    k = np.arange(low, high + 1.0)
    logs = -(
        sc.gammaln(k + 1.0)
        + sc.gammaln(n - k + 1.0)
        + sc.gammaln(total - k + 1.0)
        + sc.gammaln(others - total + k + 1.0)
    )
    logs -= log_sum(logs)
    centre = n * total / (n + others)
    found: Array = effects * centre + log_sum(logs + effects[..., None] * (k - centre))
    return found


def log_mean_of_large(n: float, others: float, total: float, effects: Array) -> Array:
    """Return an approximation of `log_hypergeometric_mean`, with an error of about 1 / total."""
    whole = n + others
    share = total / whole
    ratio = np.exp(effects)
    # expected successes m of the first arm: m (others - total + m) = ratio (n - m)(total - m)
    b = (others - total) + ratio * (n + total)
    mean = 2.0 * ratio * n * total / (b + np.sqrt(b * b - 4.0 * (ratio - 1.0) * ratio * n * total))
    p, q = mean / n, (total - mean) / others
    fitted = (
        sc.xlogy(mean, p / share)
        + sc.xlogy(n - mean, (1.0 - p) / (1.0 - share))
        + sc.xlogy(total - mean, q / share)
        + sc.xlogy(others - total + mean, (1.0 - q) / (1.0 - share))
    )
    spread = 0.5 * np.log(
        (n * p * (1.0 - p) + others * q * (1.0 - q)) / (whole * share * (1.0 - share))
    )
    found: Array = effects * mean - fitted - spread
    return found
