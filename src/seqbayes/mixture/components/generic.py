"""Components of any family, computed with the formulas and the statistics of its states."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import Any

import numpy as np

from seqbayes.errors import PriorError, SeqbayesError
from seqbayes.mixture.components.adapter import ComponentAdapter
from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.components.rows import Row, RowReader
from seqbayes.state import State


class GenericReader(RowReader):
    """Reads an observation as its contribution to the sufficient statistic of a family.

    Parameters
    ----------
    at
        Position in a row of the first number that this reader writes.
    state
        A state of the family.
    """

    def __init__(self, at: int, state: State) -> None:
        super().__init__(at, len(state.new_statistics().dump()) + 1)
        self._state = state

    def read(self, x: Any, row: Row) -> int:
        """Write the log base measure and the sums of one observation into a row."""
        one = self._state.observe(x)
        row.array[self.at : self.at + self.size] = (one.log_base, *one.numbers())
        return 0

    def vectors(self, rows: Any) -> Any:
        """Return the sums."""
        return rows[:, self.at + 1 : self.at + self.size]


class GenericKernel(Kernel):
    """A component of any family, computed with the formulas and the statistics of its states.

    The statistic consists of the expected share, and the sums of the family's statistic. The
    parameter is the posterior mode, or the mean if there is no mode.

    Parameters
    ----------
    at
        Position in a row of this kernel's first number.
    state
        The component's prior.
    """

    def __init__(self, at: int, state: Any) -> None:
        self._one, self._sums = state.new_statistics(), state.new_statistics()
        super().__init__(at, len(self._one.dump()) + 1)
        self._state, self._prior = state, state.prior
        self._theta: Any = None
        self.m_step(0.0)

    def _load(self, numbers: Any) -> Any:
        self._sums.load(tuple(numbers[1:].tolist()))
        return self._sums

    def _add(self, numbers: Any, keep: float, others: Any, gain: float, share: float) -> None:
        """Scale the sums in `numbers` by `keep`, and add other sums times `gain`."""
        sums = self._load(numbers)
        sums.scale(keep)
        self._one.load(tuple(others.tolist()))
        self._one.scale(gain)
        sums.merge(self._one)
        numbers[0] = keep * numbers[0] + gain * share
        numbers[1:] = sums.numbers()

    def _term(self, row: Row) -> Any:
        return row.array[self.at : self.at + len(self.live)]

    def log_density(self, row: Row) -> float:
        """Return the log density of a row."""
        log_base, *sums = self._term(row).tolist()
        if log_base != log_base:
            return 0.0
        if self._theta is None:
            return -1e300
        self._one.load(tuple(sums))
        theta = self._state.observation_parameter(self._theta)
        found = float(self._state.log_likelihood(theta, self._one.value)) + log_base
        return found if found > -1e300 else -1e300

    def learn(self, row: Row, keep: float, gain: float) -> int:
        """Update the running average of the statistic with a row."""
        term = self._term(row)
        if term[0] != term[0]:
            self._add(self.live, keep, np.zeros(len(term) - 1), 0.0, 0.0)
        else:
            self._add(self.live, keep, term[1:], gain, 1.0)
        return 0

    def average(self, step: float) -> int:
        """Update the average of the path with the current statistic."""
        self._add(self.averaged, 1.0 - step, self.live[1:], step, float(self.live[0]))
        return 0

    def m_step(self, n: float) -> int:
        """Set the parameter to the posterior mode."""
        sums = self._load(self.live)
        sums.scale(n)
        hyperparameters = self._state.combine(self._prior, sums.value)
        self._theta = None
        if self._state.is_proper(hyperparameters):
            belief = self._state.belief(hyperparameters)
            self._theta = belief.mode if belief.mode is not None else belief.mean
        return 0

    def set_parameter(self, parameter: Any) -> None:
        """Set the parameter."""
        self._theta = parameter

    @property
    def parameter(self) -> Any:
        """The parameter."""
        return self._theta

    @property
    def parameter_vector(self) -> list[float]:
        """The numbers of the parameter."""
        return [float(v) for v in np.ravel(self._theta)]

    def load_parameter_vector(self, numbers: list[float]) -> None:
        """Restore the parameter."""
        multiple = isinstance(self._theta, tuple)
        self._theta = type(self._theta)(*numbers) if multiple else numbers[0]

    @property
    def collapsed(self) -> bool:
        """Whether the parameter is undefined: the posterior has neither a mode nor a mean."""
        return self._theta is None

    def add_to(self, statistics: Any, n: float) -> None:
        """Add the current statistic, multiplied by `n`, to the statistics of a state."""
        sums = self._load(self.live)
        sums.scale(n)
        statistics.merge(sums)


class GenericAdapter(ComponentAdapter):
    """Adapter for families with a scalar parameter whose statistic can be scaled and merged."""

    def size(self, state: State) -> int:
        """Return the number of sums, plus one for the log base measure."""
        return len(state.new_statistics().dump()) + 1

    def reading(self, state: State) -> Hashable:
        """Return the family and the likelihood."""
        return (type(state).__name__, state.likelihood)

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of the sums."""
        return GenericReader(at, state)

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return a kernel that uses the formulas of the state."""
        return GenericKernel(at, state)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Validate a parameter, which must have a density, and return it."""
        if not math.isfinite(float(state.belief(state.prior).logpdf(theta))):
            raise PriorError(f"expected a value of the parameter, got {theta!r}")
        return theta


def check_generic(state: Any) -> None:
    """Raise an error if online EM cannot update the statistic of a state.

    Raises
    ------
    PriorError
        If the statistic cannot be scaled or merged, or does not consist of numbers.
    """
    statistics = state.new_statistics()
    try:
        statistics.scale(0.5)
        statistics.merge(state.new_statistics())
        valid = np.array(statistics.dump(), float).ndim == 1
        reason = "its statistic is not a list of numbers"
    except (SeqbayesError, NotImplementedError, TypeError, ValueError) as error:
        valid, reason = False, str(error)
    if not valid:
        raise PriorError(f"{type(state).__name__} cannot be a component of a mixture: {reason}")
