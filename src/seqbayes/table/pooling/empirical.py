"""Empirical Bayes: the population that maximises the marginal likelihood of all keys."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.table.pooling.population import Population
from seqbayes.table.pooling.terms import Derivatives, Terms

Array = Any

_CANDIDATES = 15
_SAMPLED = 4096
"""Maximum number of groups from which the initial guess is made."""
_STEPS = 200
_TOLERANCE = 1e-10
"""The search ends when a step is smaller than this, in units of the coordinates."""
_FLAT = 1e-9
"""Relative change of the log likelihood that is attributed to rounding."""


def maximise(population: Population, state: Any, terms: Terms) -> tuple[float, float] | None:
    """Return the location and the log dispersion of the maximum; None if it does not exist.

    Newton's method starts from the best of several dispersions, determined from a subset of the
    groups if there are many. The result depends only on the groups.
    """
    groups = terms.groups
    if groups.counts.sum() < 2.0:
        return None
    sample = groups.thinned(_SAMPLED)
    few = terms if len(sample.counts) == len(groups.counts) else population.terms(state, sample)
    start = _first_guess(few)
    if start is None:
        return None
    found = _climb(few, *start)
    if few is terms:
        return found
    inside = min(max(found[1], terms.lowest), terms.highest)
    return _climb(terms, found[0], inside)


def _first_guess(terms: Terms) -> tuple[float, float] | None:
    """Return the best of several dispersions; None if the likelihood does not depend on them."""
    u = np.linspace(terms.lowest, terms.highest, _CANDIDATES)
    values = terms.values(np.full(len(u), terms.start), u)
    best = int(np.argmax(values))
    if values[best] - values.min() <= _FLAT * (1.0 + abs(values[best])):
        return None
    return terms.start, float(u[best])


def _climb(terms: Terms, x: float, u: float) -> tuple[float, float]:
    """Maximise by Newton's method, or in an ascent direction where the function is not concave."""
    units = np.array([terms.scale, 1.0])
    here = terms.derivatives(x, u)
    for _ in range(_STEPS):
        step = _step(here, units, u <= terms.lowest, u >= terms.highest)
        if np.abs(step).max() <= _TOLERANCE:
            break
        for _ in range(40):
            at = np.array([x, u]) + step * units
            at[1] = min(max(at[1], terms.lowest), terms.highest)
            there = terms.derivatives(float(at[0]), float(at[1]))
            if there.value >= here.value - 1e-13 * abs(here.value):
                break
            step = step / 2.0
        moved = max(abs(at[0] - x) / terms.scale, abs(at[1] - u))
        x, u, here = float(at[0]), float(at[1]), there
        if moved <= _TOLERANCE:
            break
    return x, u


def _step(at: Derivatives, units: Array, lowest: bool, highest: bool) -> Array:
    """Return Newton's step in units of the coordinates, at most one unit long."""
    gradient = at.gradient * units
    hessian = at.hessian * np.outer(units, units)
    if (lowest and gradient[1] < 0.0) or (highest and gradient[1] > 0.0):
        gradient[1] = 0.0
        hessian[0, 1] = hessian[1, 0] = 0.0
    sizes, vectors = np.linalg.eigh(hessian)
    bends = np.maximum(np.abs(sizes), 1e-12 * max(1e-300, float(np.abs(sizes).max())))
    step = vectors @ ((vectors.T @ gradient) / bends)
    length = float(np.abs(step).max())
    limited: Array = step if length <= 1.0 else step / length
    return limited
