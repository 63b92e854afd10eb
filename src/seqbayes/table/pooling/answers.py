"""Estimates and predictions for keys whose common prior is known only as a distribution."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from seqbayes.errors import UnsupportedError
from seqbayes.numerics import sc
from seqbayes.table.answers import Answers
from seqbayes.table.pooling.mixed import MixedBelief
from seqbayes.table.pooling.options import PooledPrior
from seqbayes.table.pooling.population import population_of

Array = Any


class PooledAnswers(Answers):
    """Answers averaged over the priors of a `PooledPrior`.

    A posterior is an average of posteriors of the family, and is not itself a member of the family.
    Means, variances, intervals, tails, draws and predictive densities are available.

    Parameters
    ----------
    answers
        The answers without pooling.
    pooled
        The common prior.
    """

    averaged = True

    def __init__(self, answers: Answers, pooled: PooledPrior) -> None:
        self.__dict__.update(answers.__dict__)
        self._proper = None
        self._pooled = pooled
        self._population = population_of(self._state)
        groups = [] if pooled.groups is None else [pooled.groups]
        rows = np.column_stack([*self._statistic, *groups])
        # rows with equal statistics have equal answers
        _, self._first, inverse = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        self._inverse = inverse.ravel()
        self._distinct = self._mixed(self._first)

    def _mixed(self, rows: Array) -> MixedBelief:
        pooled, statistic = self._pooled, self._statistic
        return MixedBelief(
            self._state,
            self._population,
            pooled.priors,
            pooled.weights,
            type(statistic)(*(column[rows] for column in statistic)),
            None if pooled.groups is None else pooled.groups[rows],
        )

    def _of_belief(self, answer: Any) -> Any:
        if len(self) == 0:
            return np.zeros(0)
        found = answer(self._distinct)
        if isinstance(found, tuple):
            return tuple(part[self._inverse] for part in found)
        return found[self._inverse]

    def cdf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is at most `theta`."""
        return self._tail("cdf", theta)

    def sf(self, theta: Any) -> Any:
        """Return the posterior probabilities that the parameter is above `theta`."""
        return self._tail("sf", theta)

    def _tail(self, name: str, theta: Any) -> Any:
        if np.ndim(theta) == 0:
            return self._of_belief(lambda belief: getattr(belief, name)(theta))
        return getattr(self._mixed(np.arange(len(self))), name)(theta)

    def sample(self, rng: np.random.Generator | None = None) -> Any:
        """Draw one parameter value for each row."""
        rng = np.random.default_rng(self._state.seed) if rng is None else rng
        return self._mixed(np.arange(len(self))).sample(None, rng)

    def interval(self, level: float = 0.95, kind: str = "equal-tailed") -> Any:
        """Return equal-tailed credible intervals for the parameter.

        Raises
        ------
        PriorError
            If the level or the kind is invalid.
        UnsupportedError
            If the shortest intervals are requested.
        """
        if kind == "hdi":
            raise UnsupportedError(
                "pooled posteriors on a grid have no shortest intervals: use kind='equal-tailed'"
            )
        return super().interval(level, kind)

    def log_predictive(self, xs: Any) -> Array:
        """Return the log predictive density of one observation for each row.

        Raises
        ------
        ObservationError
            If an observation is invalid, or the number of observations differs from the number of
            rows.
        """
        _, statistic, log_base = self._observe(xs, np.arange(len(self)))
        mixed, found = self._mixed(np.arange(len(self))), np.empty(len(self))
        step = max(1, (1 << 18) // self._pooled.weights.shape[1])
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            part = type(statistic)(*(column[rows][:, None] for column in statistic))
            logs = self._state.log_marginal(mixed.posteriors(rows), part)
            with np.errstate(divide="ignore"):
                found[rows] = sc.logsumexp(logs + np.log(mixed.weights_of(rows)), axis=1)
        total: Array = found + log_base
        return total

    def prior_of(self, row: int) -> NoReturn:
        """Raise an error, because posteriors are averages."""
        raise self._unsupported("one prior")

    @property
    def posterior(self) -> NoReturn:
        """Raise an error, because posteriors are averages."""
        raise self._unsupported("hyperparameters")

    @property
    def map(self) -> NoReturn:
        """Raise an error, because posteriors are averages."""
        raise self._unsupported("mode")

    @property
    def log_evidence(self) -> NoReturn:
        """Raise an error, because posteriors are averages."""
        raise self._unsupported("evidence of every key")

    def _unsupported(self, what: str) -> UnsupportedError:
        return UnsupportedError(
            f"with pool={self._pooled.method!r}, posteriors are averaged over priors and have no"
            f" {what}: use mean, var and interval, or pool='empirical'"
        )
