"""Find priors from a mean with its strength, an interval, or proportions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter


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
        If a proportion is negative or not a number, or the sum is not 1; the message gives it.

    Examples
    --------
    >>> check_proportions({"red": 0.3, "green": 0.2, "blue": 0.25, "yellow": 0.35})
    Traceback (most recent call last):
    seqbayes.errors.PriorError: proportions must sum to 1, these sum to 1.10
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
        raise PriorError(f"proportions must sum to 1, these sum to {shown}")
    return shares


def match_interval(
    family: Callable[[Any, Any], Any],
    start: tuple[float, float],
    low: float,
    high: float,
    level: float,
) -> tuple[float, float]:
    """Return two positive hyperparameters with which `family` has the equal-tailed interval.

    Raises
    ------
    PriorError
        If the level is not between 0 and 1, or no member of the family has the interval.
    """
    from scipy.optimize import root

    tail = (1.0 - between("level", level, 0.0, 1.0)) / 2.0

    def error_of(logs: Any) -> Any:
        distribution = family(*np.exp(logs))
        return np.log([distribution.cdf(low) / tail, distribution.sf(high) / tail])

    with np.errstate(all="ignore"):
        found = root(error_of, np.log(start), method="hybr", options={"xtol": 1e-13})
        error = np.max(np.abs(error_of(found.x)))
    if not error < 1e-7:
        raise PriorError(f"no prior of this family has {level:g} between {low:g} and {high:g}")
    first, second = np.exp(found.x)
    return float(first), float(second)
