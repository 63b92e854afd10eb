"""The predictive density of a mixture: the weighted average of the components' densities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqbayes.mixture.components.predictive import ComponentPredictive, KernelPredictive
from seqbayes.mixture.components.rows import Row

if TYPE_CHECKING:
    from seqbayes.mixture.engine import Engine


class Predictive:
    """The predictive density of a mixture.

    Parameters
    ----------
    parts
        The predictive densities of the components.
    engine
        An engine of these components.
    width
        Length of a row.

    Attributes
    ----------
    engine
        The engine with the statistics for predictions.
    compiled
        Whether all components can compute their densities from rows.
    """

    def __init__(self, parts: Sequence[ComponentPredictive], engine: Engine, width: int) -> None:
        self._parts, self._own, self.engine = parts, engine, engine
        self.compiled = all(isinstance(part, KernelPredictive) for part in parts)
        self._row = Row(width)
        self._logs: list[float] = []

    def update(self, engine: Engine, after_m_step: bool) -> None:
        """Use the weights and the statistics of an engine.

        Parameters
        ----------
        after_m_step
            Whether the parameters come from an M-step with these statistics.
        """
        self.engine = engine
        if not after_m_step:
            self.engine = self._own
            self._own.copy_statistics(engine)
            self._own.m_step()
            self._own.weights[:] = engine.weights
        if self.compiled:
            return
        self._logs = [math.log(w) if w > 0.0 else -math.inf for w in engine.weights.tolist()]
        for part, kernel in zip(self._parts, self.engine.kernels, strict=True):
            part.update(kernel, engine.memory)

    def log_density(self, x: Any) -> float:
        """Return the log of the weighted average of the components' densities.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        if self.compiled:
            return float(self.engine.log_predictive(x))
        self.engine.reader.read(x, self._row)
        logs = [
            log + part.log_density(self._row, x)
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
