"""How probable data are under a mixture, its parameters and its weights integrated out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import scipy.special as sc

from seqbayes.mixture.working import Working

Array = npt.NDArray[np.float64]


def log_evidence(
    working: Working, table: Array, w: Array, concentration: float, most: int
) -> float:
    """Return the log evidence of rows, where EM has come to rest on them.

    It is that of the completed data, whose components are conjugate, corrected by what the rows and
    the completed data differ in at the parameters where EM rests (Cheeseman and Stutz).

    Parameters
    ----------
    working
        The components, at their parameters; their statistics become those of the rows.
    table, w
        The rows (n, size) and their weights (n,).
    concentration, most
        Of the truncated Dirichlet process that shares have as a prior.

    References
    ----------
    .. [1] Cheeseman, P. and Stutz, J. (1996). Bayesian classification (AutoClass): theory and
       results. Advances in Knowledge Discovery and Data Mining, 153-180.
    .. [2] Chickering, D. M. and Heckerman, D. (1997). Efficient approximations for the marginal
       likelihood of Bayesian networks with hidden variables. Machine Learning 29, 181-212.
    """
    engine = working.engine
    parameters = working.parameters(engine)
    weights = engine.weights.copy()
    _, total = working.sweep(table, w)
    counts = engine.live * engine.memory
    total += log_partition(counts, concentration, most) - float(sc.xlogy(counts, weights).sum())
    for state, theta in zip(working.states(engine), parameters, strict=True):
        statistic = state._statistics.value
        total += state.log_marginal(state.prior, statistic)
        total -= state.log_likelihood(state.observation_parameter(theta), statistic)
    return total


def log_partition(counts: Array, concentration: float, most: int) -> float:
    """Return the log probability that so many observations share components in this way.

    Components have no names beforehand: any of the `most` may be any of them. Those that have less
    than half an observation are none.
    """
    each = concentration / most
    n = float(counts.sum())
    occupied = counts[counts >= 0.5]
    urn = float((sc.gammaln(each + occupied) - sc.gammaln(each)).sum())
    urn += math.lgamma(concentration) - math.lgamma(concentration + n)
    return urn + float(sc.gammaln(most + 1) - sc.gammaln(most - len(occupied) + 1))
