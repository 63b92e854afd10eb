"""A common grid for the densities of several numbers, with both tails of each at its nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.special as sc
from numpy.polynomial.legendre import leg2poly
from numpy.typing import NDArray

from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError

Array = NDArray[np.float64]

_ORDER = 16
_NODES, _WEIGHTS = sc.roots_legendre(_ORDER)


_DEGREES = np.arange(_ORDER)
_LEGENDRE = sc.eval_legendre(np.arange(_ORDER + 1)[:, None], _NODES)
_COEFFICIENTS = (2.0 * _DEGREES[:, None] + 1.0) / 2.0 * _LEGENDRE[:-1] * _WEIGHTS
"""Matrix of the Legendre coefficients of a polynomial, from its values at the nodes."""


def _integrals(values: Any) -> Array:
    """Return the integrals from -1 of Legendre polynomials, from their values."""
    integrals = np.empty((_ORDER, *values.shape[1:]))
    integrals[0] = values[1] + 1.0
    scale = (2.0 * _DEGREES[1:] + 1.0).reshape(-1, *(1 for _ in values.shape[1:]))
    integrals[1:] = (values[2:] - values[:-2]) / scale
    return integrals


_TO_POWERS = np.zeros((_ORDER, _ORDER))
for _degree in range(_ORDER):
    _TO_POWERS[: _degree + 1, _degree] = leg2poly([0.0] * _degree + [1.0])
_POWERS = _TO_POWERS @ _COEFFICIENTS
"""Matrix of the coefficients of powers, from the values at the nodes."""

_BELOW = _integrals(_LEGENDRE).T @ _COEFFICIENTS
"""Matrix that integrates a polynomial from -1 to each node, from its values at the nodes."""
_ABOVE = _BELOW[::-1, ::-1].copy()

_STENCIL = np.concatenate(
    [np.arange(0.0, 8.0, 0.5), 8.0 * 1.3 ** np.arange(30), 1.6e4 * 4.0 ** np.arange(1, 40)]
)
"""Distances from the centre, in standard deviations, at which the extent of a density is found."""

_LEVELS = np.concatenate([[0.5, 2.0, 4.5, 8.0, 12.0, 17.0, 22.0], np.arange(28.0, 210.0, 7.0)])
"""Logarithms by which a density has decreased from its maximum at the ends of panels."""

_DROP = 38.0
"""Logarithm below the maximum at which an integrand is negligible."""

_FARTHEST = 165.0
"""Logarithm below the maximum of two densities at which two numbers count as far apart.

The probability that the lower one is above the higher one is then below 1e-70, and may be 0.
"""

_REFINEMENTS = 12
"""Largest number of times that the search for the extent of a density is refined."""

_GRADES = 2.0 ** np.arange(100)
_GRADES = np.concatenate([-_GRADES[::-1], [0.0], _GRADES])
"""Distances that grow geometrically, in units of the smallest scale of a density."""

_FAR = 600.0
"""Logarithm of a number, or log odds, beyond which a density is continued as a power."""


class Coordinate:
    """The line on which densities are integrated: the parameter itself."""

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        return u

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter; nan if it is not positive."""
        return np.full_like(u, np.nan)

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        return x, np.ones_like(x)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        x = np.exp(log_x)
        return x, 1.0 / x

    def place(self, x: float, spread: float) -> tuple[float, float]:
        """Return coordinate and approximate standard deviation of a mean and a deviation."""
        return x, spread

    def centred(
        self, distributions: Sequence[Distribution]
    ) -> tuple[Sequence[Distribution], float]:
        """Return the distributions relative to an origin among them, and the origin."""
        origin = _centre(distributions[0])
        shifted = [each.shift(-origin) for each in distributions]
        known = [each for each in shifted if each is not None]
        return (known, origin) if len(known) == len(shifted) else (distributions, 0.0)

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf(u)
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return np.zeros_like(u)

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return log densities that decrease as fast as the probability beyond a coordinate.

        A density that decreases like a power of x leaves a probability larger by a factor of x.
        """
        found: Array = logs + np.log1p(np.abs(u - centres) / widths)
        return found

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels on which tails that decrease like a power are smooth."""
        return centres + widths * _GRADES


class LogCoordinate(Coordinate):
    """The logarithm of a positive parameter."""

    def centred(
        self, distributions: Sequence[Distribution]
    ) -> tuple[Sequence[Distribution], float]:
        """Return the distributions, with the origin 0."""
        return distributions, 0.0

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = np.exp(u)
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        return u

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        with np.errstate(all="ignore"):
            u = np.where(x > 0.0, np.log(x), -np.inf)
        return u, np.where(x > 0.0, x, 1.0)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        return log_x, np.ones_like(log_x)

    def place(self, x: float, spread: float) -> tuple[float, float]:
        """Return coordinate and approximate standard deviation of a mean and a deviation."""
        return math.log(x), spread / x

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        found: Array = distribution.logpdf(np.exp(u)) + u
        return found

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        return u

    def log_mass(self, logs: Array, u: Array, centres: Array, widths: Array) -> Array:
        """Return the log densities, which decrease exponentially."""
        return logs

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels around the change from one exponential tail to another."""
        return centres + _GRADES


class LogitCoordinate(LogCoordinate):
    """The log odds of a share."""

    def point(self, u: Array) -> Array:
        """Return the parameter at a coordinate."""
        found: Array = sc.expit(u)
        return found

    def log_point(self, u: Array) -> Array:
        """Return the logarithm of the parameter."""
        logs: Array = -np.logaddexp(0.0, -u)
        return logs

    def locate(self, x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a parameter, and the derivative of the parameter there."""
        share = np.clip(x, 0.0, 1.0)
        u: Array = sc.logit(share)
        return u, np.where(np.isfinite(u), share * (1.0 - share), 1.0)

    def locate_log(self, log_x: Array) -> tuple[Array, Array]:
        """Return the coordinate of a logarithm, and the derivative of the logarithm there."""
        with np.errstate(all="ignore"):
            rest = -np.expm1(np.minimum(log_x, 0.0))
            u: Array = log_x - np.log(rest)
        return u, np.where(rest > 0.0, rest, 1.0)

    def place(self, x: float, spread: float) -> tuple[float, float]:
        """Return coordinate and approximate standard deviation of a mean and a deviation."""
        return math.log(x) - math.log1p(-x), spread / (x * (1.0 - x))

    def log_density(self, distribution: Distribution, u: Array) -> Array:
        """Return the log density with respect to the coordinate."""
        logs: Array
        slopes, above, complement = self.log_slope(u), u > 0.0, distribution.complement()
        if complement is None or not above.any():
            logs = slopes + np.asarray(distribution.logpdf(sc.expit(u)))
            return logs
        # for a share above 1/2, 1 - share is small, and is held to full precision
        small = sc.expit(-np.abs(u))
        found = complement.logpdf(small)
        if not above.all():
            found = np.where(above, found, distribution.logpdf(small))
        logs = slopes + np.asarray(found)
        return logs

    def log_slope(self, u: Array) -> Array:
        """Return the logarithm of the derivative of the parameter."""
        size = np.abs(u)
        slope: Array = -size - 2.0 * np.log1p(np.exp(-size))
        return slope

    def graded(self, centres: Array, widths: Array) -> Array:
        """Return ends of panels around log odds of 0, where one exponential tail ends."""
        return 0.0 * centres + _GRADES


_LINE, _LOG, _LOGIT = Coordinate(), LogCoordinate(), LogitCoordinate()


def coordinate_of(distributions: Sequence[Distribution]) -> Coordinate:
    """Return the coordinate for distributions with one support.

    Raises
    ------
    PriorError
        If the supports differ, or the distributions are discrete.
    """
    supports = {each.support for each in distributions}
    if len(supports) != 1 or any(each.discrete for each in distributions):
        raise PriorError(f"expected numbers of one kind to compare, got {list(distributions)}")
    low, high = supports.pop()
    if math.isinf(low):
        return _LINE
    return _LOG if math.isinf(high) else _LOGIT


class Densities:
    """Log densities of several numbers with respect to a coordinate.

    Raises
    ------
    PriorError
        If the distributions are not of one kind.
    """

    def __init__(self, distributions: Sequence[Distribution]) -> None:
        self.coordinate = coordinate_of(distributions)
        self.distributions, self.origin = self.coordinate.centred(distributions)
        self._stacked = type(self.distributions[0]).stack(self.distributions)

    def log(self, u: Array) -> Array:
        """Return the log density of each number, evaluated at its row of coordinates (k, n)."""
        if self.coordinate is _LINE:
            return self._inner(u)
        inner = np.clip(u, -_FAR, _FAR)
        logs = self._inner(inner)
        if (outside := u != inner).any():
            ends = np.broadcast_to([-_FAR, 10.0 - _FAR, _FAR - 10.0, _FAR], (len(u), 4))
            low, lower, upper, high = self._inner(ends).T
            slopes = np.where(
                u < 0.0, ((lower - low) / 10.0)[:, None], ((high - upper) / 10.0)[:, None]
            )
            logs = np.where(outside, logs + slopes * (u - inner), logs)
        return np.where(np.isnan(logs), -np.inf, logs)

    def _inner(self, u: Array) -> Array:
        with np.errstate(all="ignore"):
            if self._stacked is not None:
                return self.coordinate.log_density(self._stacked, u)
            rows = zip(self.distributions, u, strict=True)
            return np.stack([self.coordinate.log_density(each, row) for each, row in rows])


class _Extents(NamedTuple):
    """Coordinates at which each density was computed, and its decrease there from the maximum.

    Both are of shape (k, m), and the coordinates increase.
    """

    u: Array
    drops: Array

    def edges(self, needed: float) -> Array:
        """Return where each density has decreased by each level on both sides, of shape (k, n)."""
        levels = _LEVELS[: np.searchsorted(_LEVELS, needed, side="right")]
        rows = []
        for u, drops in zip(self.u, self.drops, strict=True):
            top = int(np.argmin(drops))
            below = np.interp(levels, np.maximum.accumulate(drops[top::-1]), u[top::-1])
            above = np.interp(levels, np.maximum.accumulate(drops[top:]), u[top:])
            rows.append(np.concatenate([below[::-1], u[top : top + 1], above]))
        return np.stack(rows)

    def separation(self) -> float:
        """Return the largest decrease, of two densities together, where they overlap most."""
        u = np.unique(self.u)
        rows = zip(self.u, self.drops, strict=True)
        drops = np.stack([np.interp(u, *row, left=1e9, right=1e9) for row in rows])
        return float((drops[:, None] + drops[None]).min(axis=2).max())


def _extents(densities: Densities, centres: Array, widths: Array) -> _Extents:
    def log_mass(u: Array) -> Array:
        return densities.coordinate.log_mass(densities.log(u), u, centres, widths)

    levels = _LEVELS[_LEVELS <= _DROP]
    wanted = np.concatenate([levels[::-1], [0.0], levels])
    u = centres + widths * np.concatenate([-_STENCIL[:0:-1], _STENCIL])
    logs = log_mass(u)
    for _ in range(_REFINEMENTS):
        top = logs.max(axis=1, keepdims=True)
        extents = _Extents(u, np.minimum(top - logs, 1e9))
        edges = extents.edges(_DROP)
        found = log_mass(edges)
        if np.all(np.abs(top - found - wanted) <= 0.4 * wanted + 0.2):
            break
        middles = (u[:, 1:] + u[:, :-1]) / 2.0
        u = np.concatenate([u, edges, middles], axis=1)
        logs = np.concatenate([logs, found, log_mass(middles)], axis=1)
        order = np.argsort(u, axis=1)
        u, logs = np.take_along_axis(u, order, axis=1), np.take_along_axis(logs, order, axis=1)
    return extents


def _centre(distribution: Distribution) -> float:
    mean = distribution.mean
    return float(distribution.ppf(0.5) if mean is None else mean)


def _place(distribution: Distribution, coordinate: Coordinate) -> tuple[float, float]:
    mean, spread = distribution.mean, distribution.std
    if mean is None or spread is None or not 0.0 < spread < math.inf:
        mean = distribution.ppf(0.5)
        spread = (distribution.isf(0.2) - distribution.ppf(0.2)) / 1.7
    return coordinate.place(float(mean), float(spread))


def _common_edges(densities: Densities) -> Array:
    """Return the ends of common panels over the range that integrals need."""
    places = [_place(each, densities.coordinate) for each in densities.distributions]
    centres, widths = np.array(places).T[:, :, None]
    extents = _extents(densities, centres, widths)
    edges = extents.edges(_DROP + min(extents.separation(), _FARTHEST))
    graded = densities.coordinate.graded(centres, widths)
    candidates = np.concatenate([edges.ravel(), graded.ravel()])
    smoothness = np.concatenate(
        [np.gradient(edges, axis=1).ravel(), np.gradient(graded, axis=1).ravel()]
    )
    inside = (edges.min() <= candidates) & (candidates <= edges.max())
    candidates, smoothness = candidates[inside], smoothness[inside]
    order = np.argsort(candidates)
    return _thin_out(candidates[order].tolist(), smoothness[order].tolist())


def _thin_out(edges: list[float], widths: list[float]) -> Array:
    """Return edges at least .6 of the width apart that the narrowest density around them needs."""
    kept, narrow = [edges[0]], math.inf
    for edge, width in zip(edges[1:], widths[1:], strict=True):
        narrow = min(narrow, width)
        if edge - kept[-1] > 0.6 * narrow:
            kept.append(edge)
            narrow = math.inf
    if kept[-1] < edges[-1]:
        kept.append(edges[-1])
    return np.array(kept)


class Grid:
    """Densities of several numbers at common nodes, with both tails of each.

    The tails are sums of positive integrals over panels, so that they have the relative precision
    of the densities.

    Parameters
    ----------
    distributions
        Continuous distributions of one kind: on the line, of positive numbers, or of shares.

    Attributes
    ----------
    weights
        Weights of the nodes in integrals over the coordinate, of shape (n,).
    x, log_x, slope
        The numbers at the nodes, relative to an origin; their logarithms, if they are positive; and
        their derivatives by the coordinate; of shape (n,).
    density, below, above
        Density with respect to the coordinate, P(X <= x) and P(X > x) of each number at each node,
        of shape (k, n).

    Raises
    ------
    PriorError
        If the distributions are not of one kind.
    """

    def __init__(self, distributions: Sequence[Distribution]) -> None:
        densities = Densities(distributions)
        self._coordinate = densities.coordinate
        self._edges = _common_edges(densities)
        self._half = half = np.diff(self._edges) / 2.0
        u = ((self._edges[1:] + self._edges[:-1])[:, None] / 2.0 + half[:, None] * _NODES).ravel()
        self.weights: Array = (half[:, None] * _WEIGHTS).ravel()
        self.x = self._coordinate.point(u)
        self.log_x = self._coordinate.log_point(u)
        self.slope: Array = np.exp(self._coordinate.log_slope(u))
        shape = len(distributions), len(u)
        self.density: Array = np.exp(densities.log(np.broadcast_to(u, shape)))
        panels = self.density.reshape(len(distributions), len(half), _ORDER)
        powers = panels @ _POWERS.T
        integrals = powers / (_DEGREES + 1.0)
        # of each power, a row over numbers and panels, from which elements are taken
        self._powers = np.ascontiguousarray(powers.reshape(-1, _ORDER).T)
        self._integrals = np.ascontiguousarray(integrals.reshape(-1, _ORDER).T)
        signs = (-1.0) ** _DEGREES
        self._starts: Array = (integrals @ signs).ravel()
        whole = panels @ _WEIGHTS * half
        self._whole: Array = whole.ravel()
        zero = np.zeros((len(whole), 1))
        self._before = np.concatenate([zero, np.cumsum(whole, axis=1)[:, :-1]], axis=1)
        self._after = np.concatenate([np.cumsum(whole[:, :0:-1], axis=1)[:, ::-1], zero], axis=1)
        inner, outer = (
            np.clip(half[:, None] * (panels @ matrix.T), 0.0, whole[:, :, None])
            for matrix in (_BELOW, _ABOVE)
        )
        self.below: Array = (self._before[:, :, None] + inner).reshape(shape)
        self.above: Array = (self._after[:, :, None] + outer).reshape(shape)

    def locate(self, values: Array, *, log: bool) -> tuple[Array, Array]:
        """Return the coordinates of numbers, or of the numbers with these logarithms.

        Also their derivatives by the coordinate.
        """
        return self._coordinate.locate_log(values) if log else self._coordinate.locate(values)

    def tails(self, rows: Any, u: Array) -> tuple[Array, Array, Array]:
        """Return P(X <= x), P(X > x) and the density of some numbers, each at its own coordinates.

        They are the polynomials through the nodes of a panel; beyond the panels they are 0 or 1.

        Parameters
        ----------
        rows
            The numbers, of a shape that broadcasts with the coordinates.
        u
            Coordinates.
        """
        panel = np.clip(np.searchsorted(self._edges, u, side="right") - 1, 0, len(self._half) - 1)
        half = self._half[panel]
        t = np.clip((u - self._edges[panel]) / half - 1.0, -1.0, 1.0)
        cell = rows * len(self._half) + panel
        density = self._powers[-1].take(cell)
        primitive = self._integrals[-1].take(cell)
        for row, integral in zip(self._powers[-2::-1], self._integrals[-2::-1], strict=True):
            density *= t
            density += row.take(cell)
            primitive *= t
            primitive += integral.take(cell)
        # the primitive at 0 is 0
        inner = half * (primitive * t + self._starts.take(cell))
        whole = self._whole.take(cell)
        inside = (self._edges[0] < u) & (u < self._edges[-1])
        below = self._before[rows, panel] + np.clip(inner, 0.0, whole)
        above = self._after[rows, panel] + np.clip(whole - inner, 0.0, whole)
        return below, above, np.where(inside, np.maximum(density, 0.0), 0.0)
