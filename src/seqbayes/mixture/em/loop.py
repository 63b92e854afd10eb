"""EM on given rows: its iterations, and the model from which online EM continues."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt

from seqbayes.errors import PriorError
from seqbayes.mixture.components.background import FIRST_SHARE
from seqbayes.mixture.em.component_model import BACKGROUND_CONCENTRATION, ComponentModel
from seqbayes.mixture.em.documents import dump_engine, load_engine
from seqbayes.mixture.em.log_prior import LogPrior
from seqbayes.mixture.em.settings import Settings
from seqbayes.state import State

Array = npt.NDArray[np.float64]


class Iteration(NamedTuple):
    """One iteration of EM: the parameters, and the E-step under these parameters.

    Attributes
    ----------
    parameters : tuple
        The parameter of every component.
    weights : tuple of float
        The weight of every component.
    responsibilities : array (n, K) or None
        Probability that observation i comes from component k. None in all but the last iteration,
        unless `fit` was called with `keep_responsibilities`.
    counts : tuple
        The expected sufficient statistic of every component, summed over the observations.
    log_likelihood : float
        Log likelihood of all observations.
    log_prior : float
        Log prior density of parameters and learned weights, up to a constant.
    """

    parameters: tuple[Any, ...]
    weights: tuple[float, ...]
    responsibilities: Any
    counts: tuple[Any, ...]
    log_likelihood: float
    log_prior: float

    @property
    def log_posterior(self) -> float:
        """Log likelihood plus log prior, which EM increases."""
        return self.log_likelihood + self.log_prior


class Step(NamedTuple):
    """The raw values of an iteration: values of the components, log likelihood and log prior."""

    numbers: Any
    responsibilities: Any
    log_likelihood: float
    log_prior: float


class Interpreter(Protocol):
    """Converts the raw values of components to parameters, weights and counts."""

    def interpret(self, numbers: Any) -> tuple[Any, Any, Any]:
        """Return the parameters, weights and counts."""


class Iterations(Sequence[Iteration]):
    """A sequence of iterations that are built lazily from the stored values."""

    def __init__(self, steps: Sequence[Step], interpreter: Interpreter) -> None:
        self.steps, self._interpreter = tuple(steps), interpreter

    def __len__(self) -> int:
        return len(self.steps)

    @overload
    def __getitem__(self, index: int) -> Iteration: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Iteration]: ...
    def __getitem__(self, index: int | slice) -> Iteration | Sequence[Iteration]:
        if isinstance(index, slice):
            return Iterations(self.steps[index], self._interpreter)
        numbers, responsibilities, log_likelihood, log_prior = self.steps[index]
        parameters, weights, counts = self._interpreter.interpret(numbers)
        return Iteration(parameters, weights, responsibilities, counts, log_likelihood, log_prior)


@dataclass(frozen=True)
class Trace(Sequence[Iteration]):
    """The iterations of one fit; the first is the initial state, before any M-step.

    Attributes
    ----------
    names
        The components' names.
    iterations
        One `Iteration` for each iteration.
    converged
        Whether the last gain was below the tolerance.
    """

    names: tuple[Any, ...]
    iterations: Iterations
    converged: bool

    def __len__(self) -> int:
        return len(self.iterations)

    @overload
    def __getitem__(self, index: int) -> Iteration: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Iteration]: ...
    def __getitem__(self, index: int | slice) -> Iteration | Sequence[Iteration]:
        return self.iterations[index]

    def __iter__(self) -> Iterator[Iteration]:
        return iter(self.iterations)

    @property
    def log_likelihoods(self) -> npt.NDArray[np.float64]:
        """Log likelihood per iteration, starting with the initial state."""
        return np.array([step.log_likelihood for step in self.iterations.steps])

    @property
    def parameters(self) -> list[tuple[Any, ...]]:
        """The components' parameters per iteration, starting with the initial state."""
        return [step.parameters for step in self.iterations]

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """The components' weights per iteration, an array (iterations, K)."""
        return np.array([step.weights for step in self.iterations])

    def __str__(self) -> str:
        end = "converged" if self.converged else "stopped"
        first, last = self.iterations.steps[0], self.iterations.steps[-1]
        return (
            f"EM {end} after {len(self) - 1} iterations:"
            f" log likelihood {first.log_likelihood:.6f} → {last.log_likelihood:.6f}"
        )


class EMModel(ComponentModel):
    """A component model that EM fits to rows; see `ComponentModel` for the parameters."""

    def __init__(
        self, priors: Sequence[State], settings: Settings, ignore_unknown: bool = False
    ) -> None:
        super().__init__(priors, settings, ignore_unknown)
        self._log_prior: LogPrior | None = None

    def fit(
        self,
        rows: Array,
        names: Sequence[Any],
        iterations: int,
        tol: float,
        keep_responsibilities: bool,
    ) -> Trace:
        """Alternate E-steps and M-steps, from the current parameters, until convergence.

        The last step is an E-step, so that the parameters and weights are those of the last
        iteration.

        Raises
        ------
        PriorError
            If a component collapses onto a point, which a proper prior prevents.
        """
        w = np.ones(len(rows))
        self.engine.limit_influence(False)
        steps = [self._step(*self.e_step(rows, w))]
        converged = False
        while len(steps) <= iterations and not converged:
            self.m_step()
            self.check_collapsed(names)
            if not keep_responsibilities:
                steps[-1] = steps[-1]._replace(responsibilities=None)
            steps.append(self._step(*self.e_step(rows, w)))
            before, last = steps[-2:]
            gain = last.log_likelihood + last.log_prior - before.log_likelihood - before.log_prior
            # the log posterior can decrease if a posterior has no mode, and its mean is used
            # instead
            converged = tol > 0.0 and abs(gain) < tol * len(rows)
        self.engine.end_burn_in(self.engine.n, memory=self.engine.n)
        self.engine.limit_influence(self.settings.robust)
        reader = EMModel(self.priors, self.settings, self.ignore_unknown)
        return Trace(tuple(names), Iterations(steps, reader), converged)

    def _step(self, shares: Array, log_likelihood: float) -> Step:
        """Return the raw values of an iteration."""
        engine = self.engine
        leaves = [(leaf.live.copy(), leaf.parameter_vector) for leaf in engine.leaves()]
        numbers = engine.memory, engine.weights.tolist(), engine.live.copy(), leaves
        return Step(numbers, shares, log_likelihood, self.log_prior())

    def interpret(self, numbers: Any) -> tuple[Any, Any, Any]:
        """Return the parameters, the weights and the statistics of an iteration of a fit."""
        engine = self.engine
        engine.memory, engine.weights[:], engine.live[:], leaves = numbers
        for leaf, (live, parameter) in zip(engine.leaves(), leaves, strict=True):
            leaf.live[:] = live
            leaf.load_parameter_vector(parameter)
        counts = tuple(state.statistics.value for state in self.states(engine))
        weights = engine.weights[: len(self.priors)].tolist()
        return self.parameters(engine), tuple(weights), counts

    def e_step(self, rows: Array, w: Array, given: Array | None = None) -> tuple[Array, float]:
        """Return responsibilities and the log likelihood; run the E-step if none are given.

        The statistics are set to their expectations; the parameters do not change.
        """
        shares: Array
        if given is None:
            shares = np.zeros((len(rows), len(self.engine.kernels)))
        elif given.shape[1] < len(self.engine.kernels):  # no column for the background
            rest = np.full((len(rows), 1), FIRST_SHARE)
            shares = np.hstack([(1.0 - FIRST_SHARE) * given, rest])
        else:
            shares = given
        log_likelihood = self.engine.e_step(rows, w, shares, given is not None)
        self.invalidate()
        return shares, log_likelihood

    def m_step(self) -> None:
        """Set parameters and weights to the posterior mode, given the statistics."""
        self.engine.m_step()
        self.invalidate()

    def check_collapsed(self, names: Sequence[Any]) -> None:
        """Raise an error if a component has collapsed.

        Raises
        ------
        PriorError
            If a component has collapsed; the message names it.
        """
        for state, kernel, name in zip(self.priors, self.learning(self.engine), names, strict=True):
            if kernel.collapsed:
                raise PriorError(
                    f"component {name!r} collapsed: {state.prior} has neither a mode nor a mean"
                    " after these observations; use a proper prior"
                )

    def log_prior(self, relative: bool = False) -> float:
        """Return the log prior density of parameters and learned weights, up to a constant.

        Parameters
        ----------
        relative
            Whether to omit the normalising constant. This is faster, and sufficient to compare
            parameters of one model.
        """
        engine = self.engine
        kernels = self.learning(engine)
        if self._log_prior is None:
            self._log_prior = LogPrior(self._adapters, kernels, self.settings.weights)
        prior = self._log_prior
        density = prior.relative if relative else prior.log_density
        total = density(kernels, engine.weights[: len(kernels)])
        if self.settings.background:
            total += (BACKGROUND_CONCENTRATION - 1.0) * math.log(engine.weights[-1])
        return total

    def start_from(self, parameters: Sequence[Any]) -> None:
        """Set the components' parameters.

        Raises
        ------
        PriorError
            If a parameter is invalid.
        """
        pairs = zip(self._adapters, self.learning(self.engine), parameters, strict=True)
        for (state, adapter), kernel, theta in pairs:
            try:
                kernel.set_parameter(adapter.to_kernel(state, theta))
            except (TypeError, ValueError, KeyError, IndexError) as error:
                name = type(state).__name__
                raise PriorError(
                    f"cannot start a component of {name} from {theta!r}: {error}"
                ) from None

    def snapshot(self) -> list[Array]:
        """Return a copy of all current statistics."""
        return [self.engine.live.copy()] + [leaf.live.copy() for leaf in self.engine.leaves()]

    def restore(self, snapshot: Sequence[Any]) -> None:
        """Restore current statistics."""
        self.engine.live[:] = snapshot[0]
        for leaf, kept in zip(self.engine.leaves(), snapshot[1:], strict=True):
            leaf.live[:] = kept
        self.invalidate()

    # Pickles and JSON.

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (self.priors, self.settings, self.ignore_unknown, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return, as plain numbers and lists, everything that was learned."""
        return dump_engine(self.engine)

    def load(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `to_dict` returned, in a new model.

        Raises
        ------
        PriorError
            If the values do not match this model.
        """
        self.engine.limit_influence(self.settings.robust)
        load_engine(self.engine, learned)
        self.invalidate()


def _unpickle(priors: Any, settings: Settings, ignore_unknown: bool, learned: Any) -> EMModel:
    model = EMModel(priors, settings, ignore_unknown)
    model.load(learned)
    return model
