"""Several beliefs about one number each: which is best, and by how much, by quadrature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes import distributions
from seqbayes.dashboard.views.cards import cards, kind_of, undecayed
from seqbayes.dashboard.views.figures import finite
from seqbayes.dashboard.views.labels import concentrations
from seqbayes.dashboard.views.numbers import shown
from seqbayes.errors import PriorError
from seqbayes.families import Beta
from seqbayes.quadrature import beta_less

MOST = 12

_REACH = 8.5  # standard deviations beyond which a float has no probability left
_BREAKS = np.array([-_REACH, -6.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 6.0, _REACH])
_NODES, _WEIGHTS = sc.roots_legendre(10)
_LINE = np.linspace(-_REACH, _REACH, 401)
_MASS = np.exp(-0.5 * _LINE**2) * (_LINE[1] - _LINE[0]) / math.sqrt(2.0 * math.pi)


def compare(states: Sequence[Any], lowest: bool = False) -> dict[str, Any]:
    """Return the probability of each to be the best, and the differences to the likeliest.

    Parameters
    ----------
    states
        2 to 12 beliefs about a number, or about a mean and a variance: then of the means.
    lowest
        Whether the smallest is the best, not the largest.

    Raises
    ------
    PriorError
        If there are too few or too many, or one is not about a number, or improper.

    Notes
    -----
    P(i is the largest) is the integral of the density of i times the cdfs of all others. In normal
    scores of i it is smooth between the quantiles of the others, where Gauss-Legendre rules of ten
    nodes leave errors of about 1e-9. Nothing is drawn at random. For the smallest, the survival
    functions of the others take the place of their cdfs.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> told = compare([Beta(2, 1), Beta(1, 1)])
    >>> [round(p, 9) for p in told["p_best"]]
    [0.666666667, 0.333333333]
    >>> compare([Beta(2, 1), Beta(1, 1)], lowest=True)["best"]
    1
    """
    if not 2 <= len(states) <= MOST:
        raise PriorError(f"expected 2 to {MOST} keys to compare, got {len(states)}")
    drawn = [_distribution(state) for state in states]
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
    """Return what is believed of the share of one label, as a belief about a number.

    Raises
    ------
    PriorError
        If it is no belief about labels, or nothing is known of this one.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> share_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red").posterior
    BetaHyperparameters(alpha=2.0, beta=2.0)
    """
    if kind_of(state) != "labels":
        raise PriorError("only beliefs about labels have shares to compare")
    weights, unseen = concentrations(undecayed(state))
    total = math.fsum(weights.values()) + unseen
    weight = math.fsum(each for name, each in weights.items() if str(name) == label)
    if not 0.0 < weight < total:
        raise PriorError(f"one of the keys knows nothing of the share of {label[:200]!r}")
    return Beta(weight, total - weight)


def drawn_shares(states: Sequence[Beta]) -> list[dict[str, Any]]:
    """Return mean, interval and density of shares."""
    told = cards(states, [None] * len(states))
    return [
        {
            "mean": each["mean"],
            "interval": each["interval"],
            "density": {**each["density"], "prior": None},
        }
        for each in told
    ]


def _distribution(state: Any) -> Any:
    if kind_of(state) not in ("number", "normal"):
        raise PriorError("only beliefs about a number can be compared")
    plain = undecayed(state)
    if not plain.is_proper(plain.posterior):
        raise PriorError(f"{plain.posterior} is improper: nothing can be said before more is seen")
    return shown(plain)


def _probabilities(drawn: Sequence[Any], lowest: bool) -> list[float]:
    if len(drawn) == 2 and all(isinstance(each, distributions.Beta) for each in drawn):
        (a, b), (c, d) = (each._hyperparameters() for each in drawn)
        larger = [float(beta_less(c, d, a, b)), float(beta_less(a, b, c, d))]
        return larger[::-1] if lowest else larger
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
    """Integrate the density of one times where the others must be, over its normal scores."""
    mine = drawn[k]
    others = [each for i, each in enumerate(drawn) if i != k]
    cuts = [_BREAKS, *(_score(mine, _quantile(each, _BREAKS)) for each in others)]
    edges = np.unique(np.clip(np.concatenate(cuts), -_REACH, _REACH))
    edges = edges[np.isfinite(edges)]
    middle, half = (edges[1:] + edges[:-1]) / 2.0, (edges[1:] - edges[:-1]) / 2.0
    z = (middle[:, None] + half[:, None] * _NODES).ravel()
    weights = (half[:, None] * _WEIGHTS).ravel()
    x = _quantile(mine, z)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    for each in others:
        density = density * (each.sf(x) if lowest else each.cdf(x))
    return float(np.sum(density * weights))


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
