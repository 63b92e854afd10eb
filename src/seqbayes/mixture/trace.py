"""What EM did, iteration by iteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt


class Iteration(NamedTuple):
    """Where EM stands: parameters, and the E-step that they give.

    Attributes
    ----------
    parameters : tuple
        The parameter of every component.
    weights : tuple of float
        The share of every component.
    responsibilities : array (n, K)
        Probability that observation i was made by component k.
    counts : tuple
        The expected sufficient statistic of every component, summed over the observations.
    log_likelihood : float
        Log likelihood of all observations.
    log_prior : float
        Log prior density of parameters and learned weights, up to a constant.
    """

    parameters: tuple[Any, ...]
    weights: tuple[float, ...]
    responsibilities: npt.NDArray[np.float64]
    counts: tuple[Any, ...]
    log_likelihood: float
    log_prior: float

    @property
    def log_posterior(self) -> float:
        """What EM climbs: log likelihood plus log prior."""
        return self.log_likelihood + self.log_prior


@dataclass(frozen=True)
class Trace(Sequence[Iteration]):
    """The iterations of one fit; the first is the start, before any M-step.

    Attributes
    ----------
    names
        The components' names.
    iterations
        One `Iteration` each.
    converged
        Whether the last gain was below the tolerance.
    """

    names: tuple[Any, ...]
    iterations: tuple[Iteration, ...]
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
        """Log likelihood per iteration, the start first."""
        return np.array([step.log_likelihood for step in self.iterations])

    @property
    def parameters(self) -> list[tuple[Any, ...]]:
        """The components' parameters per iteration, the start first."""
        return [step.parameters for step in self.iterations]

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """The components' shares per iteration, an array (iterations, K)."""
        return np.array([step.weights for step in self.iterations])

    def __str__(self) -> str:
        end = "converged" if self.converged else "stopped"
        last = self.iterations[-1]
        return (
            f"EM {end} after {len(self) - 1} iterations:"
            f" log likelihood {self[0].log_likelihood:.6f} → {last.log_likelihood:.6f}"
        )
