"""E-values of two samples of numbers that are often 0, which test equal expected values.

The expected value is a share times a mean amount. Let delta be the log ratio of the two shares, and
gamma the log ratio of the two mean amounts. The null hypothesis that the first arm is not better is
delta + gamma <= 0, at any values of the other parameters. The e-value is

    E = N / sup L(delta, other parameters), over the null hypothesis,

where the likelihood L does not depend on the common share and the common unit of amounts, and N is
its average over a prior on all its parameters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqbayes.compare import log_amounts
from seqbayes.compare.ratios import SPREADS, Ratio, Spreads, log_average, log_normal_average, root
from seqbayes.errors import UnsupportedError
from seqbayes.state import State

Array = NDArray[np.float64]


class Revenue(NamedTuple):
    """The data of one arm.

    Attributes
    ----------
    n
        Number of observations.
    paid
        Number of amounts, the observations other than 0.
    a, b
        "scale": the sum of known shapes, and the sum of the statistic; "normal" and "student": the
        mean logarithm, and the sum of squares about it.
    kind
        Kind of the sequential test of amounts.
    constant
        "scale": the power p such that the mean amount is proportional to rate**(-1 / p); "normal":
        the known variance of logarithms.
    """

    n: float
    paid: float
    a: float
    b: float
    kind: str
    constant: float


def revenue_of(state: Any) -> Revenue:
    """Return the data of a `Hurdle` state.

    Raises
    ------
    UnsupportedError
        If the data have been weighted.
    """
    amount: State = state.marginal("amount")
    n, paid = state.n_samples, amount.n_samples
    if n != math.floor(n) or paid != math.floor(paid):
        raise UnsupportedError("observations with weights other than 1 have no sequential test")
    kind, statistic = amount.two_sample, amount.statistics
    if kind == "scale":
        power: Any = amount.likelihood.mean_power
        pair: Any = statistic.value
        return Revenue(n, paid, pair[0], pair[1], kind, -1.0 / power)
    moments: Any = statistic.value
    known = amount.posterior.known_variance if kind == "normal" else 0.0
    return Revenue(n, paid, moments.mean, moments.squares, kind, known)


def log_mean(sample: Revenue) -> float:
    """Return the log of the estimated expected value, up to a constant that all arms share."""
    if sample.paid <= 0.0:
        return -math.inf
    share = math.log(sample.paid / sample.n)
    if sample.kind == "scale":
        return share + math.log(sample.b / sample.a) / sample.constant if sample.b > 0.0 else share
    known = sample.kind == "normal"
    return share + sample.a + (sample.constant if known else sample.b / sample.paid) / 2.0


def log_e_values(mine: Revenue, theirs: Revenue, effect: float) -> Array:
    """Return the log e-values for a larger and for a smaller expected value of the first sample.

    Parameters
    ----------
    mine, theirs
        The data of two arms.
    effect
        Typical log ratio of expected values.

    Examples
    --------
    >>> mine = Revenue(5000, 300, 300.0, 9000.0, "scale", 1.0)
    >>> theirs = Revenue(5000, 250, 250.0, 5000.0, "scale", 1.0)
    >>> larger, smaller = np.exp(log_e_values(mine, theirs, 0.2))
    >>> round(float(larger)), round(float(smaller), 4)
    (1047, 0.0084)
    """
    if not is_informative(mine, theirs):
        return np.zeros(2)
    share = Ratio(mine.paid, mine.paid + theirs.paid, math.log(mine.n), math.log(theirs.n))
    spreads = [effect * spread for spread in SPREADS]
    amounts = _TESTS[mine.kind](mine, theirs, share, spreads)
    averaged = log_average(share, spreads) + amounts.averaged
    free = max(float(share.at(share.best)) + amounts.largest, amounts.tied)
    limits = [amounts.tied, free]
    if share.best + amounts.best < 0.0:
        limits.reverse()
    return averaged - np.array(limits)


def is_informative(mine: Revenue, theirs: Revenue) -> bool:
    """Whether there are enough data for a comparison."""
    if min(mine.paid, theirs.paid) < 1.0:
        return False
    if mine.kind == "student":
        return log_amounts.is_bounded(*map(_logarithms, (mine, theirs)))
    return mine.kind == "normal" or min(mine.b, theirs.b) > 0.0


def _logarithms(sample: Revenue) -> log_amounts.Logarithms:
    return log_amounts.Logarithms(sample.paid, sample.a, sample.b)


class Amounts(NamedTuple):
    """Log likelihoods of two samples of amounts.

    Attributes
    ----------
    averaged
        The log of the average over the prior.
    largest
        The largest log likelihood.
    best
        The log ratio of mean amounts at which the largest likelihood is attained.
    tied
        The largest log likelihood of shares and amounts at equal expected values.
    """

    averaged: float
    largest: float
    best: float
    tied: float


def _of_scales(mine: Revenue, theirs: Revenue, share: Ratio, spreads: Spreads) -> Amounts:
    power = mine.constant
    rates = Ratio(mine.a, mine.a + theirs.a, math.log(mine.b), math.log(theirs.b))

    def bends(x: float) -> tuple[float, float]:
        (slope, bend), (slope_of_rates, bend_of_rates) = share.bends(x), rates.bends(power * x)
        return slope + power * slope_of_rates, bend + power * power * bend_of_rates

    tied = root(bends, share.best, rates.best / power)
    return Amounts(
        log_average(rates, [abs(power) * spread for spread in spreads]),
        float(rates.at(rates.best)),
        -rates.best / power,
        float(share.at(tied) + rates.at(power * tied)),
    )


def _of_known_variance(mine: Revenue, theirs: Revenue, share: Ratio, spreads: Spreads) -> Amounts:
    variance = mine.constant / mine.paid + theirs.constant / theirs.paid
    gap = mine.a - theirs.a + (mine.constant - theirs.constant) / 2.0

    def bends(x: float) -> tuple[float, float]:
        slope, bend = share.bends(x)
        return slope - (gap + x) / variance, bend + 1.0 / variance

    tied = root(bends, share.best, -gap)
    return Amounts(
        float(log_normal_average(gap, variance, spreads)),
        -0.5 * math.log(variance),
        gap,
        float(share.at(tied)) - 0.5 * math.log(variance) - 0.5 * (gap + tied) ** 2 / variance,
    )


def _of_unknown_variances(
    mine: Revenue, theirs: Revenue, share: Ratio, spreads: Spreads
) -> Amounts:
    first, second = _logarithms(mine), _logarithms(theirs)
    largest, best = log_amounts.largest(first, second)
    tied = log_amounts.largest_when_tied(first, second, share)
    return Amounts(log_amounts.log_average(first, second, spreads), largest, best, tied)


_TESTS: dict[str, Callable[[Revenue, Revenue, Ratio, Spreads], Amounts]] = {
    "scale": _of_scales,
    "normal": _of_known_variance,
    "student": _of_unknown_variances,
}
