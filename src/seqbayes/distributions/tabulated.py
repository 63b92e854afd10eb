"""A table of a density that is slow to compute and of its tail probabilities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.numerics import sc
from seqbayes.numerics.piecewise import Piecewise

_FARTHEST, _DROP = 60.0, 200.0
"""Limits of the table: of its coordinate, and of the decrease of the log density."""

_COARSE = 161
"""Number of points from which the range is determined."""

_NODES, _WEIGHTS = sc.roots_legendre(16)


class DensityTable:
    """The log density of a number as a function of ``s = asinh((x - centre) / spread)``.

    Tail probabilities are sums of positive integrals over panels, with the relative precision of
    the density.

    Parameters
    ----------
    log_density
        Takes and returns an array.
    centre, spread
        Approximate mean and standard deviation.
    tolerance
        Precision of the log density.

    Examples
    --------
    >>> table = DensityTable(lambda x: -np.log1p(x * x) - np.log(np.pi), 0.0, 1.0)
    >>> below, above = table.tails(np.array([1.0]))
    >>> below.round(12), above.round(12)
    (array([0.75]), array([0.25]))
    """

    def __init__(
        self,
        log_density: Callable[[Any], Any],
        centre: float,
        spread: float,
        tolerance: float = 2e-13,
    ) -> None:
        self._log_density, self._centre, self._spread = log_density, centre, spread
        coarse = np.linspace(-_FARTHEST, _FARTHEST, _COARSE)
        logs = log_density(self._point(coarse))
        near = np.flatnonzero(logs > logs.max() - _DROP)
        low, high = (
            float(coarse[i]) for i in (max(near[0] - 1, 0), min(near[-1] + 1, _COARSE - 1))
        )
        self._table = Piecewise(
            lambda s: log_density(self._point(s)), low, high, tolerance=tolerance
        )
        self._ends = self._table.ends
        masses = self._integrals(self._ends[:-1], self._ends[1:])
        self._below = np.concatenate([[0.0], np.cumsum(masses)])
        self._above = np.concatenate([np.cumsum(masses[::-1])[::-1], [0.0]])

    def _point(self, s: Any) -> Any:
        return self._centre + self._spread * np.sinh(s)

    @property
    def range(self) -> tuple[float, float]:
        """The ends of the table."""
        return float(self._point(self._ends[0])), float(self._point(self._ends[-1]))

    def log(self, x: Any) -> Any:
        """Return the log density at an array of numbers."""
        s = np.arcsinh((x - self._centre) / self._spread)
        low, high = self._ends[0], self._ends[-1]
        inside = (low <= s) & (s <= high)
        found = self._table(np.clip(s, low, high))
        if not inside.all():
            found[~inside] = self._log_density(x[~inside])
        return found

    def tails(self, x: Any) -> tuple[Any, Any]:
        """Return P(X <= x) and P(X > x) at an array of numbers."""
        s = np.clip(np.arcsinh((x - self._centre) / self._spread), self._ends[0], self._ends[-1])
        panel = np.searchsorted(self._ends, s, side="right") - 1
        panel = np.clip(panel, 0, len(self._ends) - 2)
        below = self._below.take(panel) + self._integrals(self._ends.take(panel), s)
        above = self._above.take(panel + 1) + self._integrals(s, self._ends.take(panel + 1))
        return below, above

    def _integrals(self, low: Any, high: Any) -> Any:
        """Return the probabilities of intervals, each of which is within a panel."""
        half = (high - low) / 2.0
        s = ((high + low) / 2.0)[..., None] + half[..., None] * _NODES
        with np.errstate(under="ignore"):
            density = np.exp(self._table(s)) * np.cosh(s)
        return self._spread * half * (density @ _WEIGHTS)
