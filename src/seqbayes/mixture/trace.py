"""The iterations of a fit by EM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, overload

import numpy as np
import numpy.typing as npt


class Iteration(NamedTuple):
    """One iteration of EM: parameters, and the E-step under them.

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
    """The raw values of an iteration: component values, log likelihood and log prior."""

    numbers: Any
    responsibilities: Any
    log_likelihood: float
    log_prior: float


class Interpreter(Protocol):
    """Converts the raw values of components to parameters, weights and counts."""

    def interpret(self, numbers: Any) -> tuple[Any, Any, Any]:
        """Return parameters, weights and counts."""


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
