"""The evidence from the data of mixture components."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.mixture.components.adapter import NumberAdapter
from seqbayes.mixture.components.factor import lower_triangle
from seqbayes.mixture.components.gaussian import GaussianKernel
from seqbayes.mixture.components.gaussian_variants import StudentKernel
from seqbayes.mixture.components.state_adapters import adapter_of
from seqbayes.mixture.em.engine import Engine
from seqbayes.mixture.em.loop import EMModel
from seqbayes.numerics import sc
from seqbayes.state import State

Array = npt.NDArray[np.float64]

LOG_2 = math.log(2.0)


def log_evidence(model: EMModel, rows: Array, w: Array, concentration: float, most: int) -> float:
    """Return the log evidence from rows for a model that EM has fitted to them.

    The result is the evidence from the completed data, which has a closed form, corrected by the
    difference between the likelihoods of the rows and of the completed data (Cheeseman and Stutz).

    Parameters
    ----------
    model
        The fitted model; its statistics become those of the rows.
    rows, w
        The rows, of shape (n, width), and their weights, of shape (n,).
    concentration, most
        Parameters of the truncated Dirichlet process, which is the prior on the weights.

    References
    ----------
    .. [1] Cheeseman, P. and Stutz, J. (1996). Bayesian classification (AutoClass): theory and
       results. Advances in Knowledge Discovery and Data Mining, 153-180.
    .. [2] Chickering, D. M. and Heckerman, D. (1997). Efficient approximations for the marginal
       likelihood of Bayesian networks with hidden variables. Machine Learning 29, 181-212.
    """
    engine = model.engine
    if _is_complete(model, rows):
        shares, _ = model.e_step(rows, w)
        # for completed data, the likelihoods differ by the entropy of the responsibilities
        total = -float(w @ sc.xlogy(shares, shares).sum(axis=1))
        total += log_partition(engine.live * engine.memory, concentration, most)
        return total + math.fsum(kernel.log_marginal(engine.memory) for kernel in engine.kernels)
    raw = [kernel.parameter for kernel in model.learning(engine)]
    weights = engine.weights.copy()
    _, total = model.e_step(rows, w)
    counts = engine.live * engine.memory
    total += log_partition(counts, concentration, most) - float(sc.xlogy(counts, weights).sum())
    return total + evidence_of(model, engine).gain_over(raw)


def _is_complete(model: EMModel, rows: Array) -> bool:
    """Whether the components are Normal with full covariances, and no value is missing."""
    normal = all(type(kernel) is GaussianKernel for kernel in model.engine.kernels)
    return normal and not np.isnan(rows).any()


def log_partition(counts: Array, concentration: float, most: int) -> float:
    """Return the log probability of a partition of observations with these counts.

    Components are not labelled: any of the `most` components may have any of the counts. A
    component with fewer than half an observation is empty.
    """
    each = concentration / most
    n = float(counts.sum())
    occupied = counts[counts >= 0.5]
    urn = float((sc.gammaln(each + occupied) - sc.gammaln(each)).sum())
    urn += math.lgamma(concentration) - math.lgamma(concentration + n)
    return urn + float(sc.gammaln(most + 1) - sc.gammaln(most - len(occupied) + 1))


def log_marginal(*states: State) -> float:
    """Return the joint log marginal likelihood of the data of states with the same prior."""
    first, *others = states
    statistics = first.statistics
    if others:
        statistics = first.clone(include_attributes=True).statistics
        for other in others:
            statistics.merge(other.statistics)
    return float(first.log_marginal(first.prior, statistics.value))


class Evidence:
    """Log marginal likelihoods of the data of a model's components, computed from their states."""

    def __init__(self, model: EMModel, states: Sequence[State]) -> None:
        self._model, self._states = model, states

    def alone(self) -> Array:
        """Return the log marginal likelihood of the data of every component."""
        return np.array([log_marginal(state) for state in self._states])

    def together(self, a: int, b: int) -> float:
        """Return the log marginal likelihood of the data of two components with one parameter."""
        return log_marginal(self._states[a], self._states[b])

    def gain_over(self, raw: Sequence[Any]) -> float:
        """Return the log marginal likelihood of all data, minus their log likelihood.

        Parameters
        ----------
        raw
            The parameters of the likelihood, in the form that the kernels use.
        """
        total = float(self.alone().sum())
        for state, theta in zip(self._states, self._model.to_state_parameters(raw), strict=True):
            parameter = state.observation_parameter(theta)
            total -= state.log_likelihood(parameter, state.statistics.value)
        return total


class NormalEvidence(Evidence):
    """Log marginal likelihoods of Normal components with one prior, computed from the kernels.

    The terms of the likelihood that do not depend on the parameters are omitted.
    """

    def __init__(self, model: EMModel, engine: Engine, totals: Array | None, prior: Any) -> None:
        self._mean, self._kappa, self._df, self._scale = (np.array(part, float) for part in prior)
        d = len(self._mean)
        live = np.array([kernel.live for kernel in model.learning(engine)])
        share = live[:, 0]
        if totals is None:
            factor = np.full(len(live), model.engine.memory)
        else:
            factor = np.divide(totals, share, out=np.zeros(len(share)), where=share > 0.0)
        self._w, self._means = factor * share, live[:, 1 : 1 + d]
        packed = np.zeros((len(live), d, d))
        lower = lower_triangle(d)
        scatter = live[:, 1 + d : 1 + d + len(lower[0])]
        packed[:, lower[0], lower[1]] = factor[:, None] * scatter
        self._scatter = packed + np.tril(packed, -1).transpose(0, 2, 1)
        self._log_det = np.linalg.slogdet(self._scale)[1]

    def _marginal(self, w: Array, means: Array, scatter: Array) -> Array:
        d, kappa = len(self._mean), self._kappa + w
        away = means - self._mean
        scale = self._scale + scatter
        scale += (self._kappa * w / kappa)[:, None, None] * away[:, :, None] * away[:, None, :]
        half, before = 0.5 * (self._df + w), 0.5 * self._df
        found: Array
        found = 0.5 * d * np.log(self._kappa / kappa) - half * np.linalg.slogdet(scale)[1]
        steps = 0.5 * np.arange(d)
        gammas = sc.gammaln(half[:, None] - steps) - sc.gammaln(before - steps)
        found += before * self._log_det + gammas.sum(axis=1) + 0.5 * d * w * LOG_2
        return found

    def alone(self) -> Array:
        """Return the log marginal likelihood of the data of every component."""
        return self._marginal(self._w, self._means, self._scatter)

    def together(self, a: int, b: int) -> float:
        """Return the log marginal likelihood of the data of two components with one parameter."""
        pair = [a, b]
        w = self._w[pair].sum()
        share = self._w[b] / w if w > 0.0 else 0.0
        away = self._means[b] - self._means[a]
        scatter = self._scatter[pair].sum(axis=0)
        scatter += self._w[a] * share * away[:, None] * away
        mean = self._means[a] + share * away
        return float(self._marginal(np.array([w]), mean[None], scatter[None])[0])

    def gain_over(self, raw: Sequence[Any]) -> float:
        """Return the log marginal likelihood of all data, minus their log likelihood."""
        means, covariances = (np.array([each[i] for each in raw]) for i in range(2))
        away = self._means - means
        scatter = self._scatter + self._w[:, None, None] * away[:, :, None] * away[:, None, :]
        log_det = np.linalg.slogdet(covariances)[1]
        traces = np.trace(np.linalg.solve(covariances, scatter), axis1=1, axis2=2)
        return float(self.alone().sum() + 0.5 * (self._w * log_det + traces).sum())


def evidence_of(model: EMModel, engine: Engine, totals: Array | None = None) -> Evidence:
    """Return the evidence from the components' data. The priors must be proper.

    Parameters
    ----------
    totals
        Total weight of every component's observations; by default, that of its statistics.
    """
    prior = model.priors[0]
    adapter = adapter_of(prior)
    same = all(state is prior or state == prior for state in model.priors)
    packed = all(
        type(kernel) in (GaussianKernel, StudentKernel) for kernel in model.learning(engine)
    )
    if same and packed and isinstance(adapter, NumberAdapter):
        return NormalEvidence(model, engine, totals, adapter.wishart(prior))
    return Evidence(model, model.states(engine, totals))
