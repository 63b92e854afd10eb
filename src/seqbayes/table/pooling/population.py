"""The population from which the parameters of many keys are drawn.

A population is a distribution of the family. It is described by an unbounded location x (the log
odds of the mean, the log mean, or the mean) and a dispersion d > 0 (one over the square root of the
strength of a beta or of the shape of a gamma distribution, or the standard deviation of a normal
distribution). The logarithm of d is u. A family class declares its population as `population`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cache
from importlib import import_module
from typing import Any

from seqbayes.errors import PriorError
from seqbayes.state import State
from seqbayes.table.pooling.groups import PairCounts
from seqbayes.table.pooling.terms import Terms

Array = Any


class Population(ABC):
    """A population whose distributions are priors of one family; see the module docstring."""

    @abstractmethod
    def groups(self, state: State, statistic: Any) -> PairCounts:
        """Return the distinct statistics of the keys with data, and their counts."""

    @abstractmethod
    def terms(self, state: State, groups: PairCounts) -> Terms:
        """Return the log marginal likelihood of these statistics."""

    @abstractmethod
    def hyperparameters(self, state: State, x: Any, u: Any) -> Any:
        """Return the prior with a given location and log dispersion (numbers or arrays)."""

    @abstractmethod
    def location(self, theta: Array) -> Array:
        """Return the location of parameter values."""

    @abstractmethod
    def parameter(self, x: Array) -> Array:
        """Return the parameter values at locations."""

    @abstractmethod
    def log_slope(self, x: Array) -> Array:
        """Return the log of the derivative of the parameter with respect to the location."""

    @abstractmethod
    def log_hyperprior(self, x: Array) -> Array:
        """Return the log density of the hyperprior with respect to x and d, up to a constant."""


def population_of(state: State) -> Population:
    """Return the population that the family of a state declares.

    Raises
    ------
    PriorError
        If the family does not declare a population.
    """
    declared = type(state).population
    if declared is None:
        raise PriorError(
            f"the keys of a table of {type(state).__name__} beliefs cannot be pooled: expected a"
            " prior such as Beta, Gamma or Normal"
        )
    found: Population = _load(declared) if isinstance(declared, str) else declared
    return found


@cache
def _load(name: str) -> Any:
    """Import and return the object with the name ``module:object``."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
