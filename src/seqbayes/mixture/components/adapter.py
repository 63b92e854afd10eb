"""The interface of adapters: how the states of a family become components of a mixture."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.components.rows import Reader
from seqbayes.mixture.predictive import ComponentPredictive
from seqbayes.state import State


class ComponentAdapter:
    """How the states of a family become components of a mixture.

    A subclass defines `size`, `reading`, `reader` and `kernel`, and `to_kernel` and `parameter` if
    the kernel's parameter has another form than the state's.
    """

    def size(self, state: State) -> int:
        """Return how many numbers of a row the kernel of a state reads."""
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
            Where in a row the kernel's numbers begin.
        covariance
            The shape of covariances; ignored by other than Normal components.
        """
        raise NotImplementedError

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return a parameter in the form that `Kernel.set_parameter` takes.

        Raises
        ------
        PriorError
            If the parameter is invalid.
        """
        return theta

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the parameter for `Kernel.parameter`."""
        return raw

    def add_statistics(self, kernel: Any, state: State, n: float) -> None:
        """Add the statistic of a kernel, counted for `n` observations, to a state."""
        kernel.add_to(state.statistics, n)

    def predictive(self, state: State) -> ComponentPredictive:
        """Return the predictive density of a component; by default that of its state."""
        return ComponentPredictive(state, self)
