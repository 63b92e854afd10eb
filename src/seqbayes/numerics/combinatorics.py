"""Log factorials and binomial coefficients of arrays, accurate for huge arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.numerics import sc, special


def log_factorial(k: Any) -> Any:
    """Return log k!.

    Examples
    --------
    >>> round(float(log_factorial(5.0)), 6)
    4.787492
    """
    return sc.gammaln(np.asarray(k, float) + 1.0)


def log_choose(n: Any, k: Any) -> Any:
    """Return the log binomial coefficient for real n > k - 1 and whole k >= 0.

    Examples
    --------
    >>> round(float(log_choose(5.0, 2.0)), 6)
    2.302585
    """
    n, k = np.asarray(n, float), np.asarray(k, float)
    # for small n, differences between log gammas are accurate enough and ten times as fast
    if n.size and np.max(n) < 1e3:
        return sc.gammaln(n + 1.0) - sc.gammaln(k + 1.0) - sc.gammaln(n - k + 1.0)
    return -np.log1p(n) - special.log_beta(n - k + 1.0, k + 1.0)
