"""The predictive of a mixture: that of its components, in their shares."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from seqbayes import special
from seqbayes.distributions import MultivariateT
from seqbayes.families import NormalInverseGamma, NormalInverseWishart, Product
from seqbayes.mixture.components import absorb, is_logarithmic
from seqbayes.state import State
from seqbayes.statistics.moments import MomentStatistic
from seqbayes.statistics.scatter import ScatterStatistic
from seqbayes.tables import by_field

if TYPE_CHECKING:
    from seqbayes.mixture.working import Working

Density = Callable[[Any, Any], float]
"""Log predictive density of an observation, given as the row that was read of it, and as it is."""


class Predictive:
    """The components' predictive densities after what a mixture has learned so far.

    Parameters
    ----------
    working
        The mixture's components at work.
    """

    def __init__(self, working: Working) -> None:
        served = working.served()
        self._components = [
            (math.log(weight), _density(state, kernel, served.memory))
            for weight, state, kernel in zip(
                served.weights.tolist(), working.priors, served.kernels, strict=True
            )
            if weight > 0.0
        ]

    def log_density(self, row: Any, x: Any) -> float:
        """Return the log of the components' densities, averaged by their shares.

        Parameters
        ----------
        row
            The numbers that were read from the observation; NaN where nothing was seen.
        x
            The observation.
        """
        logs = [weight + density(row, x) for weight, density in self._components]
        top = max(logs)
        if not math.isfinite(top):
            return top
        return top + math.log(math.fsum(math.exp(v - top) for v in logs))


def _density(state: State, kernel: Any, n: float) -> Density:
    """Return the predictive density of a state that has learned what its kernel expects."""
    if isinstance(state, Product):
        return _fields(state, kernel, n)
    if isinstance(state, NormalInverseGamma):
        return _student(state, kernel, n)
    if isinstance(state, NormalInverseWishart):
        return _multivariate_student(state, kernel, n)
    return _general(state, kernel, n)


def _general(state: State, kernel: Any, n: float) -> Density:
    learned, at = state.clone(), kernel.at
    if n > 0.0:
        absorb(kernel, learned, n)

    def density(row: Any, x: Any) -> float:
        return 0.0 if math.isnan(row[at]) else learned.log_predictive(x)

    return density


def _fields(state: Product, kernel: Any, n: float) -> Density:
    fields = state.fields
    parts = [
        (name, _density(field, part, n))
        for (name, field), part in zip(fields.items(), kernel.parts, strict=True)
    ]

    def density(row: Any, x: Any) -> float:
        given = by_field(x, fields)
        return math.fsum(part(row, given[name]) for name, part in parts if name in given)

    return density


def _student(state: NormalInverseGamma, kernel: Any, n: float) -> Density:
    share, mean, scatter = kernel.live.tolist()
    seen = MomentStatistic(n * share, mean, 0.0, n * scatter)
    posterior = state.combine(state.prior, seen)
    if not state.is_proper(posterior):
        return _general(state, kernel, n)
    loc, kappa, alpha, beta = posterior
    spread, at = 2.0 * beta * (1.0 + 1.0 / kappa), kernel.at
    logarithm = is_logarithmic(state)
    constant = float(special.log_rising(alpha, 0.5)) - 0.5 * math.log(math.pi * spread)

    def density(row: Any, x: Any) -> float:
        v = row[at]
        if math.isnan(v):
            return 0.0
        gap = v - loc
        ratio = gap * gap / spread
        if ratio < math.inf:
            distance = math.log1p(ratio)
        else:
            distance = 2.0 * math.log(abs(gap)) - math.log(spread)
        log_density: float = constant - (alpha + 0.5) * distance
        return log_density - v if logarithm else log_density

    return density


def _multivariate_student(state: NormalInverseWishart, kernel: Any, n: float) -> Density:
    d = len(state.prior.mean)
    share, mean, lower = kernel.live[0], kernel.live[1 : 1 + d], kernel.live[1 + d :]
    scatter = np.zeros((d, d))
    scatter[np.tril_indices(d)] = n * lower
    scatter += np.tril(scatter, -1).T
    seen = ScatterStatistic(n * share, mean.copy(), np.zeros(d), scatter)
    posterior = state.combine(state.prior, seen)
    if not state.is_proper(posterior):
        return _general(state, kernel, n)
    student = posterior.observation()
    every = _vector_student(student)
    some = functools.lru_cache(maxsize=64)(lambda known: _vector_student(student.marginal(known)))
    at, end = kernel.at, kernel.at + d

    def density(row: Any, x: Any) -> float:
        values = row[at:end]
        known = tuple([i for i, v in enumerate(values) if not math.isnan(v)])
        if len(known) == d:
            return every(values)
        return some(known)([values[i] for i in known]) if known else 0.0

    return density


def _vector_student(student: MultivariateT) -> Callable[[list[float]], float]:
    """Return the log density of a distribution that will be asked often."""
    loc, half = student.loc, (student.df + len(student.loc)) / 2.0
    whitening = np.linalg.inv(student._factor) / student._size
    constant = student.logp(loc)

    def density(values: list[float]) -> float:
        z = whitening @ (np.array(values) - loc)
        return float(constant - half * math.log1p(float(z @ z) / student.df))

    return density
