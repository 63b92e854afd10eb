"""A common grid for the densities of several numbers, with both tails at its nodes."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.polynomial.legendre import leg2poly

from seqbayes.compare.coordinates import Array
from seqbayes.compare.interpolation import interpolate
from seqbayes.compare.masses import NEGLIGIBLE, place
from seqbayes.compare.panels import Densities
from seqbayes.compare.quantities import density_of_best
from seqbayes.numerics import sc

ORDER = 16
NODES, WEIGHTS = sc.roots_legendre(ORDER)

_DEGREES = np.arange(ORDER)
_LEGENDRE = sc.eval_legendre(np.arange(ORDER + 1)[:, None], NODES)
_COEFFICIENTS = (2.0 * _DEGREES[:, None] + 1.0) / 2.0 * _LEGENDRE[:-1] * WEIGHTS
"""Matrix that maps the values of a polynomial at the nodes to its Legendre coefficients."""


def _integrals(values: Any) -> Array:
    """Return the integrals of Legendre polynomials from -1, computed from their values."""
    integrals = np.empty((ORDER, *values.shape[1:]))
    integrals[0] = values[1] + 1.0
    scale = (2.0 * _DEGREES[1:] + 1.0).reshape(-1, *(1 for _ in values.shape[1:]))
    integrals[1:] = (values[2:] - values[:-2]) / scale
    return integrals


_TO_POWERS = np.zeros((ORDER, ORDER))
for _degree in range(ORDER):
    _TO_POWERS[: _degree + 1, _degree] = leg2poly([0.0] * _degree + [1.0])
_POWERS = _TO_POWERS @ _COEFFICIENTS
"""Matrix that maps the values of a polynomial at the nodes to its coefficients of powers."""

_BELOW = _integrals(_LEGENDRE).T @ _COEFFICIENTS
"""Matrix that maps the values of a polynomial at the nodes to its integrals from -1 to them."""
_ABOVE = _BELOW[::-1, ::-1].copy()

_STARTS = (-1.0) ** _DEGREES / (_DEGREES + 1.0)
"""Vector that maps coefficients of powers to the primitive at -1, times -1."""

_NEWTON_STEPS = 4

_LARGEST_LOG = 700.0

REDUCED_ORDER = 6
REDUCED_NODES, REDUCED_WEIGHTS = sc.roots_legendre(REDUCED_ORDER)
_TO_REDUCED = sc.eval_legendre(_DEGREES[:, None], REDUCED_NODES).T @ _COEFFICIENTS
"""Matrix that maps the values at all nodes to the values at the reduced nodes."""


def _contiguous(values: Any, dtype: Any = float) -> Any:
    return np.ascontiguousarray(values, dtype)


class Grid:
    """Densities of several numbers at common nodes, with both tails of each number.

    The tails are sums of positive integrals over panels, so they have the relative precision
    of the densities. There are m comparisons of k numbers each, and n nodes in each comparison.

    Parameters
    ----------
    densities
        The log densities of all numbers.
    edges
        The ends of the panels of each comparison.

    Attributes
    ----------
    edges
        The ends of the panels, of shape (m, panels + 1).
    weights
        Weights of the nodes in integrals over the coordinate, of shape (m, n).
    x, log_x, slope
        The numbers at the nodes, relative to an origin; their logarithms, if they are positive; and
        their derivatives with respect to the coordinate; of shape (m, n).
    cells
        The first three arguments of `interpolate`.
    density, below, above
        Density with respect to the coordinate, P(X <= x) and P(X > x) of each number at each node,
        of shape (m, k, n).
    """

    def __init__(self, densities: Densities, edges: Sequence[list[float]]) -> None:
        self.coordinate, self._origin = densities.coordinate, densities.origin
        most = max(map(len, edges))
        # comparisons that need fewer panels are padded with panels of width 0
        self.edges: Array = np.array([each + each[-1:] * (most - len(each)) for each in edges])
        half = np.diff(self.edges, axis=1) / 2.0
        self._middle = (self.edges[:, 1:] + self.edges[:, :-1]) / 2.0
        u = self.at_nodes(NODES)
        self.weights: Array = (half[:, :, None] * WEIGHTS).reshape(len(half), -1)
        self.x, self.log_x = self.coordinate.point(u), self.coordinate.log_point(u)
        self.slope: Array = np.exp(np.minimum(self.coordinate.log_slope(u), _LARGEST_LOG))
        rows = np.exp(densities.log(np.repeat(u, densities.numbers, axis=0)))
        self.density: Array = rows.reshape(len(half), densities.numbers, -1)
        halves, whole = self.integrate(self.density)
        inner, outer = (
            np.minimum(np.maximum(halves[:, :, None] * (self._panels @ matrix.T), 0.0), whole)
            for matrix in (_BELOW, _ABOVE)
        )
        shape = self.density.shape
        self.below: Array = (self._before.reshape(whole.shape) + inner).reshape(shape)
        self.above: Array = (self._after.reshape(whole.shape) + outer).reshape(shape)

    def integrate(self, density: Array) -> tuple[Array, Array]:
        """Compute the polynomials and masses of the panels for some numbers.

        Return half the width of each panel, and the masses of each panel.
        """
        half = np.diff(self.edges, axis=1) / 2.0
        m, n = half.shape
        self.numbers = k = density.shape[1]
        panels = density.reshape(m * k, n, ORDER)
        # one row for each number and panel
        powers = (panels @ _POWERS.T).reshape(-1, ORDER)
        halves = np.repeat(half, k, axis=0)
        self._half = halves.ravel()
        whole = panels @ WEIGHTS * halves
        self._whole: Array = whole.ravel()
        zero = np.zeros((m * k, 1))
        before = np.concatenate([zero, np.cumsum(whole, axis=1)[:, :-1]], axis=1)
        after = np.concatenate([np.cumsum(whole[:, :0:-1], axis=1)[:, ::-1], zero], axis=1)
        self._before, self._after = before.ravel(), after.ravel()
        parts = np.stack([powers @ _STARTS, self._whole, self._before, self._after], axis=1)
        self.cells: tuple[Any, Any, Any] = self.edges, powers, parts
        self._panels = panels
        return halves, whole[:, :, None]

    def with_best_of_others(self, better: str) -> Grid:
        """Return a grid with further rows: for each number, the best of all other numbers.

        The `density`, `below` and `above` of this grid contain the numbers only.
        """
        tails = self.below if better == "higher" else self.above
        best = density_of_best(self.density, tails)
        return self.with_more(best)

    def with_more(self, density: Array) -> Grid:
        """Return a grid that has, after the numbers, further ones with these densities.

        The `density`, `below` and `above` of this grid contain the numbers only.
        """
        found = copy.copy(self)
        for name in ("few", "extents"):
            found.__dict__.pop(name, None)
        found.integrate(np.concatenate([self.density, density], axis=1))
        return found

    def at_nodes(self, nodes: Array) -> Array:
        """Return the coordinates of the nodes of all panels, of shape (m, n)."""
        half = np.diff(self.edges, axis=1) / 2.0
        return (self._middle[:, :, None] + half[:, :, None] * nodes).reshape(len(half), -1)

    def main_edges(self, rows: Any, negligible: float) -> tuple[Array, Array, Array]:
        """Return the ends of the panels of some numbers, of shape (r, panels + 1).

        The other results, of shape (r, 1), are the first and the last end of the panels whose share
        of the mass is not negligible.
        """
        masses = self._whole.reshape(len(self._panels), -1)[rows]
        kept = masses > negligible * masses.sum(axis=1, keepdims=True)
        first, last = kept.argmax(axis=1), kept.shape[1] - kept[:, ::-1].argmax(axis=1)
        edges, every = self.edges[rows // self.numbers], np.arange(len(rows))
        return edges, edges[every, first][:, None], edges[every, last][:, None]

    @cached_property
    def few(self) -> tuple[Array, Array]:
        """Reduced nodes: coordinates, of shape (m, n), and masses, of shape (m * k, n)."""
        masses = (self._panels @ _TO_REDUCED.T) * (
            self._half.reshape(len(self._panels), -1, 1) * REDUCED_WEIGHTS
        )
        return self.at_nodes(REDUCED_NODES), np.maximum(masses.reshape(len(masses), -1), 0.0)

    @cached_property
    def extents(self) -> tuple[Array, Array, Array, Array, Any]:
        """Where the mass of each number is not negligible, of shape (m * k,).

        The first and last coordinate, the mean and the standard deviation of the coordinate, and
        the number of reduced nodes.
        """
        u, masses = self.few
        own = np.repeat(u, self.numbers, axis=0)
        kept = masses > NEGLIGIBLE * masses.max(axis=1, keepdims=True)
        index = np.arange(len(masses))
        low, high = own[index, kept.argmax(axis=1)], own[index, -1 - kept[:, ::-1].argmax(axis=1)]
        return low, high, *place(own, masses), kept.sum(axis=1)

    def all(self) -> tuple[Array, Array]:
        """Return all nodes: coordinates, of shape (m, n), and masses, of shape (m * k, n)."""
        shape = len(self.edges), self.numbers, -1
        masses = self._panels.reshape(shape) * self.weights[:, None]
        return self.at_nodes(NODES), masses.reshape(len(self._panels), -1)

    def locate(self, values: Array, *, log: bool) -> tuple[Array, Array]:
        """Return the coordinates of numbers, or of the numbers with these logarithms.

        The second result contains the derivatives of the numbers with respect to the coordinate.
        """
        return self.coordinate.locate_log(values) if log else self.coordinate.locate(values)

    def tails(self, rows: Any, u: Array) -> Array:
        """Return P(X <= x), P(X > x) and the density of some numbers, each at its own coordinates.

        The results are interpolated by polynomials within a panel; outside the panels, the tails
        are 0 or 1.

        Parameters
        ----------
        rows
            The numbers: an index for each row of coordinates, of length r.
        u
            Coordinates, of shape (r, n).
        """
        found: Array = interpolate(*self.cells, _contiguous(rows, np.int64), _contiguous(u))
        return found

    def mean_tails(self, rows: Any, u: Array, mass: Array, slope: Array) -> Array:
        """Return weighted sums of tails and of densities of a function, of shape (3, r).

        Parameters
        ----------
        rows, u
            As in `tails`.
        mass, slope
            The weight of each coordinate, and the derivative of the function; of shape (r, n).
        """
        found: Array = interpolate(
            *self.cells,
            _contiguous(rows, np.int64),
            _contiguous(u),
            _contiguous(mass),
            _contiguous(slope),
        )
        return found

    def quantiles(self, q: Any) -> Array:
        """Return quantiles of all numbers, of shape (m * k, q).

        The probabilities are of shape (q,), or (m * k, q). Quantiles are found by Newton's method
        between two nodes.
        """
        u = np.repeat(self.at_nodes(NODES), self.numbers, axis=0)
        below, above = (each.reshape(u.shape) for each in (self.below, self.above))
        q = np.asarray(q)
        rows, wanted = np.arange(len(u)), np.broadcast_to(q, (len(u), q.shape[-1]))
        lower = wanted < 0.5
        last = np.stack(
            [
                np.where(p[:, None] < 0.5, below < p[:, None], above > 1.0 - p[:, None]).sum(axis=1)
                for p in wanted.T
            ],
            axis=1,
        )
        last = np.clip(last, 1, u.shape[1] - 1)
        low, high = u[rows[:, None], last - 1], u[rows[:, None], last]
        found = low + (high - low) / 2.0
        for _ in range(_NEWTON_STEPS):
            tails = self.tails(rows, found)
            short = np.where(lower, wanted - tails[0], tails[1] - (1.0 - wanted))
            with np.errstate(all="ignore"):
                step = short / tails[2]
            found = np.clip(found + np.where(np.isfinite(step), step, 0.0), low, high)
        points: Array = self.coordinate.point(found.reshape(len(self.edges), -1))
        points = points + self._origin[:, None]
        return points.reshape(found.shape)
