"""Log prior densities of the parameters and weights of a mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from seqbayes.families import Dirichlet
from seqbayes.mixture.components.adapter import ComponentAdapter, NumberAdapter, VectorAdapter
from seqbayes.mixture.components.gaussian import GaussianKernel
from seqbayes.numerics import sc
from seqbayes.state import State


class LogPrior:
    """The log prior density of parameters and learned weights, up to a constant.

    Parameters
    ----------
    components
        The components' priors with their adapters.
    kernels
        The components' kernels.
    weights
        Fixed weights, or the prior on learned weights.
    """

    def __init__(
        self,
        components: Sequence[tuple[State, ComponentAdapter]],
        kernels: Sequence[Any],
        weights: Any,
    ) -> None:
        proper: dict[int, bool] = {}  # most components have the same prior
        for (state, adapter), kernel in zip(components, kernels, strict=True):
            if id(state) not in proper:
                proper[id(state)] = adapter.has_proper_prior(state, kernel)
        self._places = [k for k, (state, _) in enumerate(components) if proper[id(state)]]
        self._components = [components[k] for k in self._places]
        wisharts = [
            (state, adapter)
            for state, adapter in self._components
            if type(adapter) in (NumberAdapter, VectorAdapter) and adapter.df is None
        ]
        self._wisharts = wisharts if len(wisharts) == len(components) else None
        self._weights = weights
        self._powers: Any = None
        self._constant: float | None = None
        if isinstance(weights, Dirichlet):
            self._powers = np.array(weights.prior.alpha) - 1.0

    @cached_property
    def _wishart(self) -> Wisharts | None:
        """The priors of all components at once, if all are Normal-inverse-Wishart."""
        return None if self._wisharts is None else Wisharts(self._wisharts)

    def log_density(self, kernels: Sequence[Any], weights: Any) -> float:
        """Return the log density of the kernels' parameters and the weights."""
        if self._constant is None:
            self._constant = self._log_height() + (
                self._wishart.constant() if self._wishart else 0.0
            )
        return self._constant + self.relative(kernels, weights)

    def _log_height(self) -> float:
        """Return the normalising constant of the log density of the weights."""
        if self._powers is None:
            return 0.0
        share = np.full(len(self._powers), 1.0 / len(self._powers))
        height = self._weights.belief(self._weights.prior).logpdf(share)
        return float(height - sc.xlogy(self._powers, share).sum())

    def relative(self, kernels: Sequence[Any], weights: Any) -> float:
        """Return the log density without its normalising constant, which is slow to compute."""
        total = 0.0
        if self._wisharts is None:
            for k, (state, adapter) in zip(self._places, self._components, strict=True):
                total += adapter.log_prior(state, kernels[k].parameter)
        elif all(type(kernel) is GaussianKernel for kernel in kernels):
            total = math.fsum(kernel.log_prior() for kernel in kernels)
        elif self._wishart is not None:
            total = self._wishart.log_density([kernel.parameter for kernel in kernels])
        if self._powers is not None:
            total += float(sc.xlogy(self._powers, weights).sum())
        return float(total)


class Wisharts:
    """Normal-inverse-Wishart priors of all components, evaluated at once."""

    def __init__(self, components: Sequence[tuple[State, Any]]) -> None:
        distinct = {id(state): (state, adapter) for state, adapter in components}
        known = {at: adapter.wishart(state) for at, (state, adapter) in distinct.items()}
        priors = [known[id(state)] for state, _ in components]
        self._mean, self._kappa, self._df, self._scale = (
            np.array([prior[i] for prior in priors], float) for i in range(4)
        )
        self._power = self._df + self._mean.shape[1] + 2.0
        self._components = components

    def constant(self) -> float:
        """Return the constant that `log_density` omits."""
        modes = self._scale / self._power[:, None, None]
        heights: dict[int, float] = {}  # most components have the same prior
        pairs = zip(self._components, self._mean, modes, strict=True)
        for (state, adapter), mean, mode in pairs:
            if id(state) not in heights:
                heights[id(state)] = adapter.log_prior(state, (mean, mode))
        at_mode = sum(heights[id(state)] for state, _ in self._components)
        return float(at_mode - self.log_density(list(zip(self._mean, modes, strict=True))))

    def log_density(self, parameters: Sequence[Any]) -> float:
        """Return the sum of the log densities of means and covariances, up to a constant."""
        means, covariances = (np.array([each[i] for each in parameters]) for i in range(2))
        inverse = np.linalg.inv(covariances)
        away = means - self._mean
        squares = np.einsum("ki,kij,kj->k", away, inverse, away)
        traces = np.einsum("kij,kij->k", inverse, self._scale)
        log_det = np.linalg.slogdet(covariances)[1]
        return -0.5 * float((self._power * log_det + traces + self._kappa * squares).sum())
