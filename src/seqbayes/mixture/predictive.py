"""The predictive density of a mixture: that of its components, weighted."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqbayes.numerics import special
from seqbayes.state import State
from seqbayes.statistics.moments import MomentStatistic
from seqbayes.statistics.scatter import ScatterStatistic
from seqbayes.tables import by_field

if TYPE_CHECKING:
    from seqbayes.mixture.adapters import ComponentAdapter
    from seqbayes.mixture.engine import Engine


class ComponentPredictive:
    """The predictive density of a component of any family, by `State.log_predictive`.

    Parameters
    ----------
    state
        The component's prior.
    adapter
        The adapter of its family.
    """

    def __init__(self, state: State, adapter: ComponentAdapter) -> None:
        self._state, self._adapter = state, adapter
        self._at = 0
        self._learned = state

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel, counted for `n` observations."""
        self._at, self._learned = kernel.at, self._state.clone()
        if n > 0.0:
            self._adapter.add_statistics(kernel, self._learned, n)

    def log_density(self, row: list[float], x: Any) -> float:
        """Return the log density of an observation; 0 if it is missing.

        Parameters
        ----------
        row
            The observation as numbers; NaN is a missing value.
        x
            The observation.
        """
        if math.isnan(row[self._at]):
            return 0.0
        return float(self._learned.log_predictive(x))


class FieldsPredictive(ComponentPredictive):
    """A product of fields: the sum over the fields that are present."""

    def __init__(
        self, state: Any, adapter: ComponentAdapter, parts: Mapping[Any, ComponentPredictive]
    ) -> None:
        super().__init__(state, adapter)
        self._fields, self._parts = state.fields, parts

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistics of the kernels of all fields."""
        for part, each in zip(self._parts.values(), kernel.parts, strict=True):
            part.update(each, n)

    def log_density(self, row: list[float], x: Any) -> float:
        """Return the log density of the fields that are present."""
        given = by_field(x, self._fields)
        return math.fsum(
            self._parts[name].log_density(row, value)
            for name, value in given.items()
            if value is not None
        )


class NormalPredictive(ComponentPredictive):
    """A number, or the logarithm of one: Student's t in closed form."""

    def __init__(self, state: Any, adapter: ComponentAdapter, logarithm: bool) -> None:
        super().__init__(state, adapter)
        self._logarithm = logarithm

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel."""
        share, mean, scatter = kernel.live.tolist()
        statistic = MomentStatistic(n * share, mean, 0.0, n * scatter)
        loc, kappa, alpha, beta = self._state.combine(self._state.prior, statistic)
        self._at, self._loc, self._half = kernel.at, loc, alpha + 0.5
        self._spread = 2.0 * beta * (1.0 + 1.0 / kappa)
        self._height = float(special.log_rising(alpha, 0.5))
        self._height -= 0.5 * math.log(math.pi * self._spread)

    def log_density(self, row: list[float], x: Any) -> float:
        """Return the log density of the number in a row."""
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


class VectorPredictive(ComponentPredictive):
    """A vector, some of whose values may be missing: a multivariate Student's t."""

    def __init__(self, state: Any, adapter: ComponentAdapter) -> None:
        super().__init__(state, adapter)
        i, j = np.indices((len(state.prior.mean),) * 2)
        low, high = np.minimum(i, j), np.maximum(i, j)
        self._packed = high * (high + 1) // 2 + low  # positions in the lower triangle by rows

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel."""
        state: Any = self._state
        d = len(state.prior.mean)
        share, mean, lower = kernel.live[0], kernel.live[1 : 1 + d], kernel.live[1 + d :]
        scatter = n * lower[self._packed]
        statistic = ScatterStatistic(n * share, mean.copy(), np.zeros(d), scatter)
        student = state.combine(state.prior, statistic).observation()
        self._slice = slice(kernel.at, kernel.at + d)
        self._complete = student.scorer()
        self._partial = functools.lru_cache(maxsize=64)(lambda at: student.marginal(at).scorer())

    def log_density(self, row: list[float], x: Any) -> float:
        """Return the log density of the values that are present in a row."""
        values = row[self._slice]
        present = tuple([i for i, v in enumerate(values) if not math.isnan(v)])
        if len(present) == len(values):
            return float(self._complete(values))
        return float(self._partial(present)([values[i] for i in present])) if present else 0.0


class Predictive:
    """The predictive density of a mixture.

    Parameters
    ----------
    parts
        The predictive densities of the components.
    """

    def __init__(self, parts: Sequence[ComponentPredictive]) -> None:
        self._parts = parts
        self._logs: list[float] = []

    def update(self, engine: Engine) -> None:
        """Use the weights and the statistics of an engine."""
        weights = engine.weights.tolist()
        self._logs = [math.log(weight) if weight > 0.0 else -math.inf for weight in weights]
        for part, kernel in zip(self._parts, engine.kernels, strict=True):
            part.update(kernel, engine.memory)

    def log_density(self, row: list[float], x: Any) -> float:
        """Return the log of the weighted average of the components' densities.

        Parameters
        ----------
        row
            The observation as numbers; NaN is a missing value.
        x
            The observation.
        """
        logs = [
            log + part.log_density(row, x)
            for log, part in zip(self._logs, self._parts, strict=True)
            if log > -math.inf
        ]
        return log_sum_exp(logs)


def log_sum_exp(logs: Sequence[float]) -> float:
    """Return the log of the sum of exponentials."""
    top = max(logs)
    if not math.isfinite(top):
        return top
    return top + math.log(math.fsum(math.exp(v - top) for v in logs))
