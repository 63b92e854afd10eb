"""Compare beliefs about one number each: which is best, and by how much, by quadrature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.dashboard.views.base import CARD_POINTS, view_of, without_decay
from seqbayes.dashboard.views.figures import finite
from seqbayes.errors import PriorError
from seqbayes.families import Beta

_MAX_KEYS = 12

_REACH = 37.0  # normal scores beyond which a tail is below the smallest float
_DROP = 45.0  # the integrand is ignored where its log is this much below its maximum
_SCAN = np.linspace(-_REACH, _REACH, 149)
_BREAKS = np.array([-8.5, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.5])
_NODES, _WEIGHTS = sc.roots_legendre(10)
_LOG_NORM = 0.5 * math.log(2.0 * math.pi)
_LINE = np.linspace(-8.5, 8.5, 401)
_MASS = np.exp(-0.5 * _LINE**2 - _LOG_NORM) * (_LINE[1] - _LINE[0])


def compare(states: Sequence[Any], lowest: bool = False) -> dict[str, Any]:
    """Return the probability of each to be the best, and the differences to the likeliest.

    Parameters
    ----------
    states
        2 to 12 beliefs about a number, or about a mean and a variance; then the means are compared.
    lowest
        Whether the smallest is the best, not the largest.

    Raises
    ------
    PriorError
        If there are too few or too many states, or one is improper or not about a number.

    Notes
    -----
    P(i is the largest) is the integral of the density of i times the cdfs of all others. As a
    function of the normal score of i it is smooth between the quantiles of the others, where
    Gauss-Legendre rules with ten nodes have relative errors of about 1e-9. The integrand is
    computed as a logarithm over all scores that a float can represent, so that a small probability
    is as precise as a large one. No random numbers are used. For the smallest, survival functions
    replace the cdfs.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> told = compare([Beta(2, 1), Beta(1, 1)])
    >>> [round(p, 9) for p in told["p_best"]]
    [0.666666667, 0.333333333]
    >>> compare([Beta(2, 1), Beta(1, 1)], lowest=True)["best"]
    1
    """
    if not 2 <= len(states) <= _MAX_KEYS:
        raise PriorError(f"expected 2 to {_MAX_KEYS} keys to compare, got {len(states)}")
    drawn = [view_of(state).comparable(without_decay(state)) for state in states]
    p_best = _probabilities(drawn, lowest)
    best = int(np.argmax(p_best))
    others = sorted((k for k in range(len(drawn)) if k != best), key=lambda k: -p_best[k])
    return {
        "p_best": p_best,
        "best": best,
        "differences": [
            {"pair": [best, other], **difference(drawn[best], drawn[other])} for other in others
        ],
    }


def share_of(state: Any, label: str) -> Beta:
    """Return the belief about the share of one label, as a belief about a number.

    Raises
    ------
    PriorError
        If the belief is not about labels, or has no information about this one.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> share_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red").posterior
    BetaHyperparameters(alpha=2.0, beta=2.0)
    """
    return view_of(state).share_of(without_decay(state), label)


def drawn_shares(states: Sequence[Beta]) -> list[dict[str, Any]]:
    """Return mean, interval and density of shares."""
    told = view_of(states[0]).cards(states, [None] * len(states), CARD_POINTS)
    return [
        {
            "mean": each["mean"],
            "interval": each["interval"],
            "density": {**each["density"], "prior": None},
        }
        for each in told
    ]


def _probabilities(drawn: Sequence[Any], lowest: bool) -> list[float]:
    raw = [_best(drawn, k, lowest) for k in range(len(drawn))]
    total = math.fsum(raw)
    return [each / total for each in raw]


def _quantile(distribution: Any, z: Any) -> Any:
    """Return the quantile at a normal score, right in both tails."""
    return np.where(z < 0.0, distribution.ppf(sc.ndtr(z)), distribution.isf(sc.ndtr(-z)))


def _score(distribution: Any, x: Any) -> Any:
    """Return the normal score of a value."""
    below, above = distribution.cdf(x), distribution.sf(x)
    with np.errstate(all="ignore"):
        return np.where(below < 0.5, sc.ndtri(below), -np.asarray(sc.ndtri(above)))


def _best(drawn: Sequence[Any], k: int, lowest: bool) -> float:
    """Integrate the density of one times the tails of the others, over its normal scores."""
    mine = drawn[k]
    others = [each for i, each in enumerate(drawn) if i != k]

    def log_integrand(z: Any) -> Any:
        x = _quantile(mine, z)
        with np.errstate(all="ignore"):
            logs = -0.5 * z * z - _LOG_NORM
            for each in others:
                logs = logs + (each.logsf(x) if lowest else each.logcdf(x))
        return np.where(np.isnan(logs), -np.inf, logs)

    cuts = [_SCAN, *(_score(mine, _quantile(each, _BREAKS)) for each in others)]
    edges = np.concatenate(cuts)
    edges = np.unique(edges[np.isfinite(edges) & (np.abs(edges) <= _REACH)])
    heights = log_integrand(edges)
    if not np.isfinite(heights.max()):
        return 0.0
    relevant = np.flatnonzero(heights > heights.max() - _DROP)
    edges = edges[max(relevant[0] - 1, 0) : relevant[-1] + 2]
    middle, half = (edges[1:] + edges[:-1]) / 2.0, (edges[1:] - edges[:-1]) / 2.0
    z = (middle[:, None] + half[:, None] * _NODES).ravel()
    weights = (half[:, None] * _WEIGHTS).ravel()
    return float(np.sum(np.exp(log_integrand(z)) * weights))


def difference(a: Any, b: Any, level: float = 0.95) -> dict[str, Any]:
    """Return mean and equal-tailed interval of one number less another, independent of it.

    Examples
    --------
    >>> from seqbayes.distributions import Normal
    >>> told = difference(Normal(3.0, 1.0), Normal(1.0, 3.0))
    >>> told["mean"], [round(each, 4) for each in told["interval"]]
    (2.0, [-1.9199, 5.9199])
    """
    means = finite(a.mean), finite(b.mean)
    tail = (1.0 - level) / 2.0
    known = means[0] is not None and means[1] is not None
    return {
        "mean": means[0] - means[1] if known else None,  # type: ignore[operator]
        "interval": [_quantile_of_difference(a, b, q) for q in (tail, 1.0 - tail)],
        "level": level,
    }


def _quantile_of_difference(a: Any, b: Any, q: float) -> float:
    # over the narrower one the other's cdf is smooth
    widths = [each.ppf(0.75) - each.ppf(0.25) for each in (a, b)]
    first = widths[0] < widths[1]
    x = _quantile(a if first else b, _LINE)
    low = float(a.ppf(q / 2.0) - b.isf(q / 2.0))
    high = float(a.isf((1.0 - q) / 2.0) - b.ppf((1.0 - q) / 2.0))
    for _ in range(60):
        middle = low + (high - low) / 2.0
        if middle in (low, high):
            break
        below = b.sf(x - middle) if first else a.cdf(x + middle)
        if float(np.sum(_MASS * below)) < q:
            low = middle
        else:
            high = middle
    return low + (high - low) / 2.0
