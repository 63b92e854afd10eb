"""Where EM begins when nobody says: k-means++ on the sufficient statistics."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def seed_assignment(vectors: Array, k: int, rng: np.random.Generator) -> Array:
    """Return responsibilities (n, k), each row one-hot, from k-means++ and Lloyd's iterations.

    References
    ----------
    .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful seeding.
    """
    spread = vectors.std(axis=0)
    points = (vectors - vectors.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    centres = points[[rng.integers(len(points))]]
    while len(centres) < k:
        distance = _squared_distances(points, centres).min(axis=1)
        total = distance.sum()
        share = distance / total if total > 0.0 else None
        centres = np.vstack([centres, points[rng.choice(len(points), p=share)]])
    nearest = np.full(len(points), -1)
    for _ in range(20):
        assigned = _squared_distances(points, centres).argmin(axis=1)
        if np.array_equal(assigned, nearest):
            break
        nearest = assigned
        for j in range(k):
            if np.any(nearest == j):
                centres[j] = points[nearest == j].mean(axis=0)
    # a little of everything to everyone, so that no component starts empty
    assignment: Array = 0.9 * np.eye(k)[nearest] + 0.1 / k
    return assignment


def _squared_distances(points: Array, centres: Array) -> Array:
    distances: Array = ((points[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2)
    return distances
