"""Adapters, which let a mixture use the states of a family as components.

A family class declares its adapter as `component_adapter`: an instance of `ComponentAdapter`, the
name of an instance as ``"module:object"`` (imported on first use), or None if its states cannot be
components. The default, `GENERIC`, works for every family with scalar observations and a statistic
that can be scaled and merged; a specialised adapter is faster.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.families import MultivariateParameters, NormalParameters
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.components import discrete, gaussian, readers
from seqbayes.mixture.components.adapter import ComponentAdapter
from seqbayes.mixture.components.generic import GenericAdapter, check_generic
from seqbayes.mixture.components.independent import Independent
from seqbayes.mixture.components.kernel import Fields, Kernel
from seqbayes.mixture.components.rows import Reader
from seqbayes.mixture.predictive import (
    ComponentPredictive,
    FieldsPredictive,
    KernelPredictive,
)
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
            f"a {type(state).__name__} cannot be a component of a mixture:"
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
    """Adapter of Beta and Gamma priors; the statistic is a pair of sums."""

    def __init__(self, beta: bool) -> None:
        self._beta = beta

    def size(self, state: State) -> int:
        """Return 3: both sums, and the log base measure."""
        return 3

    def reading(self, state: State) -> Hashable:
        """Return the likelihood."""
        return state.likelihood

    def reader(self, state: State, at: int) -> Reader:
        """Return a reader of the sums."""
        return readers.Pair(at, state.new_statistics())

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel of a probability or a rate."""
        first, second = state.prior
        return discrete.Pair(at, (first, second), self._beta)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Validate a probability or rate, and return it."""
        if self._beta:
            return check_parameter("probability", theta, open_low=False, high=1.0)
        return check_parameter("rate", theta)


# Normal families.


class NumberAdapter(ComponentAdapter):
    """Adapter of Normal-inverse-gamma priors for numbers or their logarithms."""

    def size(self, state: State) -> int:
        """Return 1."""
        return 1

    def reading(self, state: State) -> Hashable:
        """Return whether logarithms are taken."""
        return ("number", state.likelihood.of_logarithm)

    def reader(self, state: State, at: int) -> Reader:
        """Return a reader of numbers."""
        return readers.Number(at, state.likelihood.of_logarithm)

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return a one-dimensional Normal kernel, with the Wishart form of the prior."""
        of_logarithm = state.likelihood.of_logarithm
        return gaussian.Gaussian(at, self.wishart(state), covariance == "tied", of_logarithm)

    def wishart(self, state: State) -> tuple[Any, float, float, Any]:
        """Return mean, weight, degrees of freedom and scale of the prior in its Wishart form."""
        mean, kappa, alpha, beta = state.prior
        return [mean], kappa, 2.0 * alpha, [[2.0 * beta]]

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return mean and variance as a vector and a matrix."""
        mean, variance = theta
        mean = check_parameter("mean", mean, -math.inf)
        return [mean], [[check_parameter("variance", variance)]]

    def parameter(self, state: State, raw: Any) -> Any:
        """Return mean and variance."""
        return NormalParameters(float(raw[0][0]), float(raw[1][0, 0]))

    def predictive(self, state: State) -> ComponentPredictive:
        """Return the predictive density that the kernel computes, if the prior is proper."""
        if not state.is_proper(state.prior):
            return super().predictive(state)
        return KernelPredictive(state, self)


class KnownVarianceAdapter(NumberAdapter):
    """Adapter of Normal priors for the mean of numbers or their logarithms, with known variance."""

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return a Normal kernel with known variance."""
        mean, variance, known = state.prior
        return gaussian.KnownVariance(at, (mean, variance), known, state.likelihood.of_logarithm)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return the mean and the known variance as a vector and a matrix."""
        mean = check_parameter("mean", theta, -math.inf)
        return [mean], [[state.prior.known_variance]]

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the mean."""
        return float(raw[0][0])


class VectorAdapter(NumberAdapter):
    """Adapter of Normal-inverse-Wishart priors for vectors or mappings of features."""

    def size(self, state: State) -> int:
        """Return the number of features."""
        return len(state.prior.mean)

    def _features(self, state: Any) -> Any:
        return state.likelihood.features

    def reading(self, state: State) -> Hashable:
        """Return dimension and feature names."""
        return ("vector", self.size(state), self._features(state))

    def reader(self, state: State, at: int) -> Reader:
        """Return a reader of vectors."""
        return readers.Vector(at, self.size(state), self._features(state))

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return a Normal kernel."""
        if covariance in ("diagonal", "spherical"):
            return Independent(at, tuple(state.prior), covariance == "spherical")
        return gaussian.Gaussian(at, self.wishart(state), covariance == "tied")

    def wishart(self, state: State) -> tuple[Any, float, float, Any]:
        """Return the prior."""
        mean, kappa, df, scale = state.prior
        return mean, kappa, df, scale

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Validate a mean and a covariance, and return them as arrays."""
        mean, covariance = (np.array(part, float) for part in theta)
        d = self.size(state)
        if mean.shape != (d,) or covariance.shape != (d, d):
            raise PriorError(f"expected a mean of {d} numbers and a covariance of {d} times {d}")
        if not (np.all(np.isfinite(mean)) and np.all(np.isfinite(covariance))):
            raise PriorError("expected finite numbers")
        if not np.allclose(covariance, covariance.T) or np.linalg.eigvalsh(covariance)[0] <= 0.0:
            raise PriorError("expected a covariance that is symmetric and positive definite")
        return mean, covariance

    def parameter(self, state: State, raw: Any) -> Any:
        """Return mean and covariance."""
        return MultivariateParameters(*raw)


# Categories, and products.


class LabelsAdapter(ComponentAdapter):
    """Adapter of Dirichlet priors for categories or counts of categories."""

    def _is_count(self, state: Any) -> bool:
        return not state.likelihood.labelled

    def size(self, state: State) -> int:
        """Return 1 for a category, or the number of counts and a log base measure."""
        return len(state.prior.alpha) + 1 if self._is_count(state) else 1

    def reading(self, state: Any) -> Hashable:
        """Return the categories and the likelihood."""
        return ("labels", tuple(state.categories), state.likelihood)

    def reader(self, state: Any, at: int) -> Reader:
        """Return a reader of categories or counts."""
        if self._is_count(state):
            return readers.Counts(at, state)
        return readers.Label(at, state.new_statistics())

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernel of the shares of the categories."""
        return discrete.Labels(at, state.prior.alpha, self._is_count(state))

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
    """Adapter of products; each field uses the adapter of its family."""

    def _fields(self, state: Any) -> list[tuple[Any, State, ComponentAdapter]]:
        return [(name, field, adapter_of(field)) for name, field in state.fields.items()]

    def size(self, state: State) -> int:
        """Return the sum of the fields' sizes."""
        return sum(adapter.size(field) for _, field, adapter in self._fields(state))

    def reading(self, state: State) -> Hashable:
        """Return how every field is read."""
        return tuple((name, adapter.reading(field)) for name, field, adapter in self._fields(state))

    def reader(self, state: State, at: int) -> Reader:
        """Return a reader of mappings of fields."""
        parts, place = {}, at
        for name, field, adapter in self._fields(state):
            parts[name] = adapter.reader(field, place)
            place += parts[name].size
        return readers.Fields(at, parts)

    def kernel(self, state: State, at: int, covariance: str) -> Kernel:
        """Return the kernels of the fields."""
        parts = []
        for _, field, adapter in self._fields(state):
            parts.append(adapter.kernel(field, at, covariance))
            at += adapter.size(field)
        return Fields(parts[0].at, parts)

    def to_kernel(self, state: State, theta: Any) -> Any:
        """Return the parameters of the fields in order."""
        return [
            adapter.to_kernel(field, theta[name]) for name, field, adapter in self._fields(state)
        ]

    def parameter(self, state: State, raw: Any) -> Any:
        """Return the parameter of every field by name."""
        return {
            name: adapter.parameter(field, part)
            for (name, field, adapter), part in zip(self._fields(state), raw, strict=True)
        }

    def add_statistics(self, kernel: Any, state: Any, n: float) -> None:
        """Add the statistics of all fields to a product."""
        statistics = state.statistics
        statistics.add_sums(n * float(kernel.live[0]))
        for part, (name, field, adapter) in zip(kernel.parts, self._fields(state), strict=True):
            learned = field.clone()
            adapter.add_statistics(part, learned, n)
            statistics.parts[name].merge(learned.statistics)

    def predictive(self, state: State) -> ComponentPredictive:
        """Return the product of the fields' predictive densities."""
        parts = {name: adapter.predictive(field) for name, field, adapter in self._fields(state)}
        if all(isinstance(part, KernelPredictive) for part in parts.values()):
            return KernelPredictive(state, self)
        return FieldsPredictive(state, self, parts)


BETA, GAMMA = PairAdapter(beta=True), PairAdapter(beta=False)
NORMAL_KNOWN_VARIANCE = KnownVarianceAdapter()
NORMAL = NumberAdapter()
MULTIVARIATE_NORMAL = VectorAdapter()
LABELS = LabelsAdapter()
FIELDS = FieldsAdapter()
GENERIC = GenericAdapter()


def adapters_of(states: Sequence[State]) -> list[tuple[State, ComponentAdapter]]:
    """Return pairs of each state and its adapter."""
    return [(state, adapter_of(state)) for state in states]
