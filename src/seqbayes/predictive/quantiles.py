"""Quantiles of discrete observations: step functions of an unknown parameter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.distributions.beta import Beta
from seqbayes.numerics.elementary import logarithm, plain, read_numbers
from seqbayes.numerics.special import Array, Real
from seqbayes.numerics.sums import sum_from
from seqbayes.predictive.base import DiscreteDistribution

_MAX_VALUES = 50_000

_PRECISE = 1e-40
"""Probability of a tail that is negligible in comparison with any other probability."""

_NEGLIGIBLE = 1e-11
"""Probability of a tail that is negligible if both tails are attributed to the last values."""


class CountQuantile(DiscreteDistribution):
    """The distribution of a quantile of whole numbers, which is a step function of the parameter.

    The p-quantile is the smallest whole number k with P(X <= k) >= p.

    Parameters
    ----------
    parameter
        The distribution of the parameter.
    limit
        A function that returns, for an array of k = 0, 1, ..., the parameter at which an
        observation is at most ``start + k`` with probability p.
    typical
        A function of the parameter that approximates the quantile; searches start from its value.
    increases
        Whether the quantile increases with the parameter.
    start, end
        The smallest and the largest observation.
    moments
        The mean exists if this number is above 1, and the variance if it is above 2.

    Notes
    -----
    If the quantile increases with the parameter, ``P(Q <= k) = P(parameter <= limit(k))``,
    otherwise ``P(Q <= k) = P(parameter >= limit(k))``.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> visits = Gamma(79, 29)
    >>> quantile = visits.likelihood.quantile(visits.posterior, 0.9)
    >>> quantile.ppf(0.5), round(quantile.pmf(5), 4), round(quantile.mean, 3)
    (5, 0.7428, 4.915)
    """

    def __init__(
        self,
        parameter: Distribution,
        limit: Callable[[Any], Any],
        typical: Callable[[float], float],
        *,
        increases: bool,
        start: int = 0,
        end: float = math.inf,
        moments: float = math.inf,
    ) -> None:
        self.parameter, self._limit, self._typical = parameter, limit, typical
        self._increases, self._moments = increases, moments
        self.support = (start, end)

    def _cdf(self, x: Real) -> Any:
        return self._tail_of(x, self._increases)

    def _sf(self, x: Real) -> Any:
        return self._tail_of(x, not self._increases)

    def _tail_of(self, x: Real, lower: bool) -> Any:
        limit = self._limit(np.subtract(x, self.support[0]))
        return plain(self.parameter.cdf(limit) if lower else self.parameter.sf(limit))

    def _log_mass(self, x: Real) -> Any:
        before = np.subtract(x, 1.0)
        below = np.asarray(self.cdf(x)), np.asarray(self.cdf(before))
        above = np.asarray(self.sf(x)), np.asarray(self.sf(before))
        mass = np.where(below[0] < above[1], below[0] - below[1], above[1] - above[0])
        return logarithm(plain(mass))

    def _guess(self, q: float, sign: float) -> tuple[float, float]:
        lower = (sign > 0.0) is self._increases
        parameter = self.parameter.ppf(q) if lower else self.parameter.isf(q)
        guess = self.support[0] + self._typical(parameter)
        return guess, 1.0 + 0.05 * abs(guess)

    @property
    def mean(self) -> float:
        """Expected value; inf if it is infinite."""
        if not self._moments > 1.0:
            return math.inf
        first = self._first()
        return first + self.excess_above(first)

    @property
    def var(self) -> float:
        """Variance; inf if it is infinite."""
        if not self._moments > 2.0:
            return math.inf
        first = self._first()
        excess = self.excess_above(first)
        squares = self._summed(lambda k: 2.0 * (k - first) + 1.0, first)
        return squares - excess * excess

    def _first(self) -> float:
        """Return a value that the quantile almost certainly equals or exceeds."""
        return float(self.ppf(_PRECISE))

    def excess_above(self, x: float) -> float:
        """Return the expected value of ``max(0, Q - x)``: the sum of upper tails from x."""
        return self._summed(np.ones_like, x)

    def _summed(self, factor: Callable[[Array], Array], first: float) -> float:
        if math.isfinite(self.support[1]):
            k = np.arange(first, self.support[1])
            return float(factor(k) @ self._sf(k)) if len(k) else 0.0
        return sum_from(lambda k: factor(k) * np.asarray(self._sf(k)), first)

    @property
    def mode(self) -> float:
        """The most probable value (the smallest one if several are)."""
        values = self.values()
        if values is None:
            return float(self.ppf(0.5))
        return int(values[np.argmax(self.pmf(values))])

    def values(self) -> Array | None:
        """Return the values whose probability is not negligible; None if there are too many."""
        for tail in (_PRECISE, _NEGLIGIBLE):
            low, high = float(self.ppf(tail)), float(self.isf(tail))
            if high - low < _MAX_VALUES:
                return np.arange(low, high + 1.0)
        return None

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return np.reshape([float(self.ppf(u)) for u in rng.random(size).ravel()], size or ())

    def __repr__(self) -> str:
        return f"CountQuantile({self.parameter!r})"


class LabelQuantile(Distribution):
    """The distribution of a quantile of labels that are numbers, such as ratings.

    The p-quantile is the smallest label v with P(X <= v) >= p. The probability of the labels up to
    v has a Beta distribution.

    Parameters
    ----------
    weights
        The concentration of each label in the posterior Dirichlet distribution.
    p
        The probability.

    Examples
    --------
    >>> quantile = LabelQuantile({1: 4.0, 2: 7.0, 3: 10.0}, 0.5)
    >>> quantile.ppf(0.5), [round(quantile.pmf(label), 4) for label in (1, 2, 3)]
    (2.0, [0.0013, 0.5868, 0.4119])
    """

    discrete = True

    def __init__(self, weights: Mapping[float, float], p: float) -> None:
        self._values = np.array(sorted(weights), dtype=float)
        sums = np.cumsum([weights[v] for v in self._values.tolist()])
        rest = np.cumsum([weights[v] for v in self._values[::-1].tolist()])[-2::-1]
        up_to = Beta(sums[:-1], rest)
        # the label is at most v if the probability of the labels up to v is at least p
        self._below = np.concatenate([[0.0], np.atleast_1d(up_to.sf(p)), [1.0]])
        self._above = np.concatenate([[1.0], np.atleast_1d(up_to.cdf(p)), [0.0]])
        self.support = (float(self._values[0]), float(self._values[-1]))

    def _index(self, x: Any) -> Any:
        return np.searchsorted(self._values, read_numbers(x), side="right")

    def cdf(self, x: Any) -> Any:
        """Return P(X <= x)."""
        return plain(self._below[self._index(x)])

    def sf(self, x: Any) -> Any:
        """Return P(X > x)."""
        return plain(self._above[self._index(x)])

    def pmf(self, x: Any) -> Any:
        """Return the probability of x; 0 between labels."""
        masses = np.append(self._masses(), 0.0)
        index = self._index(x) - 1
        return plain(np.where(self._values[index] == x, masses[index], 0.0))

    def _masses(self) -> Array:
        below, above = self._below, self._above
        return np.where(below[1:] < above[:-1], np.diff(below), -np.diff(above))

    def _quantile(self, function: Any, q: Real, low_end: int, log: bool) -> Any:
        q = np.exp(read_numbers(q)) if log else read_numbers(q)
        if low_end == 0:
            found = np.searchsorted(self._below[1:-1], q, side="left")
        else:
            found = np.searchsorted(-self._above[1:-1], -q, side="left")
        return plain(self._values[found])

    @property
    def mean(self) -> float:
        """Expected value."""
        return float(self._masses() @ self._values)

    @property
    def var(self) -> float:
        """Variance."""
        return float(self._masses() @ (self._values - self.mean) ** 2)

    @property
    def mode(self) -> float:
        """The most probable label (the smallest one if several are)."""
        return float(self._values[np.argmax(self._masses())])

    def values(self) -> Array:
        """Return the labels."""
        return self._values

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return rng.choice(self._values, size, p=self._masses())

    def __repr__(self) -> str:
        return f"LabelQuantile({self._values.tolist()})"
