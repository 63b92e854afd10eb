"""Adapters that let a mixture use the states of a family as components.

A family class declares its adapter as `component_adapter`: an instance of `ComponentAdapter`, the
name of an instance as ``"module:object"`` (imported on first use), or None if its states cannot be
components. The default, `GENERIC`, works for every family with scalar observations and a statistic
that can be scaled and merged; a specialised adapter is faster.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping
from functools import cache
from importlib import import_module
from typing import Any, Self

import numpy as np

from seqbayes.distributions import Distribution
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.components import discrete, readers
from seqbayes.mixture.components.adapter import (
    ComponentAdapter,
    KnownVarianceAdapter,
    NumberAdapter,
    VectorAdapter,
)
from seqbayes.mixture.components.generic import GenericAdapter, check_generic
from seqbayes.mixture.components.kernel import FieldsKernel, Kernel
from seqbayes.mixture.components.predictive import (
    ComponentPredictive,
    FieldsPredictive,
    KernelPredictive,
)
from seqbayes.mixture.components.rows import RowReader
from seqbayes.predictive.product import Product, rows
from seqbayes.state import State


def adapter_of(state: State) -> ComponentAdapter:
    """Return the adapter that the family of a state declares.

    Raises
    ------
    PriorError
        If states of this family cannot be components.
    """
    declared = type(state).component_adapter
    if declared is None:
        raise PriorError(
            f"{type(state).__name__} cannot be a component of a mixture:"
            f" {type(state).component_adapter_reason}"
        )
    found: ComponentAdapter = _load(declared) if isinstance(declared, str) else declared
    if found is GENERIC:
        check_generic(state)
    return found


@cache
def _load(name: str) -> Any:
    """Import and return the adapter with the name ``module:object``."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


# Beta and Gamma.


class PairAdapter(ComponentAdapter):
    """Adapter for Beta and Gamma priors, whose statistic is a pair of sums."""

    def __init__(self, beta: bool) -> None:
        self._beta = beta

    def size(self, state: State) -> int:
        """Return 3, for the two sums and the log base measure."""
        return 3

    def reading(self, state: State) -> Hashable:
        """Return the likelihood."""
        return state.likelihood

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of the sums."""
        return readers.PairReader(at, state.new_statistics())

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel for a probability or a rate."""
        first, second = state.prior
        return discrete.PairKernel(at, (first, second), self._beta)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Validate a probability or rate, and return it."""
        if self._beta:
            return check_parameter("probability", theta, open_low=False, high=1.0)
        return check_parameter("rate", theta)


# Categories, and products.


class LabelsAdapter(ComponentAdapter):
    """Adapter for Dirichlet priors, for categories or counts of categories."""

    def _is_count(self, state: Any) -> bool:
        return not state.likelihood.labelled

    def size(self, state: State) -> int:
        """Return 1 for a category; for counts, their number plus 1 for the log base measure."""
        return len(state.prior.alpha) + 1 if self._is_count(state) else 1

    def reading(self, state: Any) -> Hashable:
        """Return the categories and the likelihood."""
        return ("labels", tuple(state.categories), state.likelihood)

    def reader(self, state: Any, at: int) -> RowReader:
        """Return a reader of categories or counts."""
        if self._is_count(state):
            return readers.CountsReader(at, state)
        return readers.LabelReader(at, state.new_statistics())

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel for the shares of the categories."""
        return discrete.LabelsKernel(at, state.prior.alpha, self._is_count(state))

    def predictive(self, state: State, kernel: Any) -> ComponentPredictive:
        """Return the probability that the kernel computes, for categories with a proper prior."""
        if self._is_count(state) or not state.is_proper(state.prior):
            return super().predictive(state, kernel)
        return KernelPredictive()

    def to_kernel(self, state: Any, theta: Any) -> list[float]:
        """Return shares in the order of the categories."""
        categories = state.categories
        if not isinstance(theta, Mapping):
            theta = dict(zip(categories, theta, strict=True))
        if set(theta) != set(categories):
            raise PriorError(f"expected shares of {', '.join(map(repr, categories))}")
        shares = check_proportions({label: theta[label] for label in categories})
        return list(shares.values())

    def parameter(self, state: Any, raw: Any) -> Any:
        """Return the share of every category."""
        return dict(zip(state.categories, raw.tolist(), strict=True))


class FieldsAdapter(ComponentAdapter):
    """Adapter for products, in which each field uses the adapter of its family.

    Parameters
    ----------
    df
        Degrees of freedom of Student's t distribution for Normal fields; see the adapters of such
        fields.
    """

    def __init__(self, df: float | None = None) -> None:
        self.df = df

    def _fields(self, state: Any) -> list[tuple[Any, State, ComponentAdapter]]:
        pairs = adapters_of(state.fields.values(), self.df)
        return [(name, *pair) for name, pair in zip(state.fields, pairs, strict=True)]

    def has_tails(self, state: State) -> bool:
        """Whether a field can have Student's t distribution."""
        return any(adapter.has_tails(field) for _, field, adapter in self._fields(state))

    def with_tails(self, df: float) -> Self:
        """Return the adapter for products in which Normal fields have Student's t distribution."""
        return type(self)(df)

    def size(self, state: State) -> int:
        """Return the sum of the fields' sizes."""
        return sum(adapter.size(field) for _, field, adapter in self._fields(state))

    def reading(self, state: State) -> Hashable:
        """Return how observations are read: the keys of all fields."""
        return tuple((name, adapter.reading(field)) for name, field, adapter in self._fields(state))

    def reader(self, state: State, at: int) -> RowReader:
        """Return a reader of mappings of fields."""
        parts, place = {}, at
        for name, field, adapter in self._fields(state):
            parts[name] = adapter.reader(field, place)
            place += parts[name].size
        return readers.FieldsReader(at, parts)

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernels of the fields."""
        parts = []
        for _, field, adapter in self._fields(state):
            parts.append(adapter.kernel(field, at, covariance))
            at += adapter.size(field)
        return FieldsKernel(parts[0].at, parts)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return the parameters of the fields in order."""
        return [
            adapter.to_kernel(field, theta[name]) for name, field, adapter in self._fields(state)
        ]

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the parameter of every field, keyed by name."""
        return {
            name: adapter.parameter(field, part)
            for (name, field, adapter), part in zip(self._fields(state), raw, strict=True)
        }

    def state_parameter(self, state: State, raw: Any) -> Any:
        """Return the parameter of every field's likelihood, keyed by name."""
        return {
            name: adapter.state_parameter(field, part)
            for (name, field, adapter), part in zip(self._fields(state), raw, strict=True)
        }

    def log_prior(self, state: State, raw: Any) -> float:
        """Return the log prior density of the parameters of all fields."""
        fields = zip(self._fields(state), raw, strict=True)
        return math.fsum(adapter.log_prior(field, part) for (_, field, adapter), part in fields)

    def distribution(self, learned: Any, raw: Any) -> Distribution | None:
        """Return the product of the fields' predictive distributions; None if one is improper."""
        if self.df is None:
            return super().distribution(learned, raw)
        parts = zip(learned.parts().items(), self._fields(learned), raw, strict=True)
        found = {
            name: adapter.distribution(part, value)
            for (name, part), (_, _, adapter), value in parts
        }
        return None if None in found.values() else Product(found)

    def sample(self, state: State, theta: Any, rng: np.random.Generator, n: int) -> Any:
        """Draw observations of all fields."""
        if self.df is None:
            return state.likelihood.sample(theta, rng, n)
        fields = self._fields(state)
        return rows({name: each.sample(field, theta[name], rng, n) for name, field, each in fields})

    def add_statistics(self, kernel: Any, state: Any, n: float) -> None:
        """Add the statistics of all fields to a product."""
        statistics = state.statistics
        statistics.add_sums(n * float(kernel.live[0]))
        for part, (name, field, adapter) in zip(kernel.parts, self._fields(state), strict=True):
            learned = field.clone()
            adapter.add_statistics(part, learned, n)
            statistics.parts[name].merge(learned.statistics)

    def predictive(self, state: Any, kernel: Any) -> ComponentPredictive:
        """Return the product of the fields' predictive densities."""
        pairs = zip(self._fields(state), kernel.parts, strict=True)
        parts = {name: adapter.predictive(field, part) for (name, field, adapter), part in pairs}
        if all(isinstance(part, KernelPredictive) for part in parts.values()):
            return KernelPredictive()
        return FieldsPredictive(state.fields, parts)


BETA, GAMMA = PairAdapter(beta=True), PairAdapter(beta=False)
NORMAL_KNOWN_VARIANCE = KnownVarianceAdapter()
NORMAL = NumberAdapter()
MULTIVARIATE_NORMAL = VectorAdapter()
LABELS = LabelsAdapter()
FIELDS = FieldsAdapter()
GENERIC = GenericAdapter()


def adapters_of(
    states: Iterable[State], df: float | None = None
) -> list[tuple[State, ComponentAdapter]]:
    """Return pairs of a state and its adapter, one for each state.

    Parameters
    ----------
    df
        Degrees of freedom of components with Student's t distribution; 0 if they are learned, None
        for Normal components.
    """
    if df is None:
        return [(state, adapter_of(state)) for state in states]
    return [(state, adapter_of(state).with_tails(df)) for state in states]
