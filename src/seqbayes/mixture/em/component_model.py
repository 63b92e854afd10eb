"""The components of a mixture: their priors, how they read observations, and their predictions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.distributions import Distribution
from seqbayes.families import Dirichlet
from seqbayes.mixture.components.adapter import VectorAdapter
from seqbayes.mixture.components.background import FIRST_SHARE, BackgroundKernel
from seqbayes.mixture.components.predictive import ComponentPredictive, KernelPredictive
from seqbayes.mixture.components.readers import ReaderGroup
from seqbayes.mixture.components.rows import Row, RowReader
from seqbayes.mixture.components.state_adapters import adapters_of
from seqbayes.mixture.em.documents import copy_parameters
from seqbayes.mixture.em.engine import Engine
from seqbayes.mixture.em.settings import Settings
from seqbayes.state import State

Array = npt.NDArray[np.float64]

BURN_IN_MEMORY, MEMORY_PER_FEATURE = 20.0, 4.0
"""Number of observations, per component or feature, that the first online step remembers."""

BACKGROUND_CONCENTRATION = 2.0
"""Dirichlet hyperparameter of the weight of a background, as if one observation came from it."""


class ComponentModel:
    """The components of a mixture: their priors, a reader of observations, and an engine.

    Parameters
    ----------
    priors
        The components' priors.
    settings
        The settings of the mixture.
    ignore_unknown
        Whether features that the priors do not name are ignored instead of causing an error.
    """

    def __init__(
        self, priors: Sequence[State], settings: Settings, ignore_unknown: bool = False
    ) -> None:
        as_components = tuple(state.as_component() for state in priors)
        same = all(mine is given for mine, given in zip(as_components, priors, strict=True))
        self.priors = tuple(priors) if same else as_components
        self.settings = settings
        self.ignore_unknown = ignore_unknown
        self._adapters = adapters_of(self.priors, settings.df)
        self.reader, self._offsets, self.width = self._make_reader()
        self.engine = self._make_engine()
        self._predicting: Engine | None = None
        self._predicting_at = -1.0
        self._predictive: Predictive | None = None
        self._predictive_at = -1.0

    def _make_reader(self) -> tuple[RowReader, list[int], int]:
        """Return a reader for all components, their offsets in a row, and the width of a row.

        Components that read observations in the same way share positions in a row.
        """
        readers: dict[Any, RowReader] = {}
        keys: dict[int, Any] = {}  # most components have the same prior
        width = 0
        for state, adapter in self._adapters:
            if id(state) in keys:
                continue
            key = keys[id(state)] = adapter.reading(state)
            if key not in readers:
                readers[key] = adapter.reader(state, width)
                width += adapter.size(state)
        several = list(readers.values())
        reader = several[0] if len(several) == 1 else ReaderGroup(several, width)
        reader.ignore_unknown(self.ignore_unknown)
        return reader, [readers[keys[id(state)]].at for state, _ in self._adapters], width

    def _make_engine(self) -> Engine:
        settings, k = self.settings, len(self.priors)
        places = zip(self._adapters, self._offsets, strict=True)
        kernels = [
            kernel
            for _, group in groupby(places, key=lambda place: id(place[0][0]))
            for kernel in self._new_kernels(list(group))
        ]
        if settings.covariance == "tied":
            kernels[0].tie(kernels)
        weights: Any = settings.weights
        concentration: Any = None
        if isinstance(weights, Dirichlet):
            weights, concentration = [1.0 / k] * k, weights.prior.alpha
        if settings.background:
            kernels.append(self._new_background())
            weights = [*((1.0 - FIRST_SHARE) * w for w in weights), FIRST_SHARE]
            given = [1.0] if concentration is None else concentration
            concentration = [*given, BACKGROUND_CONCENTRATION]
        return Engine(
            self.reader,
            kernels,
            self.width,
            weights,
            concentration,
            settings.step,
            settings.exponent,
            settings.fading,
            settings.average,
            settings.burn_in,
            settings.background,
            self._first_memory(),
        )

    def _new_kernels(self, places: Sequence[Any]) -> list[Any]:
        """Return the kernels of components with one prior."""
        (state, adapter), _ = places[0]
        kernels: list[Any] = adapter.kernels(
            state, [at for _, at in places], self.settings.covariance
        )
        return kernels

    def _first_memory(self) -> float:
        """Return the number of observations over which the first step of online EM averages."""
        full = self.settings.covariance in ("full", "tied")
        features = [a.size(s) for s, a in self._adapters if full and isinstance(a, VectorAdapter)]
        return len(self.priors) * max([BURN_IN_MEMORY, *(MEMORY_PER_FEATURE * d for d in features)])

    def _new_background(self) -> BackgroundKernel:
        state, adapter = self._adapters[0]
        size = adapter.size(state)
        return BackgroundKernel(self._offsets[0], size, state.likelihood.of_logarithm)

    def place_background(self, rows: Array) -> None:
        """Set the location and the scale of the background, if there is one, from rows."""
        if self.settings.background:
            self.engine.kernels[-1].place(self.reader.vectors(rows))
            self.invalidate()

    def learning(self, engine: Engine) -> list[Any]:
        """Return the kernels of an engine without the background."""
        kernels: list[Any] = engine.kernels[: len(self.priors)]
        return kernels

    # Reading observations.

    def row(self, x: Any) -> list[float]:
        """Return an observation as numbers.

        Raises
        ------
        ObservationError
            If the observation is outside the support of a component.
        """
        row = Row(self.width)
        self.reader.read(x, row)
        return row.tolist()

    def rows(self, xs: Iterable[Any]) -> Array:
        """Return many observations as an array of shape (n, width).

        Raises
        ------
        ObservationError
            If an observation is outside the support of a component; the message gives its position.
        """
        table: Array = self.reader.read_all(xs, self.width)
        return table

    # Predictions.

    def predicting(self) -> Engine:
        """Return the engine for predictions, with the averaged parameters if averaging is on."""
        if self._predicting is None:
            self._predicting = self._make_engine()
        found, engine = self._predicting, self.engine
        at = engine.last_change
        if self._predicting_at != at:
            found.copy_statistics(engine)
            found.memory = min(at, engine.memory)
            if engine.n > engine.burn_in:
                found.m_step()
            else:  # no M-step yet: use the parameters of the start or of `fit`
                copy_parameters(engine, found)
            self._predicting_at, self._predictive_at = at, -1.0
        return found

    def invalidate(self) -> None:
        """Discard cached predictions."""
        self._predicting_at = self._predictive_at = -1.0

    def responsibilities(self, rows: Array) -> Array:
        """Return responsibilities, of shape (n, K), under the parameters for predictions."""
        shares: Array = self.predicting().responsibilities_of(rows)
        return shares

    def log_densities(self, rows: Array, predictive: bool = False) -> tuple[Array, Array]:
        """Return log densities of rows under every component, of shape (n, K), and the weights.

        Parameters
        ----------
        predictive
            Whether the parameters are marginalised, which requires `predictive_is_compiled`.
        """
        engine = self._current_predictive().engine if predictive else self.predicting()
        return engine.log_densities_of(rows, predictive), engine.weights

    def log_predictive(self, x: Any) -> float:
        """Return the log predictive density of an observation.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        if self._predictive is None or self._predictive_at != self.engine.last_change:
            return self._current_predictive().log_density(x)
        return self._predictive.log_density(x)

    def predictive_is_compiled(self) -> bool:
        """Whether all components compute their predictive densities from rows."""
        return self._current_predictive().compiled

    def _current_predictive(self) -> Predictive:
        engine = self.predicting()
        if self._predictive is None:
            self._predictive = self.make_predictive()
        if self._predictive_at != self._predicting_at:
            self._predictive.update(engine, self.engine.n > self.engine.burn_in)
            self._predictive_at = self._predicting_at
        return self._predictive

    def make_predictive(self) -> Predictive:
        """Return a predictive density of these components."""
        engine = self._make_engine()
        pairs = zip(self._adapters, self.learning(engine), strict=True)
        parts = [adapter.predictive(state, kernel) for (state, adapter), kernel in pairs]
        if self.settings.background:
            parts.append(KernelPredictive())
        return Predictive(parts, engine, self.width)

    # Parameters and states.

    def parameters(self, engine: Engine) -> tuple[Any, ...]:
        """Return the parameters of an engine's components."""
        return self.to_parameters([kernel.parameter for kernel in self.learning(engine)])

    def to_parameters(self, raw: Sequence[Any]) -> tuple[Any, ...]:
        """Convert parameters of the kernels to those of the states."""
        pairs = zip(self._adapters, raw, strict=True)
        return tuple(adapter.parameter(state, each) for (state, adapter), each in pairs)

    def to_state_parameters(self, raw: Sequence[Any]) -> tuple[Any, ...]:
        """Convert parameters of the kernels to those of the states' likelihoods."""
        pairs = zip(self._adapters, raw, strict=True)
        return tuple(adapter.state_parameter(state, each) for (state, adapter), each in pairs)

    def distributions(self, engine: Engine) -> tuple[Distribution | None, ...]:
        """Return the predictive distributions of the components of an engine."""
        states = zip(self._adapters, self.states(engine), self.learning(engine), strict=True)
        return tuple(
            adapter.distribution(learned, kernel.parameter)
            for (_, adapter), learned, kernel in states
        )

    def sample(self, k: int, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw `n` observations from component k, given its parameter."""
        state, adapter = self._adapters[k]
        return adapter.sample(state, theta, rng, n)

    def states(self, engine: Engine, weights: Array | None = None) -> tuple[State, ...]:
        """Return the components as states, with the statistics of an engine.

        Parameters
        ----------
        weights
            Total weight of every component's observations; by default, the weight that the engine
            remembers.
        """
        learned = []
        for k, (state, adapter) in enumerate(self._adapters):
            copy, n = state.clone(), self.engine.memory
            if weights is not None:
                n = float(weights[k] / engine.live[k]) if engine.live[k] > 0.0 else 0.0
            if n > 0.0:
                adapter.add_statistics(engine.kernels[k], copy, n)
            learned.append(copy)
        return tuple(learned)

    def reads_like(self, other: ComponentModel) -> bool:
        """Whether another model has the same features and reads observations in the same way."""
        pairs = zip(self._adapters, other._adapters, strict=True)
        return all(mine.reading(a) == theirs.reading(b) for (a, mine), (b, theirs) in pairs)


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
