"""The predictive of a mixture: that of its components, in their shares."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqbayes.families import NormalInverseGamma, NormalInverseWishart, Product
from seqbayes.mixture.components import absorb, is_logarithmic
from seqbayes.numerics import special
from seqbayes.state import State
from seqbayes.statistics.moments import MomentStatistic
from seqbayes.statistics.scatter import ScatterStatistic
from seqbayes.tables import by_field

if TYPE_CHECKING:
    from seqbayes.mixture.engine import Engine


class Predictive:
    """The components' predictive densities after what a mixture has learned so far.

    Parameters
    ----------
    priors
        The components' priors.
    """

    def __init__(self, priors: Sequence[State]) -> None:
        self._parts = [_part(state) for state in priors]
        self._logs: list[float] = []

    def update(self, served: Engine) -> None:
        """Take what the components have learned."""
        weights = served.weights.tolist()
        self._logs = [math.log(weight) if weight > 0.0 else -math.inf for weight in weights]
        for part, kernel in zip(self._parts, served.kernels, strict=True):
            part.update(kernel, served.memory)

    def log_density(self, row: Any, x: Any) -> float:
        """Return the log of the components' densities, averaged by their shares.

        Parameters
        ----------
        row
            The numbers that were read from the observation; NaN where nothing was seen.
        x
            The observation.
        """
        logs = [
            log + part.log_density(row, x)
            for log, part in zip(self._logs, self._parts, strict=True)
            if log > -math.inf
        ]
        top = max(logs)
        if not math.isfinite(top):
            return top
        return top + math.log(math.fsum(math.exp(v - top) for v in logs))


class _Part:
    """The predictive density of a state: of whatever family, by its own `log_predictive`."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._at = 0

    def update(self, kernel: Any, n: float) -> None:
        """Take what a kernel expects the state to have learned from `n` observations."""
        self._at, self._learned = kernel.at, self._state.clone()
        if n > 0.0:
            absorb(kernel, self._learned, n)

    def log_density(self, row: Any, x: Any) -> float:
        """Return the log density of what the row holds at the state's place; 0 of nothing."""
        if math.isnan(row[self._at]):
            return 0.0
        return float(self._learned.log_predictive(x))


class _Fields(_Part):
    """A product: the sum over the fields that were seen."""

    def __init__(self, state: Any) -> None:
        self._fields = state.fields
        self._parts = {name: _part(field) for name, field in state.fields.items()}

    def update(self, kernel: Any, n: float) -> None:
        for part, each in zip(self._parts.values(), kernel.parts, strict=True):
            part.update(each, n)

    def log_density(self, row: Any, x: Any) -> float:
        given = by_field(x, self._fields)
        return math.fsum(self._parts[name].log_density(row, given[name]) for name in given)


class _Student(_Part):
    """A number, or the logarithm of one: Student's t in closed form."""

    def update(self, kernel: Any, n: float) -> None:
        share, mean, scatter = kernel.live.tolist()
        seen = MomentStatistic(n * share, mean, 0.0, n * scatter)
        loc, kappa, alpha, beta = self._state.combine(self._state.prior, seen)
        self._at, self._loc, self._half = kernel.at, loc, alpha + 0.5
        self._logarithm = is_logarithmic(self._state)
        self._spread = 2.0 * beta * (1.0 + 1.0 / kappa)
        self._height = float(special.log_rising(alpha, 0.5))
        self._height -= 0.5 * math.log(math.pi * self._spread)

    def log_density(self, row: Any, x: Any) -> float:
        v = row[self._at]
        if math.isnan(v):
            return 0.0
        gap = v - self._loc
        ratio = gap * gap / self._spread
        if ratio < math.inf:
            distance = math.log1p(ratio)
        else:
            distance = 2.0 * math.log(abs(gap)) - math.log(self._spread)
        log_density: float = self._height - self._half * distance
        return log_density - v if self._logarithm else log_density


class _VectorStudent(_Part):
    """A vector, of which some coordinates may not have been seen."""

    def __init__(self, state: Any) -> None:
        super().__init__(state)
        i, j = np.indices((len(state.prior.mean),) * 2)
        low, high = np.minimum(i, j), np.maximum(i, j)
        self._packed = high * (high + 1) // 2 + low  # in the lower triangle by rows

    def update(self, kernel: Any, n: float) -> None:
        d = len(self._state.prior.mean)
        share, mean, lower = kernel.live[0], kernel.live[1 : 1 + d], kernel.live[1 + d :]
        scatter = n * lower[self._packed]
        seen = ScatterStatistic(n * share, mean.copy(), np.zeros(d), scatter)
        student = self._state.combine(self._state.prior, seen).observation()
        self._places = slice(kernel.at, kernel.at + d)
        self._whole = student.scorer()
        self._some = functools.lru_cache(maxsize=64)(lambda seen: student.marginal(seen).scorer())

    def log_density(self, row: Any, x: Any) -> float:
        values = row[self._places]
        seen = tuple([i for i, v in enumerate(values) if not math.isnan(v)])
        if len(seen) == len(values):
            return float(self._whole(values))
        return float(self._some(seen)([values[i] for i in seen])) if seen else 0.0


def _part(state: State) -> _Part:
    """Return what has the predictive density of a state; states that are proper have it faster."""
    if isinstance(state, Product):
        return _Fields(state)
    if isinstance(state, NormalInverseGamma) and state.is_proper(state.prior):
        return _Student(state)
    if isinstance(state, NormalInverseWishart) and state.is_proper(state.prior):
        return _VectorStudent(state)
    return _Part(state)
