"""Elementwise choice between formulas, and logarithms of complementary probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.numerics.special import Real, is_array
from seqbayes.numerics.tail_integral import log_tail_integral, log_tail_integrals

SMALLEST_ACCURATE = 1e-290
"""Tails below this value are computed on the log scale."""


def select(large: Any, replaced: Callable[..., Real], usual: Real, *args: Real) -> Real:
    """Apply `replaced` to the elements of `args` where `large` is true; use `usual` elsewhere."""
    if not is_array(*args):
        return float(replaced(*args) if large else usual)
    if not np.any(large):
        return usual
    large, usual, *columns = np.broadcast_arrays(large, usual, *args)
    result = np.array(usual, dtype=float)
    result[large] = replaced(*(column[large] for column in columns))
    return result


def log_tail(
    tail: Callable[..., Real],
    other: Callable[..., Real],
    log_small: Callable[..., Real],
    *args: Real,
) -> Real:
    """Return the log of a tail, from the most accurate of three formulas."""
    if not is_array(*args):
        p = tail(*args)
        if p > 0.5:
            return math.log1p(-other(*args))
        return math.log(p) if p > SMALLEST_ACCURATE else float(log_small(*args))
    args = tuple(np.broadcast_arrays(*(np.asarray(each, float) for each in args)))
    p = np.asarray(tail(*args))
    with np.errstate(all="ignore"):
        result = np.where(p > 0.5, np.log1p(-np.asarray(other(*args))), np.log(p))
    return select(p <= SMALLEST_ACCURATE, log_small, result, *args)


def log_integral(d: Real, v: Real, p: Real, grows: Any) -> Real:
    """Return `log_tail_integral` for floats or arrays."""
    if not is_array(d, v, p, grows):
        return log_tail_integral(d, v, p, grows)
    columns = np.broadcast_arrays(*(np.asarray(each, float) for each in (d, v, p, grows)))
    values = log_tail_integrals(*(np.ascontiguousarray(column).ravel() for column in columns))
    return values.reshape(columns[0].shape)


def log_complement(log_p: Real) -> Real:
    """Return log(1 - p) for log p <= 0.

    Examples
    --------
    >>> round(log_complement(math.log(0.25)), 12) == round(math.log(0.75), 12)
    True
    """
    if is_array(log_p):
        with np.errstate(all="ignore"):
            return np.where(log_p > -0.7, np.log(-np.expm1(log_p)), np.log1p(-np.exp(log_p)))
    if log_p >= 0.0:
        return -math.inf
    return math.log(-math.expm1(log_p)) if log_p > -0.7 else math.log1p(-math.exp(log_p))
