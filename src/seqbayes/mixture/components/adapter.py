"""The interface of adapters: how the states of a family become components of a mixture."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, Self

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.components.predictive import ComponentPredictive, StatePredictive
from seqbayes.mixture.components.rows import RowReader
from seqbayes.state import State


class ComponentAdapter:
    """Lets a mixture use the states of a family as components.

    A subclass defines `size`, `reading`, `reader` and `kernel`, and `to_kernel` and `parameter` if
    the kernel's parameter has a different form from the state's.
    """

    df: float | None = None
    """Degrees of freedom of components with Student's t distribution; None for other components."""

    def size(self, state: State) -> int:
        """Return the number of values in a row that the kernel of a state reads."""
        raise NotImplementedError

    def reading(self, state: State) -> Hashable:
        """Return a key of how observations are read: states with the same key share a reader."""
        raise NotImplementedError

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of observations that writes from position `at` of a row."""
        raise NotImplementedError

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel of a component with a state as its prior.

        Parameters
        ----------
        at
            Position in a row of the kernel's first number.
        covariance
            The shape of covariances; only Normal components use it.
        """
        raise NotImplementedError

    def kernels(self, state: State, places: Sequence[int], covariance: str) -> list[Kernel]:
        """Return the kernels of several components with one prior, for their positions in a row."""
        return [self.kernel(state, at, covariance) for at in places]

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Convert a parameter to the form that `Kernel.set_parameter` expects.

        Raises
        ------
        PriorError
            If the parameter is invalid.
        """
        return theta

    def parameter(self, state: State, raw: Any) -> Any:
        """Convert `Kernel.parameter` to the parameter of the state."""
        return raw

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Convert `Kernel.parameter` to a parameter of the state's likelihood."""
        return self.parameter(state, raw)

    def log_prior(self, state: State, raw: Any) -> float:
        """Return the log prior density of a kernel's parameter."""
        return float(state.belief(state.prior).logpdf(self.parameter(state, raw)))

    def has_proper_prior(self, state: State, kernel: Any) -> bool:
        """Whether the prior of a component is proper, given its state or its kernel."""
        return state.is_proper(state.prior)

    def has_tails(self, state: State) -> bool:
        """Whether the component, or a part of it, can have Student's t distribution."""
        return False

    def with_tails(self, df: float) -> Self:
        """Return the adapter of components with Student's t distribution, where possible.

        Parameters
        ----------
        df
            The degrees of freedom; 0 if they are learned.
        """
        return self

    def distribution(self, learned: State, raw: Any) -> Distribution | None:
        """Return the predictive distribution of a component; None if it is improper.

        Parameters
        ----------
        learned
            The component as a state, with its statistics.
        raw
            The kernel's parameter.
        """
        return learned.predictive if learned.is_proper(learned.posterior) else None

    def sample(self, state: State, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw `n` observations, given the parameter that `parameter` returns."""
        return state.likelihood.sample(theta, rng, n)

    def add_statistics(self, kernel: Any, state: State, n: float) -> None:
        """Add the statistic of a kernel, multiplied by `n` observations, to a state."""
        kernel.add_to(state.statistics, n)

    def predictive(self, state: State, kernel: Any) -> ComponentPredictive:
        """Return the predictive density of a component; by default that of its state."""
        return StatePredictive(state, self.add_statistics)
