"""The components of a mixture at work: rows to read, kernels to learn them, states to show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.errors import PriorError
from seqbayes.families import Dirichlet
from seqbayes.mixture import kernels, rows
from seqbayes.mixture.components import absorb, adapter
from seqbayes.mixture.engine import Engine
from seqbayes.mixture.predictive import Predictive
from seqbayes.mixture.seeding import seed_assignment
from seqbayes.mixture.settings import Settings
from seqbayes.mixture.steps import Constant, HalfLife, Power
from seqbayes.state import State

Array = npt.NDArray[np.float64]

# Passes of EM after which starts are compared.
_GLIMPSE = 8


class Working:
    """Kernels and readers for states that are the priors of the components.

    Where it is lenient, features that the priors do not name are passed over, and not refused.
    """

    def __init__(self, priors: Sequence[State], settings: Settings, lenient: bool = False) -> None:
        self.priors = tuple(priors)
        self.settings = settings
        self.lenient = lenient
        self._assemble()
        if lenient and isinstance(self.reader, rows.Vector):
            self.reader.lenient = True
        self.engine = self._engine()
        self._served: Engine | None = None
        self._stale = False
        self._predictive: Predictive | None = None
        self._predicting = False
        self._beliefs: list[Any] | None = None

    def _assemble(self) -> None:
        places: dict[Any, int] = {}
        size = 0
        for state in self.priors:
            key = adapter(state).reading(state)
            if key not in places:
                places[key], size = size, size + adapter(state).size(state)
        self.row = np.zeros(size)
        readers: dict[Any, rows.Reader] = {}
        for state in self.priors:
            key = adapter(state).reading(state)
            if key not in readers:
                readers[key] = adapter(state).reader(state, self.row, places[key])
        several = list(readers.values())
        self.reader = several[0] if len(several) == 1 else rows.Several(self.row, several)
        self._places = [places[adapter(state).reading(state)] for state in self.priors]

    def _engine(self) -> Engine:
        covariance, weights, step, average, burn_in = self.settings
        made = [
            adapter(state).kernel(state, self.row, at, covariance)
            for state, at in zip(self.priors, self._places, strict=True)
        ]
        _group(made, covariance)
        learned = isinstance(weights, Dirichlet)
        k = len(made)
        return Engine(
            self.row,
            self.reader,
            made,
            [1.0 / k] * k if learned else weights,
            weights.prior.alpha if learned else None,
            step,
            step.exponent if isinstance(step, Power) else 0.0,
            isinstance(step, (Constant, HalfLife)),
            average,
            burn_in,
        )

    # Reading observations.

    def rows(self, xs: Iterable[Any]) -> Array:
        """Return the rows (n, size) of many observations.

        Raises
        ------
        ObservationError
            If one is outside the support of a component; it says which.
        """
        table: Array = self.reader.read_all(xs, len(self.row))
        return table

    def vectors(self, table: Array) -> Array:
        """Return rows as vectors to cluster by."""
        found: Array = self.reader.vectors(table)
        return found

    # Where the components stand.

    def begin(self, parameters: Sequence[Any]) -> None:
        """Take the components' parameters to begin with."""
        for state, kernel, theta in zip(self.priors, self.engine.kernels, parameters, strict=True):
            try:
                kernel.begin(adapter(state).raw(state, theta))
            except (TypeError, ValueError, KeyError, IndexError) as error:
                name = type(state).__name__
                raise PriorError(
                    f"cannot start a {name} component from {theta!r}: {error}"
                ) from None

    def served(self) -> Engine:
        """Return an engine whose parameters are those that are served: of the averaged path."""
        engine = self.engine
        if self._stale or self._served is None or self._served.n != engine.n:
            served = self._served or self._engine()
            averaged = engine.averaging and engine.averaged > 0.0
            pairs = zip(self.leaves_of(served), self.leaves_of(engine), strict=True)
            for mine, theirs in pairs:
                mine.live[:] = theirs.averaged if averaged else theirs.live
            served.live[:] = engine.average if averaged else engine.live
            served.n, served.memory = engine.n, engine.memory
            if engine.n >= engine.burn_in:
                served.maximise()
            else:  # the start still holds
                for mine, theirs in zip(served.kernels, engine.kernels, strict=True):
                    mine.begin(theirs.parameter)
                served.weights[:] = engine.weights
            self._served, self._stale, self._predicting = served, False, False
        return self._served

    def forget_served(self) -> None:
        """Serve anew what the engine knows."""
        self._stale = True

    def log_predictive(self, x: Any) -> float:
        """Return the log predictive density of an observation.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component.
        """
        served = self.served()
        if self._predictive is None:
            self._predictive = Predictive(self.priors)
        if not self._predicting:
            self._predictive.update(served)
            self._predicting = True
        self.reader.read(x)
        return self._predictive.log_density(self.row.tolist(), x)

    @staticmethod
    def leaves_of(engine: Engine) -> list[Any]:
        """Return all kernels of an engine that hold statistics, in order."""
        return [leaf for kernel in engine.kernels for leaf in kernel.leaves()]

    def leaves(self) -> list[Any]:
        """Return all kernels that hold statistics, in order."""
        return self.leaves_of(self.engine)

    def responsibilities(self, table: Array) -> Array:
        """Return the responsibilities (n, K) for rows, under the parameters that are served."""
        served = self.served()
        shares = np.zeros((len(table), len(self.priors)))
        for i, values in enumerate(table):
            self.row[:] = values
            shares[i] = served.expect()[0]
        return shares

    def parameters(self, engine: Engine) -> tuple[Any, ...]:
        """Return the parameters of an engine's components."""
        return tuple(
            adapter(state).parameter(state, kernel.parameter)
            for state, kernel in zip(self.priors, engine.kernels, strict=True)
        )

    def states(self, engine: Engine) -> tuple[State, ...]:
        """Return the components as states that have learned what an engine expects of them."""
        learned = []
        for state, kernel in zip(self.priors, engine.kernels, strict=True):
            copy = state.clone()
            if engine.memory > 0.0:
                absorb(kernel, copy, engine.memory)
            learned.append(copy)
        return tuple(learned)

    # EM over rows at hand.

    def sweep(self, table: Array, w: Array, given: Array | None = None) -> tuple[Array, float]:
        """Take the E-step, or take responsibilities as given; return them and the log likelihood.

        Statistics are then those that are expected; parameters stay what they were.
        """
        for leaf in self.leaves():
            leaf.live[:] = 0.0
        self.engine.live[:] = 0.0
        shares = np.zeros((len(table), len(self.priors))) if given is None else given
        log_likelihood = self.engine.sweep(table, w, shares, given is not None)
        self.forget_served()
        return shares, log_likelihood

    def maximise(self) -> None:
        """Take the M-step."""
        self.engine.maximise()
        self.forget_served()

    def log_prior(self, parameters: Sequence[Any]) -> float:
        """Return the log prior density of parameters and learned weights, up to a constant."""
        if self._beliefs is None:
            self._beliefs = [
                state.belief(state.prior) if state.is_proper(state.prior) else None
                for state in self.priors
            ]
        total = 0.0
        for belief, theta in zip(self._beliefs, parameters, strict=True):
            if belief is not None:
                total += belief.logpdf(theta)
        weights = self.settings.weights
        if isinstance(weights, Dirichlet):
            total += weights.belief(weights.prior).logpdf(np.array(self.engine.weights))
        return total

    def seed(self, table: Array, w: Array, rng: np.random.Generator) -> None:
        """Begin with clusters of the rows."""
        given = seed_assignment(self.vectors(table), w, len(self.priors), rng)
        self.sweep(table, w, given)
        self.maximise()

    def fit_start(
        self, table: Array, w: Array, rng: np.random.Generator, restarts: int, passes: int
    ) -> None:
        """Begin with the best of several starts, by MAP-EM over the rows.

        All starts take a few passes; the best two of them go on until they gain no more.
        """
        found = []
        for _ in range(restarts if len(self.priors) > 1 else 1):
            self.seed(table, w, rng)
            found.append((self._climb(table, w, _GLIMPSE), self.snapshot()))
        found.sort(key=lambda each: -each[0])
        ends = []
        for _, start in found[:2]:
            self.restore(start)
            self.maximise()
            ends.append((self._climb(table, w, passes), self.snapshot()))
        self.restore(max(ends, key=lambda each: each[0])[1])
        self.maximise()

    def _climb(self, table: Array, w: Array, passes: int) -> float:
        """Take passes of MAP-EM until they gain no more; return the log posterior."""
        before = -math.inf
        for i in range(passes):
            _, log_likelihood = self.sweep(table, w)
            if abs(log_likelihood - before) < 1e-6 * len(table) or i == passes - 1:
                break
            before = log_likelihood
            self.maximise()
        reached = log_likelihood + self.log_prior(self.parameters(self.engine))
        self.maximise()
        return reached

    def snapshot(self) -> list[Array]:
        """Return a copy of all live statistics."""
        return [self.engine.live.copy()] + [leaf.live.copy() for leaf in self.leaves()]

    def restore(self, snapshot: Sequence[Any]) -> None:
        """Take live statistics back."""
        self.engine.live[:] = snapshot[0]
        for leaf, kept in zip(self.leaves(), snapshot[1:], strict=True):
            leaf.live[:] = kept
        self.forget_served()


def _group(made: Sequence[Any], covariance: str) -> None:
    """Tell Normal kernels of components, or of a feature of them, who they share theirs with."""
    if covariance != "tied":
        return
    if all(isinstance(kernel, kernels.Fields) for kernel in made):
        for parts in zip(*(kernel.parts for kernel in made), strict=True):
            _group(parts, covariance)
    elif all(isinstance(kernel, kernels.Gaussian) for kernel in made):
        for kernel in made:
            kernel.group = list(made)
