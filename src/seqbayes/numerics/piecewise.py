"""Piecewise polynomials that replace a smooth function that is slow to compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_DEGREE = 15
_NODES = np.cos(np.pi * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
_COEFFICIENTS = (
    np.cos(np.pi * np.arange(_DEGREE + 1)[:, None] * (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1))
    * (np.where(np.arange(_DEGREE + 1) > 0, 2.0, 1.0) / (_DEGREE + 1))[:, None]
)
"""Matrix that maps the values of a polynomial at the nodes to its Chebyshev coefficients."""

_HALVINGS = 12

_BLOCK = 8192
"""Number of points that are computed at once, so that intermediate results stay in the cache."""


class Piecewise:
    """Polynomials in panels that agree with a function to about 13 digits.

    Parameters
    ----------
    function
        Takes an array and returns an array of the same shape.
    low, high
        The ends of the range.
    panels
        Number of panels of equal width at the start; they are halved where necessary.
    tolerance
        Largest size of the last coefficients, relative to the largest value in the panel or to 1.

    Attributes
    ----------
    ends
        The ends of the panels.

    Examples
    --------
    >>> sine = Piecewise(np.sin, 0.0, 10.0, 4)
    >>> bool(abs(sine(np.array([3.0])) - np.sin(3.0))[0] < 1e-12)
    True
    """

    def __init__(
        self,
        function: Callable[[Any], Any],
        low: float,
        high: float,
        panels: int = 8,
        tolerance: float = 2e-13,
    ) -> None:
        ends = np.linspace(low, high, panels + 1)
        left, right = ends[:-1], ends[1:]
        done: list[tuple[Any, Any, Any]] = []
        for halving in range(_HALVINGS + 1):
            middle, half = (left + right) / 2.0, (right - left) / 2.0
            values = function(middle[:, None] + half[:, None] * _NODES)
            found = values @ _COEFFICIENTS.T
            error = np.abs(found[:, -3:]).max(axis=1)
            good = error <= tolerance * np.maximum(1.0, np.abs(values).max(axis=1))
            if halving == _HALVINGS:
                good[:] = True
            done.append((left[good], right[good], found[good]))
            left, right, middle = left[~good], right[~good], middle[~good]
            if not len(left):
                break
            left, right = np.concatenate([left, middle]), np.concatenate([middle, right])
        starts, ends, found = (np.concatenate(each) for each in zip(*done, strict=True))
        order = np.argsort(starts)
        self._starts = starts[order]
        self.ends = np.append(self._starts, high)
        self._half = ((ends - starts) / 2.0)[order]
        # a row for each degree
        self._found = np.ascontiguousarray(found[order].T)

    def __call__(self, x: Any) -> Any:
        """Return the values at an array of points within the range."""
        points = np.ravel(x)
        found = np.empty(points.shape)
        for start in range(0, len(points), _BLOCK):
            block = slice(start, start + _BLOCK)
            found[block] = self._evaluated(points[block])
        return found.reshape(np.shape(x))

    def _evaluated(self, x: Any) -> Any:
        """Return the values at some points, computed with Clenshaw's recurrence."""
        panel = np.searchsorted(self._starts, x, side="right") - 1
        panel = np.clip(panel, 0, len(self._starts) - 1)
        t = (x - self._starts.take(panel)) / self._half.take(panel) - 1.0
        twice = 2.0 * t
        later, last = np.zeros_like(t), np.zeros_like(t)
        for row in self._found[:0:-1]:
            term = row.take(panel)
            term -= last
            term += twice * later
            later, last = term, later
        return self._found[0].take(panel) + t * later - last
