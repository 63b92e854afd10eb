"""The interface of adapters: how the states of a family become components of a mixture."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.components.rows import Reader
from seqbayes.mixture.predictive import ComponentPredictive
from seqbayes.state import State


class ComponentAdapter:
    """Lets a mixture use the states of a family as components.

    A subclass defines `size`, `reading`, `reader` and `kernel`, and `to_kernel` and `parameter` if
    the kernel's parameter has a different form from the state's.
    """

    def size(self, state: State) -> int:
        """Return the number of values in a row that the kernel of a state reads."""
        raise NotImplementedError

    def reading(self, state: State) -> Hashable:
        """Return a key of how observations are read: states with the same key share a reader."""
        raise NotImplementedError

    def reader(self, state: State, at: int) -> Reader:
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

    def add_statistics(self, kernel: Any, state: State, n: float) -> None:
        """Add the statistic of a kernel, multiplied by `n` observations, to a state."""
        kernel.add_to(state.statistics, n)

    def predictive(self, state: State) -> ComponentPredictive:
        """Return the predictive density of a component; by default that of its state."""
        return ComponentPredictive(state, self)
