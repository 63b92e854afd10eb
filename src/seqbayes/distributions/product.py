"""The joint distribution of the independent parameters of named fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.distributions.joint import Joint
from seqbayes.errors import PriorError, UnsupportedError
from seqbayes.tables import by_field


class Product(Joint):
    """The joint distribution of independent parameters, given as a mapping from field to parameter.

    The density is the joint density of all fields, or of the fields that a mapping contains. Other
    methods return one result per field.
    """

    def __init__(self, marginals: Mapping[Any, Any]) -> None:
        self.marginals = dict(marginals)

    @property
    def mean(self) -> dict[Any, Any] | None:
        """Mean of each field's parameter."""
        return none_if_all_none({name: belief.mean for name, belief in self.marginals.items()})

    @property
    def var(self) -> dict[Any, Any] | None:
        """Variance of each field's parameter."""
        return none_if_all_none({name: belief.var for name, belief in self.marginals.items()})

    @property
    def mode(self) -> dict[Any, Any] | None:
        """Mode of each field's parameter."""
        return none_if_all_none({name: belief.mode for name, belief in self.marginals.items()})

    def interval(self, level: float, kind: str) -> dict[Any, Any]:
        """Return the interval of each field's parameter."""
        return {name: belief.interval(level, kind) for name, belief in self.marginals.items()}

    def logpdf(self, theta: Any) -> Any:
        """Return the log joint density."""
        return sum(belief.logpdf(value) for _, belief, value in self._given(theta))

    def _at(self, method: str, theta: Any) -> dict[Any, Any]:
        return {name: getattr(each, method)(value) for name, each, value in self._given(theta)}

    def _quantiles(self, method: str, q: Any, log: bool) -> dict[Any, Any]:
        return {name: getattr(each, method)(q, log) for name, each in self.marginals.items()}

    def _given(self, theta: Any) -> list[tuple[Any, Any, Any]]:
        named = by_field(theta, self.marginals, PriorError)
        return [(name, self.marginals[name], value) for name, value in named.items()]

    def entropy(self) -> Any:
        """Return the joint differential entropy, the sum over the fields."""
        return sum(belief.entropy() for belief in self.marginals.values())

    def kl(self, other: Product) -> Any:
        """Return the joint Kullback-Leibler divergence, the sum over the fields.

        Raises
        ------
        UnsupportedError
            If the fields differ.
        """
        if set(other.marginals) != set(self.marginals):
            raise UnsupportedError(f"expected the fields {list(self.marginals)}")
        return sum(each.kl(other.marginals[name]) for name, each in self.marginals.items())

    def sample(self, size: Any, rng: np.random.Generator) -> dict[Any, Any]:
        """Draw the parameters of all fields."""
        return {name: belief.sample(size, rng) for name, belief in self.marginals.items()}


def none_if_all_none(values: dict[Any, Any]) -> dict[Any, Any] | None:
    """Return the values keyed by field, or None if all of them are None."""
    return None if all(value is None for value in values.values()) else values
