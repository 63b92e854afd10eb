"""The log prior density of a mixture's parameters, which MAP-EM computes in every iteration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.special as sc

from seqbayes.families import Dirichlet
from seqbayes.mixture.adapters import NumberAdapter, VectorAdapter
from seqbayes.mixture.components.adapter import ComponentAdapter
from seqbayes.state import State


class LogPrior:
    """The log prior density of parameters and learned weights, up to a constant.

    Parameters
    ----------
    components
        The components' states, whose priors are used, with their adapters.
    weights
        Fixed weights, or the prior of learned weights.
    """

    def __init__(self, components: Sequence[tuple[State, ComponentAdapter]], weights: Any) -> None:
        beliefs = {id(state): state.belief(state.prior) for state, _ in components}
        proper = {id(state): state.is_proper(state.prior) for state, _ in components}
        self._proper_indices = [k for k, (state, _) in enumerate(components) if proper[id(state)]]
        self._components = [
            (beliefs[id(components[k][0])], *components[k]) for k in self._proper_indices
        ]
        wisharts = [
            (belief, state, adapter)
            for belief, state, adapter in self._components
            if type(adapter) in (NumberAdapter, VectorAdapter)
        ]
        self._wishart = Wisharts(wisharts) if len(wisharts) == len(components) else None
        self._powers: Any = None
        self._log_constant = 0.0
        if isinstance(weights, Dirichlet):
            self._powers = np.array(weights.prior.alpha) - 1.0
            share = np.full(len(self._powers), 1.0 / len(self._powers))
            self._log_constant = weights.belief(weights.prior).logpdf(share)
            self._log_constant -= float(sc.xlogy(self._powers, share).sum())

    def log_density(self, raw: Sequence[Any], weights: Any) -> float:
        """Return the log density of the kernels' parameters and the weights."""
        total = 0.0
        if self._wishart is not None:
            total = self._wishart.log_density(raw)
        else:
            for k, (belief, state, adapter) in zip(
                self._proper_indices, self._components, strict=True
            ):
                total += belief.logpdf(adapter.parameter(state, raw[k]))
        if self._powers is not None:
            total += self._log_constant + float(sc.xlogy(self._powers, weights).sum())
        return float(total)


class Wisharts:
    """Normal-inverse-Wishart priors of all components, evaluated in one vectorised step."""

    def __init__(self, components: Sequence[tuple[Any, State, Any]]) -> None:
        priors = [adapter.wishart(state) for _, state, adapter in components]
        self._mean, self._kappa, self._df, self._scale = (
            np.array([prior[i] for prior in priors], float) for i in range(4)
        )
        self._power = self._df + self._mean.shape[1] + 2.0
        modes = self._scale / self._power[:, None, None]
        log_densities_at_mode: dict[int, float] = {}  # most components have the same prior
        for (belief, state, adapter), mean, mode in zip(components, self._mean, modes, strict=True):
            if id(state) not in log_densities_at_mode:
                log_densities_at_mode[id(state)] = belief.logpdf(
                    adapter.parameter(state, (mean, mode))
                )
        at_mode = sum(log_densities_at_mode[id(state)] for _, state, _ in components)
        self._constant = 0.0
        self._constant = at_mode - self.log_density(list(zip(self._mean, modes, strict=True)))

    def log_density(self, parameters: Sequence[Any]) -> float:
        """Return the sum of the log densities of means and covariances."""
        means, covariances = (np.array([each[i] for each in parameters]) for i in range(2))
        inverse = np.linalg.inv(covariances)
        deviations = means - self._mean
        squares = np.einsum("ki,kij,kj->k", deviations, inverse, deviations)
        traces = np.einsum("kij,kij->k", inverse, self._scale)
        log_det = np.linalg.slogdet(covariances)[1]
        return self._constant - 0.5 * float(
            (self._power * log_det + traces + self._kappa * squares).sum()
        )
