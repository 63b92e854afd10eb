"""Find priors from a mean and its weight, from an interval, or from proportions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from seqbayes import distributions
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.numerics import sc
from seqbayes.numerics.beta_tails import beta_logcdf, beta_logsf

_NORMAL_SHAPE = 1e15
"""Shape above which the logarithm of a gamma variable is normal to double precision."""

_NARROW = 1e-9
"""Relative standard deviation below which a beta or gamma variable is normal to nine digits."""
_LOG_SHAPES = (-16.0, 80.0)
"""Range of the logarithm of the shape of a gamma distribution."""
_TINY = 1e-290
_LARGEST_LOG = 708.0


def between(name: str, value: float, low: float, high: float) -> float:
    """Return `value` as a float after checking that it is strictly between `low` and `high`."""
    number = check_parameter(name, value, -math.inf)
    if not low < number < high:
        raise PriorError(f"expected {name} between {low:g} and {high:g}, got {value!r}")
    return number


def check_proportions(proportions: Mapping[Any, float]) -> dict[Any, float]:
    """Return proportions as floats after checking that they sum to 1.

    Raises
    ------
    PriorError
        If a proportion is negative or not a number, or the sum is not 1; the message includes the
        sum.

    Examples
    --------
    >>> check_proportions({"red": 0.3, "green": 0.2, "blue": 0.25, "yellow": 0.35})
    Traceback (most recent call last):
    seqbayes.errors.PriorError: proportions must sum to 1, but they sum to 1.10
    """
    if not proportions or not hasattr(proportions, "items"):
        raise PriorError(f"expected a mapping of labels to proportions, got {proportions!r}")
    shares = {
        label: check_parameter(f"proportion of {label!r}", share, open_low=False)
        for label, share in proportions.items()
    }
    total = math.fsum(shares.values())
    if abs(total - 1.0) > 1e-9:
        shown = f"{total:.2f}" if abs(total - 1.0) >= 0.005 else f"{total:.12g}"
        raise PriorError(f"proportions must sum to 1, but they sum to {shown}")
    return shares


def check_tail(level: float) -> float:
    """Return the probability in each tail of an equal-tailed interval.

    Raises
    ------
    PriorError
        If the level is not between 0 and 1.
    """
    return (1.0 - between("level", level, 0.0, 1.0)) / 2.0


def match_gamma(low: float, high: float, level: float) -> tuple[float, float]:
    """Return the shape and rate of the gamma distribution with this equal-tailed interval.

    The ratio of the ends determines the shape; their size then determines the rate.

    Raises
    ------
    PriorError
        If the level is not between 0 and 1, or 64-bit numbers cannot represent the parameters.
    """
    from scipy.optimize import brentq

    tail = check_tail(level)
    deviation = (high - low) / (-2.0 * float(sc.ndtri(tail)))
    if deviation < _NARROW * low:
        mean = low + (high - low) / 2.0
        shape = (mean / deviation) ** 2
        return shape, shape / mean
    width = math.log1p((high - low) / low) if high < 2.0 * low else math.log(high) - math.log(low)

    def log_ratio(log_shape: float) -> float:
        return math.log(_gamma_interval(math.exp(log_shape), tail)[1] / width)

    if log_ratio(_LOG_SHAPES[0]) < 0.0:
        # the density of log x is almost symmetric
        raise PriorError(_too_wide(low, high, level, "a shape below 1e-7"))
    shape = math.exp(brentq(log_ratio, *_LOG_SHAPES, xtol=1e-14, rtol=1e-14))
    log_low = _gamma_interval(shape, tail)[0]
    log_rate = log_low - math.log(low)
    if not -_LARGEST_LOG < log_rate < _LARGEST_LOG:
        reason = f"a rate of 1e{log_rate / math.log(10.0):+.0f}"
        raise PriorError(_too_wide(low, high, level, reason))
    return shape, math.exp(log_rate)


def _too_wide(low: float, high: float, level: float, needed: str) -> str:
    return (
        f"a gamma distribution with probability {level:g} between {low!r} and {high!r} needs"
        f" {needed}, which 64-bit numbers cannot represent; expected a shorter interval or a higher"
        " level"
    )


def _gamma_interval(shape: float, tail: float) -> tuple[float, float]:
    """Return the logarithm of the lower quantile for a rate of 1, and the width of the interval.

    The width of the interval is measured on the log scale.
    """
    if shape > _NORMAL_SHAPE:
        deviation = -float(sc.ndtri(tail)) / math.sqrt(shape)
        return math.log(shape) - deviation, 2.0 * deviation
    distribution = distributions.Gamma(shape, 1.0)
    low, high = distribution.ppf(tail), distribution.isf(tail)
    if low > _TINY:
        return math.log(low), math.log1p((high - low) / low)
    # close to 0, the cdf is proportional to a power of x
    lower, upper = ((math.log(p) + math.lgamma(shape + 1.0)) / shape for p in (tail, 1.0 - tail))
    return lower, (math.log(high) if high > _TINY else upper) - lower


def match_beta(low: float, high: float, level: float) -> tuple[float, float]:
    """Return the alpha and beta of the beta distribution with this equal-tailed interval.

    The equations are solved for log(alpha + beta) and for the log odds of the mean, scaled by their
    spread. In these unknowns the equations are well scaled for intervals of any width.

    Raises
    ------
    PriorError
        If the level is not between 0 and 1, or 64-bit numbers cannot represent the parameters.
    """
    from scipy.optimize import root

    tail = check_tail(level)
    score = float(sc.ndtri(tail))
    deviation = (high - low) / (-2.0 * score)
    if deviation < _NARROW * min(low, 1.0 - high):
        mean = low + (high - low) / 2.0
        strength = mean * (1.0 - mean) / deviation / deviation
        return mean * strength, (1.0 - mean) * strength
    ends = [math.log(x) - math.log1p(-x) for x in (low, high)]
    spread = (high - low) / (low * (1.0 - high)) / (1.0 + (high - low) / low)
    spread = min(ends[1] - ends[0], spread) / (-2.0 * score)

    def parameters(unknowns: Any) -> tuple[float, float]:
        odds, strength = centre + unknowns[0] * spread, math.exp(min(unknowns[1], 600.0))
        return float(strength * sc.expit(odds)), float(strength * sc.expit(-odds))

    def residuals(unknowns: Any) -> Any:
        # numbers are NaN where the search leaves the range of floats
        a, b = parameters(unknowns)
        if not (a > 0.0 and b > 0.0):
            return np.full(2, math.nan)
        tails = [beta_logcdf(a, b, low), beta_logsf(a, b, high)]
        return sc.ndtri_exp(np.array(tails)) - score

    centre = (ends[0] + ends[1]) / 2.0
    # the exponent, if the cdf is a power of x near 0, or 1 - cdf a power of 1 - x near 1
    power = 2.0 * math.log(2.0 * tail) / (ends[0] - ends[1])
    for start in _beta_starts(centre, spread, power):
        with np.errstate(all="ignore"):
            found = root(residuals, start, method="hybr", options={"xtol": 1e-13})
            error = np.max(np.abs(residuals(found.x)))
        if error < 1e-7:
            return parameters(found.x)
    raise PriorError(
        f"no beta distribution that 64-bit numbers can represent has probability {level:g} between"
        f" {low!r} and {high!r}; expected a shorter interval or a higher level"
    )


def _beta_starts(centre: float, spread: float, power: float) -> Iterator[list[float]]:
    """Yield starting values of scaled log odds and log(alpha + beta)."""
    variance = sc.expit(centre) * sc.expit(-centre)
    yield [0.0, math.log(max(1.0 / (variance * spread**2), 0.1))]
    yield [0.0, 0.0]
    yield [0.0, -3.0]
    for other in (0.3, 1.0, 5.0, 0.1):
        for odds in (math.log(power / other), math.log(other / power)):
            yield [(odds - centre) / spread, math.log(power + other)]
