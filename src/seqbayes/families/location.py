"""Means represented as the sum of a float and its rounding error."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.numerics.elementary import choose
from seqbayes.statistics import MomentStatistic, ScatterStatistic
from seqbayes.statistics.exact import product_error, rounding_error

FAR = 1e6
"""If a squared mean, divided by the mean's variance, exceeds this, rounding affects densities."""


def some(condition: Any) -> bool:
    """Whether a condition holds, or holds for any element of an array."""
    return condition if type(condition) is bool else bool(np.any(condition))


class Located:
    """Hyperparameters with a mean."""

    mean_low: Any = 0.0
    """The rounding error of the mean, if it is not negligible next to the standard deviation."""


def low_of(hyperparameters: Any) -> Any:
    """Return the rounding error of the mean; 0 if the hyperparameters do not contain one."""
    return hyperparameters.mean_low if isinstance(hyperparameters, Located) else 0.0


def move(mean: Any, data_mean: Any, gap: Any, share: Any, rest: Any) -> Any:
    """Return the mean moved by `share` of the gap to the data mean, computed from the nearer mean.

    `rest` is 1 - share without cancellation; it may be much smaller than the rounding error of 1.
    """
    if not (isinstance(share, np.ndarray) or isinstance(gap, np.ndarray)):
        return data_mean - rest * gap if share > 0.5 else mean + share * gap
    return np.where(share > 0.5, data_mean - rest * gap, mean + share * gap)


def rounded_off(
    prior: tuple[Any, Any],
    statistic: MomentStatistic | ScatterStatistic,
    moved: Any,
    shares: tuple[Any, Any],
    spread: tuple[Any, Any],
) -> Any:
    """Return the rounding error of the mean that `move` returns, or 0 if it is negligible.

    Parameters
    ----------
    prior
        The mean, and its weight as a number of observations: a number, or (numerator, denominator).
    statistic
        The moments of the data.
    moved
        The rounded mean.
    shares
        The shares of the data and of the prior.
    spread
        The variance of the mean, as (numerator, denominator).
    """
    mean, worth = prior
    share, rest = shares
    gap = (statistic.origin - mean) + statistic.shift
    near = (mean - moved) + share * gap
    low = choose(share > 0.5, (statistic.origin - moved) + (statistic.shift - rest * gap), near)
    # the two means may be so far apart that the shares of their distance need more digits
    apart = share * rest * gap
    if some(apart * apart * spread[1] > FAR * spread[0]):
        exact = _rounded_off_far(mean, worth, statistic, moved)
        low = choose(np.isfinite(exact), exact, low)
    return low


def _rounded_off_far(
    mean: Any, worth: Any, statistic: MomentStatistic | ScatterStatistic, moved: Any
) -> Any:
    """Return ``mean + gap n / (n + worth) - moved`` to 30 digits; `worth` is the prior weight."""
    prior, unit = worth if isinstance(worth, tuple) else (worth, 1.0)
    n, origin, shift, _ = statistic
    gap = origin - mean
    gap_low = rounding_error(origin, -mean, gap) + shift
    data = n * unit
    data_low = product_error(n, unit, data)
    whole = data + prior
    whole_low = rounding_error(data, prior, whole) + data_low
    product = gap * data
    product_low = product_error(gap, data, product) + (gap_low * data + gap * data_low)
    step = product / whole
    back = step * whole
    back_low = product_error(step, whole, back) + step * whole_low
    step_low = ((product - back) + (product_low - back_low)) / whole
    start = mean - moved
    low = start + step
    errors = rounding_error(mean, -moved, start) + rounding_error(start, step, low)
    return low + (errors + step_low)
