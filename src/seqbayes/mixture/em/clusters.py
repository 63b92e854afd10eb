# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""K-means clusters of vectors, which initialise components.

This module is plain Python that Cython compiles; it also runs uncompiled, but slower.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import INFINITY, log
else:
    from math import log

    INFINITY = math.inf

Array = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

# Constants of SplitMix64, and the number of bits of its numbers.
ADDEND = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
FACTOR = cython.declare(cython.ulonglong, 0xBF58476D1CE4E5B9)
LAST_FACTOR = cython.declare(cython.ulonglong, 0x94D049BB133111EB)
BITS = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)

MANY = 10
"""With more clusters than this, each centre is chosen from more candidates."""

BLUR = 0.02
"""Share of the weight of every vector that is distributed over all clusters."""

REFINEMENTS = 20
"""Number of k-means iterations from the centres found."""

LARGE_PRODUCT = 4_000_000
"""A matrix product with more multiplications than this uses several threads."""

REFERENCE_ROWS, CHUNK = 600, 256
"""Maximum number of rows to search for neighbours, and the number of rows per block."""


def row_keys(rows: Array) -> Keys:
    """Return a random key for each row, derived from its values and its position among equal rows.

    Draws that use these keys hardly change if rows are added, removed or reordered.
    """
    keys = np.zeros(len(rows), np.uint64)
    _mix_rows(np.ascontiguousarray(rows + 0.0).view(np.uint64), keys)
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    first = np.searchsorted(ordered, ordered)
    keys[order] += np.arange(len(rows), dtype=np.uint64) - first.astype(np.uint64)
    return _mixed(keys)


def _mixed(keys: Keys) -> Keys:
    """Return the keys with their bits mixed."""
    mixed = np.zeros(len(keys), np.uint64)
    _mix_rows(keys[:, None], mixed)
    return mixed


def _mix_rows(rows: Any, keys: Any) -> None:
    """Mix the bits of every key with those of each value of its row in turn (SplitMix64)."""
    table = cython.declare("unsigned long long[:, :]", rows)
    found = cython.declare("unsigned long long[::1]", keys)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    v: cython.ulonglong
    for i in range(table.shape[0]):
        v = cython.cast(cython.ulonglong, found[i])
        for j in range(table.shape[1]):
            v = ((v ^ cython.cast(cython.ulonglong, table[i, j])) + ADDEND) & BITS
            v = ((v ^ (v >> 30)) * FACTOR) & BITS
            v = ((v ^ (v >> 27)) * LAST_FACTOR) & BITS
            v ^= v >> 31
        found[i] = v


def some_of(keys: Keys, most: int) -> Any:
    """Return the ascending positions of at most `most` rows, chosen by their keys."""
    if len(keys) <= most:
        return slice(None)
    return np.sort(np.argpartition(keys, most)[:most])


def cluster(points: Array, w: Array, keys: Keys, k: int, rng: np.random.Generator) -> Array:
    """Return nearly one-hot responsibilities, of shape (n, k), from greedy k-means++.

    Every centre is the best of a few candidates.

    Parameters
    ----------
    points
        Vectors, of shape (n, d), on a common scale.
    w
        Weights, of shape (n,).
    keys
        Keys of the rows; equal keys have equal random numbers.
    k
        Number of clusters.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    """
    chances = w / w.sum()
    centres = points[_draw(chances, keys, 1, rng)]
    squared = np.ascontiguousarray(squared_distances(points, centres)[:, 0])
    candidates = 2 + int(math.log(k) * (1.0 if k <= MANY else 4.0))
    while len(centres) < k:
        distance = w * squared
        total = distance.sum()
        share = distance / total if 0.0 < total < math.inf else chances
        tried = _draw(share, keys, candidates, rng)
        best = _best_centre(points, w, squared, points[tried])
        centres = np.vstack([centres, points[tried[best]]])
    nearest = _refine(points, w, centres)
    # every cluster gets a small share of every vector, so that no component starts empty
    assignment: Array = (1.0 - BLUR) * np.eye(k)[nearest] + BLUR / k
    return assignment


def _draw(chances: Array, keys: Keys, size: int, rng: np.random.Generator) -> Any:
    """Draw distinct positions: those of the first events of Poisson processes with these rates.

    The time of an event depends only on its probability, its key and the state of `rng`.
    """
    times = np.empty(len(keys))
    _write_times(_mixed(keys ^ rng.integers(2**63, dtype=np.uint64)), chances, times)
    first = np.empty(min(size, len(times)), np.int64)
    _write_first(times, first)
    return first


def _write_times(keys: Any, chances: Any, times: Any) -> None:
    """Write the random event time of every key."""
    bits = cython.declare("unsigned long long[::1]", keys)
    rates = cython.declare("double[::1]", chances)
    found = cython.declare("double[::1]", times)
    i: cython.Py_ssize_t
    v: cython.double
    for i in range(found.shape[0]):
        v = bits[i] >> 11
        v = -log((v + 0.5) * 2.0**-53)
        found[i] = v / rates[i] if rates[i] > 0.0 else INFINITY


def _write_first(times: Any, first: Any) -> None:
    """Write the positions of the smallest times, in order; replace these times by -1."""
    found = cython.declare("double[::1]", times)
    positions = cython.declare("long long[::1]", first)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    best: cython.Py_ssize_t
    for j in range(positions.shape[0]):
        best = -1
        for i in range(found.shape[0]):
            if found[i] >= 0.0 and (best < 0 or found[i] < found[best]):
                best = i
        positions[j] = best
        found[best] = -1.0


def _best_centre(points: Any, w: Any, squared: Any, tried: Any) -> int:
    """Return the candidate with the smallest sum of distances, and update the distances."""
    distances = squared_distances(points, tried)
    table = cython.declare("double[:, ::1]", distances)
    weights = cython.declare("double[::1]", w)
    nearest = cython.declare("double[::1]", squared)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    best: cython.Py_ssize_t = 0
    v: cython.double
    least: cython.double = INFINITY
    for j in range(table.shape[1]):
        v = 0.0
        for i in range(table.shape[0]):
            v += weights[i] * min(table[i, j], nearest[i])
        if v < least:
            least = v
            best = j
    for i in range(table.shape[0]):
        nearest[i] = min(table[i, best], nearest[i])
    return int(best)


def _refine(points: Any, w: Any, centres: Any) -> Any:
    """Move the centres, of shape (k, d), by k-means; return the nearest centre of every point."""
    nearest = np.full(len(points), -1, np.int64)
    table = cython.declare("double[:, ::1]", points)
    weights = cython.declare("double[::1]", w)
    middle = cython.declare("double[:, ::1]", centres)
    assigned = cython.declare("long long[::1]", nearest)
    sums = cython.declare("double[:, ::1]", np.empty((len(centres), 1 + points.shape[1])))
    for _ in range(REFINEMENTS):
        if not _assign_nearest(table, middle, assigned):
            break
        _move_centres(table, weights, middle, assigned, sums)
    return nearest


@cython.cfunc
@cython.exceptval(check=False)
@cython.locals(table="double[:, ::1]", middle="double[:, ::1]", assigned="long long[::1]")
def _assign_nearest(table: Any, middle: Any, assigned: Any) -> cython.bint:
    """Write the nearest centre of every point; return whether one has changed."""
    changed: cython.bint = False
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    best: cython.Py_ssize_t
    v: cython.double
    total: cython.double
    least: cython.double
    for i in range(table.shape[0]):
        best = 0
        least = -1.0
        for k in range(middle.shape[0]):
            total = 0.0
            for j in range(table.shape[1]):
                v = table[i, j] - middle[k, j]
                total += v * v
            if k == 0 or total < least:
                least = total
                best = k
        if assigned[i] != best:
            assigned[i] = best
            changed = True
    return changed


@cython.cfunc
@cython.exceptval(check=False)
@cython.locals(
    table="double[:, ::1]",
    weights="double[::1]",
    middle="double[:, ::1]",
    assigned="long long[::1]",
    sums="double[:, ::1]",
)
def _move_centres(table: Any, weights: Any, middle: Any, assigned: Any, sums: Any) -> cython.void:
    """Move every centre that has points to their mean; `sums` is overwritten."""
    d: cython.Py_ssize_t = table.shape[1]
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    for k in range(middle.shape[0]):
        for j in range(d + 1):
            sums[k, j] = 0.0
    for i in range(table.shape[0]):
        k = assigned[i]
        sums[k, d] += weights[i]
        for j in range(d):
            sums[k, j] += weights[i] * table[i, j]
    for k in range(middle.shape[0]):
        if sums[k, d] > 0.0:
            for j in range(d):
                middle[k, j] = sums[k, j] / sums[k, d]


def squared_distances(points: Array, centres: Array) -> Array:
    """Return the squared distances, of shape (n, k), between points and centres."""
    if points.size * len(centres) <= LARGE_PRODUCT:
        few = np.empty((len(points), len(centres)))
        _measure(np.ascontiguousarray(points), np.ascontiguousarray(centres), few)
        return few
    squares: Array = (points * points).sum(axis=1)[:, None] + (centres * centres).sum(axis=1)
    distances: Array = np.maximum(squares - 2.0 * points @ centres.T, 0.0)
    return distances


def _measure(points: Any, centres: Any, distances: Any) -> None:
    """Write the squared distances between points and centres."""
    table = cython.declare("double[:, ::1]", points)
    middle = cython.declare("double[:, ::1]", centres)
    found = cython.declare("double[:, ::1]", distances)
    i: cython.Py_ssize_t
    j: cython.Py_ssize_t
    k: cython.Py_ssize_t
    v: cython.double
    total: cython.double
    for i in range(table.shape[0]):
        for k in range(middle.shape[0]):
            total = 0.0
            for j in range(table.shape[1]):
                v = table[i, j] - middle[k, j]
                total += v * v
            found[i, k] = total


def spread_out(n: int, most: int) -> Any:
    """Return at most `most` evenly spaced positions out of `n`."""
    return slice(None) if n <= most else np.linspace(0, n - 1, most).astype(int)


def without_outliers(points: Array, w: Array, share: float, ratio: float) -> Array:
    """Return weights that are 0 for points without near neighbours.

    The points of a cluster have near neighbours if the cluster has at least 2 % of all points.
    """
    reference = points[spread_out(len(points), REFERENCE_ROWS)]
    k = max(2, round(0.02 * len(reference)))
    if len(reference) <= k + 1:
        return w
    near = np.empty(len(points))
    for i in range(0, len(points), CHUNK):
        squares = squared_distances(points[i : i + CHUNK], reference)
        near[i : i + CHUNK] = np.partition(squares, k, axis=1)[:, k]
    usual = np.sort(near)[int((1.0 - share) * (len(near) - 1))]
    outlying = near > ratio**2 * usual
    kept: Array = np.where(outlying, 0.0, w)
    return kept if usual > 0.0 and kept.any() else w
