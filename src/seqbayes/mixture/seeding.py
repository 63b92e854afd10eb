"""Where EM begins when nobody says: k-means++ on what was seen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def seed_assignment(vectors: Array, w: Array, k: int, rng: np.random.Generator) -> Array:
    """Return responsibilities (n, k), each row one-hot but for a little, from k-means++.

    Parameters
    ----------
    vectors
        What was seen, (n, d); NaN stands for what was not, and is taken to be the mean.
    w
        Weights (n,).
    k
        How many clusters.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    """
    points = _standardise(vectors)
    chances = w / w.sum()
    centres = points[[rng.choice(len(points), p=chances)]]
    nearest_squared = np.full(len(points), np.inf)
    while len(centres) < k:
        to_last = _squared_distances(points, centres[-1:])[:, 0]
        nearest_squared = np.minimum(nearest_squared, to_last)
        distance = w * nearest_squared
        total = distance.sum()
        share = distance / total if total > 0.0 else chances
        centres = np.vstack([centres, points[rng.choice(len(points), p=share)]])
    nearest = np.full(len(points), -1)
    for _ in range(20):
        assigned = _squared_distances(points, centres).argmin(axis=1)
        if np.array_equal(assigned, nearest):
            break
        nearest = assigned
        mass = np.bincount(nearest, w, k)
        filled = mass > 0.0
        for i, column in enumerate(points.T):
            sums = np.bincount(nearest, w * column, k)
            centres[filled, i] = sums[filled] / mass[filled]
    # a little of everything to everyone, so that no component starts empty
    assignment: Array = 0.9 * np.eye(k)[nearest] + 0.1 / k
    return assignment


def _standardise(vectors: Array) -> Array:
    """Return the vectors with mean 0 and variance 1 in every coordinate that varies."""
    missing = np.isnan(vectors)
    seen = np.maximum((~missing).sum(axis=0), 1)
    origin = vectors[0] if not missing[0].any() else np.zeros(vectors.shape[1])
    points = np.where(missing, 0.0, vectors - origin)
    mean = points.sum(axis=0) / seen
    points = np.where(missing, 0.0, points - mean)
    largest = np.abs(points).max(axis=0)
    points = points / np.where(largest > 0.0, largest, 1.0)  # so that no square overflows
    spread = np.sqrt((points * points).sum(axis=0) / seen)
    standard: Array = points / np.where(spread > 0.0, spread, 1.0)
    return standard


def _squared_distances(points: Array, centres: Array) -> Array:
    distances: Array = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return distances
