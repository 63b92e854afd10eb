"""The number of observations until a sequential test of expected values decides."""

from __future__ import annotations

import math

from seqbayes.compare.revenue import Revenue, log_e_values
from seqbayes.numerics import sc

_ROUNDS = 2
_HALVINGS = 40
_PAID = 30.0
"""Number of amounts per arm at which a plan starts."""

_COSTS = {"scale": 1.0, "normal": 1.0, "student": 2.0}
"""Increase of the cost when the log of the number of observations increases by 1."""

_MAX_OBSERVATIONS = 1e12


def scaled(sample: Revenue, n: float) -> Revenue:
    """Return a sample of another number of observations with the same estimates.

    Examples
    --------
    >>> scaled(Revenue(10, 4, 4.0, 90.0, "scale", 1.0), 20.0)
    Revenue(n=20.0, paid=8.0, a=8.0, b=180.0, kind='scale', constant=1.0)
    """
    factor = n / sample.n
    a = sample.a * factor if sample.kind == "scale" else sample.a
    return sample._replace(n=n, paid=sample.paid * factor, a=a, b=sample.b * factor)


def needed(
    mine: Revenue,
    theirs: Revenue,
    effect: float,
    limit: float,
    better: str,
    power: float,
    arms: int,
    start: float,
) -> float | None:
    """Return how many further observations of all arms lead to a decision for the first sample.

    With all estimates unchanged, the log e-value is h - c. Here h is half the squared test
    statistic, which is proportional to the number of observations, and the cost c grows with the
    logarithm of this number. The test statistic is approximated as normally distributed.

    Parameters
    ----------
    mine, theirs
        The data of the better arm and of another one, or the assumed ones.
    effect, better
        As in `Gate`.
    limit
        The log e-value at which the test decides.
    power
        Probability of a decision.
    arms
        Number of arms, which receive equal numbers of further observations.
    start
        1 if the data are observed, 0 if they are assumed.
    """
    before = mine.n * start, theirs.n * start
    more = 0.0 if start else arms * _PAID / min(mine.paid, theirs.paid)
    done = _half_squares(mine, theirs, effect, better)[0] if start else 0.0
    for _ in range(_ROUNDS):
        sizes = [n + more / arms for n in before]
        pair = [scaled(each, n) for each, n in zip((mine, theirs), sizes, strict=True)]
        half, cost = _half_squares(pair[0], pair[1], effect, better)
        if not half > 0.0:
            return None
        slope = _COSTS[mine.kind]
        low, high = math.log(max(sum(before), 1.0) / sum(sizes)), 40.0
        for _ in range(_HALVINGS):
            log_factor = (low + high) / 2.0
            grown = half * math.exp(log_factor)
            bound = math.sqrt(2.0 * (limit + max(cost + slope * log_factor, 0.0)))
            spread = math.sqrt(max(1.0 - done / grown, 1e-12))
            decided = sc.ndtr((math.sqrt(2.0 * grown) - bound) / spread) >= power
            low, high = (low, log_factor) if decided else (log_factor, high)
        more = max(arms * (math.exp(high) * sum(sizes) - sum(before)) / 2.0, 1.0)
        if more > _MAX_OBSERVATIONS:
            return None
    return more


def _half_squares(
    mine: Revenue, theirs: Revenue, effect: float, better: str
) -> tuple[float, float]:
    """Return half the squared test statistic, and by how much the log e-value is smaller."""
    larger, smaller = log_e_values(mine, theirs, effect).tolist()
    if better == "lower":
        larger, smaller = smaller, larger
    return larger - smaller, -smaller
