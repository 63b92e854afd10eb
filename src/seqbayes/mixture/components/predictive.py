"""Predictive densities of components."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from seqbayes.mixture.components.rows import Row
from seqbayes.state import State
from seqbayes.tables import by_field


class ComponentPredictive:
    """The interface of the predictive density of a component."""

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel, multiplied by `n` observations."""
        raise NotImplementedError

    def log_density(self, row: Row, x: Any) -> float:
        """Return the log density of an observation `x`; its row is given as well."""
        raise NotImplementedError


class StatePredictive(ComponentPredictive):
    """The predictive density of a component of any family, computed by `State.log_predictive`.

    Parameters
    ----------
    state
        The component's prior.
    add_statistics
        `ComponentAdapter.add_statistics` of the family's adapter.
    """

    def __init__(self, state: State, add_statistics: Callable[[Any, State, float], None]) -> None:
        self._state, self._add_statistics = state, add_statistics
        self._at = 0
        self._learned = state

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel, multiplied by `n` observations."""
        self._at, self._learned = kernel.at, self._state.clone()
        if n > 0.0:
            self._add_statistics(kernel, self._learned, n)

    def log_density(self, row: Row, x: Any) -> float:
        """Return the log density of an observation `x`, or 0 if it is missing."""
        if math.isnan(row.array[self._at]):
            return 0.0
        return float(self._learned.log_predictive(x))


class FieldsPredictive(ComponentPredictive):
    """The predictive density of independent fields: the product over the present fields.

    Parameters
    ----------
    fields
        The fields.
    parts
        The predictive density of each field, keyed by name.
    """

    def __init__(
        self, fields: Mapping[Any, State], parts: Mapping[Any, ComponentPredictive]
    ) -> None:
        self._fields, self._parts = fields, parts

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistics of the kernels of all fields."""
        for part, each in zip(self._parts.values(), kernel.parts, strict=True):
            part.update(each, n)

    def log_density(self, row: Row, x: Any) -> float:
        """Return the log density of the fields that are present."""
        given = by_field(x, self._fields)
        return math.fsum(
            self._parts[name].log_density(row, value)
            for name, value in given.items()
            if value is not None
        )


class KernelPredictive(ComponentPredictive):
    """The predictive density of a component, as computed by its kernel after an M-step."""

    def update(self, kernel: Any, n: float) -> None:
        """Use the statistic of a kernel."""
        self._kernel = kernel

    def log_density(self, row: Row, x: Any) -> float:
        """Return the log density of a row."""
        return float(self._kernel.log_predictive(row))
