"""The probability that each of many keys is the best."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from seqbayes.compare.integrals import probabilities_of_best as compare_few
from seqbayes.compare.planning import BETTER
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.numerics import sc

Array = Any

_NEGLIGIBLE = 1e-16
"""A number is assumed not to exceed the bound if it does so with less than this probability."""
_LEADERS = 1000
_FEW = 24
"""Maximum count of numbers that `seqbayes.compare` integrates on a common grid."""
_POINTS = (16, 128, 1024)
"""Number of keys whose quantiles divide the range of integration; more if integration fails."""
_ERROR = 1e-11
_FARTHEST = 700.0
"""Largest absolute logarithm, or log odds, of the range of integration."""
_SUM_ERROR = 1e-9


def probabilities_of_best(belief: Distribution, better: str) -> Array:
    """Return the probability that each of n independent numbers is the largest or the smallest.

    The probability of number i is ``∫ f_i(x) ∏ F_j(x) dx``, with the product over j ≠ i. All
    probabilities are computed by one adaptive quadrature. Equal distributions are integrated once.
    The absolute error is below 1e-9.

    Parameters
    ----------
    belief
        A distribution whose hyperparameters are arrays of length n.
    better
        "higher" or "lower".

    Raises
    ------
    PriorError
        If `better` is invalid.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> probabilities_of_best(Beta(np.array([22, 32]), np.array([180, 170])), "higher").round(6)
    array([0.069938, 0.930062])
    """
    if better not in BETTER:
        raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
    columns = np.column_stack(np.broadcast_arrays(*belief.hyperparameters()))
    found = np.zeros(len(columns))
    if len(columns) == 0:
        return found
    kind = type(belief)
    if 1 < len(columns) <= _FEW:
        rows = [kind(*map(float, row)) for row in columns]
        few: Array = compare_few(rows, better)[0]
        return few
    distinct, inverse, counts = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
    kept, bound = _candidates(kind(*distinct.T), better)
    shares = np.zeros(len(distinct))
    numbers = kind(*distinct[kept].T)
    shares[kept] = _integrated(numbers, counts[kept].astype(float), better == "higher", bound)
    return shares[inverse.ravel()]


def _candidates(numbers: Distribution, better: str) -> tuple[Array, float]:
    """Return the indices of possible best numbers, and a bound that the best number exceeds."""
    mean = np.asarray(numbers.mean)
    order = np.argsort(-mean if better == "higher" else mean, kind="stable")[:_LEADERS]
    leaders = _taken(numbers, order)
    with np.errstate(all="ignore"):
        if better == "higher":
            bound = float(np.nanmax(leaders.ppf(_NEGLIGIBLE)))
            reached = np.asarray(numbers.sf(bound))
        else:
            bound = float(np.nanmin(leaders.isf(_NEGLIGIBLE)))
            reached = np.asarray(numbers.cdf(bound))
    return np.flatnonzero(reached > _NEGLIGIBLE), bound


def _taken(numbers: Distribution, rows: Array) -> Distribution:
    return type(numbers)(*(np.asarray(v)[rows] for v in numbers.hyperparameters()))


def _integrated(numbers: Distribution, counts: Array, higher: bool, bound: float) -> Array:
    """Return the probabilities; add points to the initial grid until they sum to 1."""
    if len(counts) == 1:
        return 1.0 / counts
    edges = np.asarray(numbers.isf(0.01) if higher else -numbers.ppf(0.01))
    order = np.argsort(-edges, kind="stable")
    for n in _POINTS:
        shares = _quadrature(numbers, counts, higher, bound, _taken(numbers, order[:n]))
        total = float((shares * counts).sum())
        if abs(total - 1.0) < _SUM_ERROR:
            normalised: Array = shares / total
            return normalised
    raise PriorError(
        f"the probabilities of {counts.sum():g} keys could not be computed: they sum to {total!r}"
    )


def _quadrature(
    numbers: Distribution, counts: Array, higher: bool, bound: float, leaders: Distribution
) -> Array:
    """Integrate over the range of the best number, with the leaders' quantiles as points."""
    from scipy.integrate import quad_vec

    to, back, log_slope = _coordinates(numbers.support)
    tail = numbers.logcdf if higher else numbers.logsf

    def integrand(u: float) -> Array:
        x = back(u)
        with np.errstate(all="ignore"):
            beyond = np.asarray(tail(x))
            logs = np.asarray(numbers.logpdf(x)) + log_slope(u)
            found = np.exp(logs + float((beyond * counts).sum()) - beyond)
        return np.nan_to_num(found, nan=0.0, posinf=0.0)

    with np.errstate(all="ignore"):
        ends = np.asarray(leaders.isf(_NEGLIGIBLE) if higher else leaders.ppf(_NEGLIGIBLE))
        end = ends.max() if higher else ends.min()
        inner = [to(leaders.ppf(q)) for q in (0.1, 0.5)] + [to(leaders.isf(0.1))]
        low, high = sorted(float(to(np.float64(each))) for each in (bound, end))
    if numbers.support != (-math.inf, math.inf):  # farther out, numbers underflow or round
        low, high = max(low, -_FARTHEST), min(high, _FARTHEST)
    points = np.concatenate(inner)
    points = points[(points > low) & (points < high)]
    shares, _ = quad_vec(
        integrand,
        low,
        high,
        epsabs=_ERROR,
        epsrel=0.0,
        norm="max",
        points=_spaced(np.sort(points), (high - low) / 256.0),
        limit=20_000,
    )
    found: Array = shares
    return found


def _spaced(points: Array, step: float) -> Array:
    """Return sorted points, omitting each that nearly equals its predecessor."""
    if len(points) == 0 or not step > 0.0:
        return points[:0]
    kept: Array = points[np.diff(np.floor(points / step), prepend=-np.inf) > 0.0]
    return kept


def _coordinates(support: Any) -> tuple[Any, Any, Any]:
    """Return an unbounded coordinate for numbers with this support, with its inverse and slope."""
    low, high = support
    if (low, high) == (0.0, 1.0):
        return sc.logit, sc.expit, lambda u: float(sc.log_expit(u) + sc.log_expit(-u))
    if (low, high) == (0.0, math.inf):
        return np.log, math.exp, lambda u: u
    return (lambda x: x), (lambda u: u), (lambda u: 0.0)
