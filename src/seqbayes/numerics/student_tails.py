"""Tails and quantiles of Student's t distribution with location 0 and scale 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.numerics.elementwise_tails import select
from seqbayes.numerics.special import Real, is_array, log_rising

_LARGEST = 1e150


def t_cdf(df: Real, x: Real) -> Real:
    """P(T <= x) for Student's t; df may be infinite.

    Examples
    --------
    >>> round(t_cdf(1.0, 1.0), 12)
    0.75
    """
    usual = sc.stdtr(df, x)
    return usual if is_array(usual) else float(usual)


def t_ppf(df: Real, q: Real) -> Real:
    """Quantile of Student's t; its upper quantile is minus this."""
    usual: Real = sc.stdtrit(df, q)
    return select(abs(usual) > _LARGEST, _power_law, usual, df, q)


def _power_law(df: Real, q: Real) -> Real:
    xp: Any = np if is_array(df, q) else math
    with np.errstate(all="ignore"):
        tail = np.minimum(q, 1.0 - q) if xp is np else min(q, 1.0 - q)
        if xp is math and tail <= 0.0:
            return math.copysign(math.inf, q - 0.5)
        log_density = log_rising(0.5 * df, 0.5) - 0.5 * math.log(math.pi)
        exponent = (log_density + 0.5 * df * xp.log(df) - xp.log(df) - xp.log(tail)) / df
        if xp is math:
            return math.copysign(math.exp(exponent) if exponent < 709.7 else math.inf, q - 0.5)
        return np.copysign(np.exp(exponent), q - 0.5)
