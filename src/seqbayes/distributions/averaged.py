"""Distributions without a closed form: averages of conditional distributions over one variable.

The averages are sums over equal steps of a coordinate in which the variable's density decreases
exponentially on both sides. Such sums have no error beyond rounding once the steps are shorter than
half of the narrowest width.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.distributions.tabulated import DensityTable
from seqbayes.errors import PriorError
from seqbayes.numerics import sc
from seqbayes.numerics.elementary import plain
from seqbayes.numerics.special import Real

_DROP = 110.0
"""A density is neglected where its logarithm is more than this below the maximum."""

_STEP = 0.45
"""Step in units of the narrowest width."""

_MOST = 100_000
"""Largest number of steps."""

_HALVINGS = 200

_LARGEST_LOG = 700.0

_SINGULARITY = 0.45
"""Width, in units of the distance of a singularity; a step has the error exp(-2 π distance / step).
"""

_MOST_TABLED = 6000
"""Largest number of terms of a product whose density is interpolated in a table."""

_MANY = 8
"""A product's density at this many points or more is computed with fewer nodes if they suffice."""

_FEWEST, _AGREEING = 24, 1e-8
"""Smallest number of nodes, and the difference between sums over every other node that suffices.

The error of the sum over all nodes is about the square of the difference.
"""


class Averaged(Distribution):
    """The average of conditional distributions over the variable that they depend on.

    Parameters
    ----------
    variable
        A distribution of positive numbers or of shares.
    width
        Width of the distributions given the variable, in the coordinate of the variable.
    """

    searches_quantiles = True

    def __init__(self, variable: Distribution, width: float) -> None:
        self._variable, self._width = variable, width

    @cached_property
    def _nodes(self) -> tuple[Any, Any]:
        found = self._variable.own_nodes(self._width)
        return _nodes(self._variable, self._width) if found is None else found

    @property
    def _values(self) -> Any:
        """Values of the variable."""
        return self._nodes[0]

    @property
    def _log_weights(self) -> Any:
        return self._nodes[1]

    @property
    def terms(self) -> int:
        """Number of terms whose sum is the density at one point."""
        return int(self._values.size)

    @abstractmethod
    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        """Return, for each value, a distribution, its argument and a log derivative."""

    def _log_density(self, x: Real) -> Any:
        given, y, log_derivative = self._given(np.asarray(x)[..., None])
        with np.errstate(all="ignore"):
            logs = np.asarray(given.logpdf(y)) + log_derivative + self._log_weights
        return plain(log_sum(logs))

    def _cdf(self, x: Real) -> Any:
        given, y, _ = self._given(np.asarray(x)[..., None])
        return plain(np.asarray(given.cdf(y)) @ np.exp(self._log_weights))

    def _sf(self, x: Real) -> Any:
        given, y, _ = self._given(np.asarray(x)[..., None])
        return plain(np.asarray(given.sf(y)) @ np.exp(self._log_weights))

    def _ppf(self, q: Real) -> Any:
        return self._solved(q, upper=False)

    def _isf(self, q: Real) -> Any:
        return self._solved(q, upper=True)

    def _solved(self, q: Real, upper: bool) -> Any:
        found = [self._quantile_at(each, upper) for each in np.ravel(q).tolist()]
        return plain(np.reshape(found, np.shape(q)))

    def _quantile_at(self, q: float, upper: bool) -> float:
        """Return a quantile, found by Newton's method on normal scores within shrinking bounds."""
        target = -float(sc.ndtri(q)) if upper else float(sc.ndtri(q))
        u, low, high = self._start(), -math.inf, math.inf
        for _ in range(_HALVINGS):
            x = self._at(u)
            below, above = self._cdf(x), self._sf(x)
            score = float(sc.ndtri(below)) if below < above else -float(sc.ndtri(above))
            low, high = (u, high) if score < target else (low, u)
            slope = math.sqrt(math.tau) * math.exp(
                min(self._log_density(x) + self._log_slope(u) + score * score / 2.0, 700.0)
            )
            step = (target - score) / slope if slope > 0.0 and math.isfinite(score) else math.nan
            following = u + max(-2.0, min(2.0, step)) if step == step else math.nan
            if not low <= following <= high:
                ends = (
                    (low if low > -math.inf else high - 2.0),
                    (high if high < math.inf else low + 2.0),
                )
                following = (ends[0] + ends[1]) / 2.0
            if abs(following - u) <= 1e-15 * max(1.0, abs(u)) or following == u:
                break
            done, u = abs(step) < 1e-8 if step == step else False, following
            if done:
                break
        return self._at(u)

    @abstractmethod
    def _start(self) -> float:
        """Return a coordinate in the middle of the distribution."""

    @abstractmethod
    def _at(self, u: float) -> float:
        """Return the number at a coordinate."""

    @abstractmethod
    def _log_slope(self, u: float) -> float:
        """Return the logarithm of the derivative of the number with respect to the coordinate."""


class ProductOfTwo(Averaged):
    """The product of an independent share, or positive number, and another positive number.

    Parameters
    ----------
    first, second
        The distributions of the two factors.

    Raises
    ------
    PriorError
        If a factor is not a distribution of positive numbers or of shares.

    Examples
    --------
    The revenue per visitor, if 10 of 100 visitors buy and the order value is about 20:

    >>> from seqbayes.distributions import Beta, InverseGamma
    >>> revenue = ProductOfTwo(Beta(11, 91), InverseGamma(11, 200))
    >>> round(revenue.mean, 4), [round(end, 3) for end in revenue.interval()]
    (2.1569, [0.855, 4.545])
    """

    support = (0.0, math.inf)
    _table: DensityTable | None = None

    def __init__(self, first: Distribution, second: Distribution) -> None:
        for each in (first, second):
            if each.support not in ((0.0, 1.0), (0.0, math.inf)) or each.discrete:
                raise PriorError(f"expected a distribution of positive numbers, got {each!r}")
        if first.support != (0.0, 1.0) == second.support:
            first, second = second, first
        self.first, self.second = first, second
        self._second_place = _log_place(second)
        width = min(self._second_place[1], _SINGULARITY * second.singularity_of_logarithm)
        super().__init__(first, width)

    @property
    def terms(self) -> int:
        """Number of terms whose sum is the density at one point."""
        return super().terms * self.second.terms

    def _given(self, x: Any) -> tuple[Distribution, Any, Any]:
        return self.second, x / self._values, -np.log(self._values)

    @property
    def power_tail_of_logarithm(self) -> bool:
        """Whether the logarithm's upper tail decreases like a power, so that no moment exists."""
        return self.first.power_tail_of_logarithm or self.second.power_tail_of_logarithm

    @property
    def _tabled(self) -> bool:
        return self.power_tail_of_logarithm and self._values.size <= _MOST_TABLED

    def logpdf_of_logarithm(self, u: Any) -> Any:
        """Return the log density of the logarithm, at an array of logarithms."""
        u = np.asarray(u)
        if u.size < _MANY:
            return self._sum(u, slice(None))
        points = u.ravel()
        stride = 2 ** max((self._values.size // _FEWEST).bit_length() - 1, 0)
        found, left = self._sum(points, slice(None, None, stride)), np.arange(points.size)
        while stride > 1 and len(left):
            even = found[left]
            odd = self._sum(points[left], slice(stride // 2, None, stride))
            found[left] = np.logaddexp(even, odd)
            # both sums agree where the density of the second number is smooth
            agreeing = np.abs(even - odd) <= _AGREEING
            found[left[agreeing]] += math.log(stride // 2)
            left, stride = left[~agreeing], stride // 2
        return found.reshape(u.shape)

    def _sum(self, u: Any, nodes: slice) -> Any:
        """Return the log of the sum over some of the nodes."""
        distances = np.asarray(u)[..., None] - self._log_values[nodes]
        logs = self.second.logpdf_of_logarithm(distances)
        return log_sum(logs + self._log_weights[nodes])

    @cached_property
    def _log_values(self) -> Any:
        return np.log(self._values)

    def _densities(self) -> DensityTable:
        """Return a table of the density of the logarithm, and of its tails."""
        if self._table is None:
            self._table = DensityTable(
                self.logpdf_of_logarithm, self._start(), self._second_place[1], 5e-12
            )
        return self._table

    def _cdf(self, x: Real) -> Any:
        if not self._tabled:
            return super()._cdf(x)
        return plain(self._densities().tails(np.log(x))[0])

    def _sf(self, x: Real) -> Any:
        if not self._tabled:
            return super()._sf(x)
        return plain(self._densities().tails(np.log(x))[1])

    def _start(self) -> float:
        return math.log(self.first.ppf(0.5)) + self._second_place[0]

    def rough_place(self) -> tuple[float, float]:
        """Return an approximate median and standard deviation, given those of the logarithms."""
        low, high = (math.log(self.first.ppf(q)) for q in (0.16, 0.84))
        median = math.exp(min(self._start(), _LARGEST_LOG))
        return median, median * math.hypot((high - low) / 2.0, self._second_place[1])

    def _at(self, u: float) -> float:
        return math.exp(u)

    def _log_slope(self, u: float) -> float:
        return u

    @property
    def mean(self) -> Any:
        """Expected value, inf if it is infinite."""
        return self.first.mean * self.second.mean

    @property
    def var(self) -> Any:
        """Variance, inf if it is infinite."""
        (a, b), (v, w) = (
            (self.first.mean, self.second.mean),
            (self.first.var, self.second.var),
        )
        return v * w + v * b * b + w * a * a

    def _draw(self, rng: np.random.Generator, size: Any) -> Any:
        return self.first.sample(size, rng) * self.second.sample(size, rng)

    def __repr__(self) -> str:
        return f"ProductOfTwo({self.first!r}, {self.second!r})"


def _log_place(number: Distribution) -> tuple[float, float]:
    """Return an approximate median and standard deviation of the logarithm of a number."""
    rough = number.rough_place()
    if rough is not None and 0.0 < rough[0] < math.inf:
        return math.log(rough[0]), float(rough[1] / rough[0])
    low, high = math.log(number.ppf(0.16)), math.log(number.isf(0.16))
    return (low + high) / 2.0, (high - low) / 2.0


def log_sum(logs: Any) -> Any:
    """Return the logarithm of the sum over the last axis; -inf for an empty sum."""
    with np.errstate(all="ignore"):
        top = logs.max(axis=-1)
        top = np.where(np.isfinite(top), top, 0.0)
        terms = logs - top[..., None]
        return top + np.log(np.exp(terms, out=terms).sum(axis=-1))


def _nodes(variable: Distribution, width: float) -> tuple[Any, Any]:
    """Return values of a variable at equal steps of its coordinate, and their log weights."""
    share = variable.support == (0.0, 1.0)

    def log_density(u: Any) -> Any:
        if share:
            return variable.logpdf_of_log_odds(u)
        with np.errstate(all="ignore"):
            return variable.logpdf(np.exp(u)) + u

    low, middle, high = (
        float(sc.logit(each)) if share else math.log(each)
        for each in (variable.ppf(0.16), variable.ppf(0.5), variable.isf(0.16))
    )
    step = _STEP * min((high - low) / 2.0, width, 1.0)
    u, logs = both_sides(log_density, middle, step)
    values = sc.expit(u) if share else np.exp(u)
    kept = np.isfinite(logs) & (values > 0.0)
    logs, values = logs[kept], values[kept]
    return values, logs - log_sum(logs)


def both_sides(log_density: Any, middle: float, step: float) -> tuple[Any, Any]:
    """Return equally spaced coordinates where a density is not negligible, and its log there."""
    sides = [_side(log_density, middle, sign * step) for sign in (-1.0, 1.0)]
    u = np.concatenate([sides[0][0][::-1], sides[1][0][1:]])
    logs = np.concatenate([sides[0][1][::-1], sides[1][1][1:]])
    return u, logs


def _side(log_density: Any, start: float, step: float) -> tuple[Any, Any]:
    """Return coordinates from the middle outward, as far as the density is not negligible."""
    size = 64
    while True:
        u = start + step * np.arange(size)
        logs = log_density(u)
        small = ~(logs > logs[0] - _DROP)
        if small.any() or size >= _MOST:
            last = int(small.argmax()) if small.any() else size
            return u[:last], logs[:last]
        size *= 4
