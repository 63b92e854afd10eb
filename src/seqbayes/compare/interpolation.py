"""Tails of numbers, interpolated by polynomials within panels.

The module is compiled, and also runs as plain Python.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

Array = NDArray[np.float64]


@cython.boundscheck(False)
@cython.wraparound(False)
@cython.cdivision(True)
def interpolate(
    edges: cython.double[:, ::1],  # type: ignore[type-arg, valid-type]
    powers: cython.double[:, ::1],  # type: ignore[type-arg, valid-type]
    parts: cython.double[:, ::1],  # type: ignore[type-arg, valid-type]
    rows: cython.longlong[::1],  # type: ignore[type-arg, valid-type]
    u: cython.double[:, ::1],  # type: ignore[type-arg, valid-type]
    weights: cython.double[:, ::1] | None = None,  # type: ignore[type-arg, valid-type]
    slopes: cython.double[:, ::1] | None = None,  # type: ignore[type-arg, valid-type]
) -> Any:
    """Return P(X <= x), P(X > x) and the density of some numbers, each at its own coordinates.

    The result has shape (3, r, n). If weights are given, it has shape (3, r): the weighted sums
    over each row.

    Parameters
    ----------
    edges
        Ends of the panels of each comparison, of shape (m, panels + 1).
    powers
        Coefficients of the powers of the density, for each number and panel, on a scale from -1 to
        1; of shape (numbers * panels, powers).
    parts
        For each number and panel, the value of the primitive at the lower end, times -1; the mass
        of the panel, and the masses before and after the panel; of shape (numbers * panels, 4).
    rows
        The numbers: an index for each row of coordinates, of length r.
    u
        Coordinates, of shape (r, n).
    weights
        Weights of the coordinates, of shape (r, n).
    slopes
        Numbers by which the densities are divided in weighted sums, of shape (r, n).
    """
    if not cython.compiled:
        arrays = interpolate_arrays(*map(np.asarray, (edges, powers, parts, rows, u)))
        if weights is None:
            return arrays
        arrays[2] /= slopes
        return np.einsum("krn,rn->kr", arrays, weights)
    panels: cython.Py_ssize_t = edges.shape[1] - 1
    numbers: cython.Py_ssize_t = powers.shape[0] // (panels * edges.shape[0])
    order: cython.Py_ssize_t = powers.shape[1]
    r: cython.Py_ssize_t
    j: cython.Py_ssize_t
    i: cython.Py_ssize_t
    m: cython.Py_ssize_t
    p: cython.Py_ssize_t
    cell: cython.Py_ssize_t
    x: cython.double
    half: cython.double
    t: cython.double
    density: cython.double
    primitive: cython.double
    whole: cython.double
    weighted: cython.bint = weights is not None
    results = np.zeros((3, u.shape[0], 1 if weighted else u.shape[1]))
    found: cython.double[:, :, ::1] = results  # type: ignore[type-arg, valid-type]
    inverses: cython.double[::1] = 1.0 / np.arange(1.0, order + 1.0)  # type: ignore[type-arg, valid-type]
    for r in range(u.shape[0]):
        m = rows[r] // numbers
        p = 0
        for j in range(u.shape[1]):
            x = u[r, j]
            while p < panels - 1 and x >= edges[m, p + 1]:
                p += 1
            while p > 0 and x < edges[m, p]:
                p -= 1
            half = (edges[m, p + 1] - edges[m, p]) / 2.0
            t = 0.0
            if half > 0.0:
                t = (x - (edges[m, p + 1] + edges[m, p]) / 2.0) / half
                t = 1.0 if t > 1.0 else (-1.0 if t < -1.0 else t)
            cell = rows[r] * panels + p
            density = 0.0
            primitive = 0.0
            for i in range(order - 1, -1, -1):
                density = density * t + powers[cell, i]
                primitive = primitive * t + powers[cell, i] * inverses[i]
            whole = parts[cell, 1]
            primitive = half * (primitive * t + parts[cell, 0])
            primitive = 0.0 if primitive < 0.0 else (whole if primitive > whole else primitive)
            if not (edges[m, 0] < x < edges[m, panels]) or density < 0.0:
                density = 0.0
            if weighted:
                found[0, r, 0] += weights[r, j] * (parts[cell, 2] + primitive)
                found[1, r, 0] += weights[r, j] * (parts[cell, 3] + (whole - primitive))
                found[2, r, 0] += weights[r, j] * (density / slopes[r, j])
            else:
                found[0, r, j] = parts[cell, 2] + primitive
                found[1, r, j] = parts[cell, 3] + (whole - primitive)
                found[2, r, j] = density
    return results[:, :, 0] if weighted else results


def interpolate_arrays(edges: Array, powers: Array, parts: Array, rows: Any, u: Array) -> Array:
    """Return the result of `interpolate` without compilation."""
    panels, order = edges.shape[1] - 1, powers.shape[1]
    m = (rows // (len(powers) // (panels * len(edges))))[:, None]
    if len(edges) == 1:
        after = np.searchsorted(edges[0], u, side="right")
    else:
        after = np.stack(
            [
                np.searchsorted(edges[i], x, side="right")
                for i, x in zip(m.ravel().tolist(), u, strict=True)
            ]
        )
    panel = np.clip(after - 1, 0, panels - 1)
    cell = panel + (rows * panels)[:, None]
    low, high = edges[m, panel], edges[m, panel + 1]
    half = (high - low) / 2.0
    with np.errstate(all="ignore"):
        t = (u - (high + low) / 2.0) / half
    t = np.where(half > 0.0, np.clip(t, -1.0, 1.0), 0.0)
    density, primitive = np.zeros_like(t), np.zeros_like(t)
    for i in range(order - 1, -1, -1):
        terms = powers[:, i].take(cell)
        density = density * t + terms
        primitive = primitive * t + terms / (i + 1.0)
    start, whole, before, beyond = (part.take(cell) for part in parts.T)
    inner = np.clip(half * (primitive * t + start), 0.0, whole)
    inside = (edges[m, 0] < u) & (u < edges[m, -1])
    density = np.where(inside, np.maximum(density, 0.0), 0.0)
    return np.stack([before + inner, beyond + (whole - inner), density])
