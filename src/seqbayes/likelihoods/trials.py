"""Likelihoods of trials with success or failure, for a Beta prior."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from seqbayes import predictive
from seqbayes.distributions import Beta, Distribution
from seqbayes.likelihoods.base import PairLikelihood, whole_trials
from seqbayes.likelihoods.sql import LARGE_COUNT, Complement, SqlForm, X, Y, number, whole
from seqbayes.likelihoods.sql import log_choose as sql_log_choose
from seqbayes.numerics import sc
from seqbayes.numerics.combinatorics import log_choose
from seqbayes.numerics.special import normal_quantile
from seqbayes.statistics import (
    BernoulliSums,
    BinomialSums,
    PairSums,
    arrays,
    count_ones,
)

_WITHIN = "whole numbers, 0 <= successes <= trials"


@dataclass(frozen=True, slots=True)
class Bernoulli(PairLikelihood):
    """Success or failure: True, False, 1 or 0.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta(likelihood=Bernoulli())
    >>> belief.learn_one(True)
    >>> belief.posterior
    BetaHyperparameters(alpha=2.0, beta=1.0)
    """

    labelled = True
    two_sample = "trials"

    mean_direction = 1

    @property
    def observation_kind(self) -> str:
        """A truth value: true, false, 1 or 0."""
        return "boolean"

    def statistics(self) -> BernoulliSums:
        """Return a new, empty accumulator."""
        return BernoulliSums()

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return them as floats."""
        expected = "True, False, 1 or 0"
        values = arrays.reals(xs, expected)
        arrays.check(values, (values == 0) | (values == 1), expected)
        return arrays.single(values)

    def _sums(self, xs: Iterable[Any], w: Any) -> tuple[Any, Any, Any, Any]:
        expected = "True, False, 1 or 0"
        values = arrays.reals(xs, expected)
        weights = arrays.weights(w, len(values))
        if weights is None:
            successes = _successes(values)
            if successes is None:
                arrays.raise_invalid_item(values, (values != 0) & (values != 1), expected)
            return float(len(values)), float(successes), float(len(values) - successes), 0.0
        arrays.check(values, (values == 0) | (values == 1), expected)
        n, ones = len(values), arrays.total(values, weights, len(values))
        return arrays.total(1.0, weights, n), ones, arrays.total(1.0 - values, weights, n), 0.0

    def sql_form(self) -> SqlForm:
        """Return SQL for the numbers of successes and failures."""
        valid = f"({X} = {number(0)} OR {X} = {number(1)})"
        return SqlForm(valid, (0.0, X, Complement(1, 1.0)))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the Bernoulli distribution of the next trial."""
        alpha, beta = posterior
        return predictive.Bernoulli(
            _success_probability(alpha, beta), _success_probability(beta, alpha)
        )

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of the probability of success."""
        return Beta(*posterior)

    def reason_against(self, posterior: Any, p: float | None) -> str:
        """Return why the p-quantile of observations is not available."""
        return "is False or True: compare the mean, which is the probability of True"

    def labels(self, posterior: Any) -> dict[Any, float]:
        """Return the probabilities of True and False."""
        alpha, beta = posterior
        return {True: _success_probability(alpha, beta), False: _success_probability(beta, alpha)}

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw trials with success probability `theta`."""
        return rng.random(size) < theta


def _successes(values: arrays.Array) -> int | None:
    """Count the ones in an array of zeros and ones; None if there are other values."""
    if values.dtype.kind == "b":
        return int(np.count_nonzero(values))
    if values.dtype.kind == "f":
        ones = 0
        for (block,) in arrays.blocks(values):
            found = count_ones(arrays.contiguous(block))
            if found < 0:
                return None
            ones += found
        return ones
    # zeros and ones have no bit set above the lowest
    whole = arrays.sum_integers(values, 0)
    if whole is None:
        whole = int(values.sum()), int(np.bitwise_or.reduce(values))
    return whole[0] if whole[1] in (0, 1) else None


def _success_probability(alpha: Any, beta: Any) -> Any:
    return alpha / (alpha + beta)


@dataclass(frozen=True, slots=True)
class Binomial(PairLikelihood):
    """Successes in a number of trials.

    Parameters
    ----------
    trials
        The number of trials of every observation, a whole number >= 1. If it is None, each
        observation is a pair ``(successes, trials)``.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta(likelihood=Binomial(trials=10))
    >>> belief.learn_one(7)
    >>> belief.posterior
    BetaHyperparameters(alpha=8.0, beta=4.0)
    >>> belief = Beta(likelihood=Binomial())
    >>> belief.learn_one((3, 4))
    >>> belief.mle
    0.75
    """

    trials: int | None = None

    varying = "trials"
    two_sample = "trials"

    mean_direction = 1

    def __post_init__(self) -> None:
        if self.trials is not None:
            self._set("trials", whole_trials(self.trials))

    def statistics(self) -> BinomialSums:
        """Return a new, empty accumulator."""
        return BinomialSums(self.trials)

    def _add_many(self, total: PairSums, xs: Iterable[Any], w: Any) -> None:
        successes, trials = self._read(xs)
        n, weights = len(successes), arrays.weights(w, len(successes))
        if arrays.has_large(trials):
            self._check(successes, trials)
            total.observe_arrays(*arrays.floats(n, successes, trials, weights))
        elif self.trials is not None and weights is None:
            a, log_base = arrays.counted(
                successes, None, lambda k: log_choose(self.trials, k), _WITHIN, high=self.trials
            )
            total.add_sums(float(n), a, n * self.trials - a, log_base)
        else:
            sums = arrays.blockwise(self._pair_sums, successes, trials, weights)
            if sums is None:
                total.observe_arrays(*arrays.floats(n, successes, trials, weights))
            else:
                total.add_sums(*sums)

    def _read(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        if self.trials is None:
            return arrays.pairs(xs, "a pair (successes, trials)")
        successes = arrays.reals(xs, "a whole number of successes")
        return successes, np.broadcast_to(float(self.trials), len(successes))

    def read_many(self, xs: Iterable[Any]) -> tuple[arrays.Array, arrays.Array]:
        """Check many observations; return successes and trials."""
        successes, trials = self._read(xs)
        self._check(successes, trials)
        return successes.astype(float, copy=False), trials

    def sql_form(self) -> SqlForm:
        """Return SQL for successes, failures and the log of the binomial coefficients."""
        trials = Y if self.trials is None else number(self.trials)
        valid = f"{whole(X, 0.0, LARGE_COUNT)} AND {X} <= {trials}"
        if self.trials is None:
            valid += f" AND {whole(Y, 0.0, LARGE_COUNT)}"
        failures = f"({trials} - {X})"
        rest = failures if self.trials is None else Complement(1, float(self.trials))
        return SqlForm(valid, (sql_log_choose(X, failures), X, rest))

    @staticmethod
    def _check(successes: arrays.Array, trials: arrays.Array) -> None:
        good = (successes >= 0) & (successes <= trials) & (trials < np.inf)
        with np.errstate(invalid="ignore"):
            good &= (successes == np.floor(successes)) & (trials == np.floor(trials))
        arrays.check(successes, good, _WITHIN)

    @classmethod
    def _pair_sums(
        cls, successes: arrays.Array, trials: arrays.Array, weights: arrays.Array | None
    ) -> tuple[Any, Any, Any, Any]:
        cls._check(successes, trials)
        n = len(successes)
        a = arrays.total(successes.astype(float), weights, n)
        b = arrays.total(trials - successes, weights, n)
        log_base = arrays.total(log_choose(trials, successes), weights, n)
        return arrays.total(1.0, weights, n), a, b, log_base

    def predictive(self, posterior: Any) -> Distribution:
        """Return the beta-binomial distribution, for a single trial if `trials` is None."""
        return predictive.BetaBinomial(self.trials or 1, *posterior)

    def expectation(self, posterior: Any) -> Distribution:
        """Return the distribution of the expected successes, in one trial if `trials` is None."""
        share = Beta(*posterior)
        return share if self.trials in (None, 1) else predictive.Affine(share, float(self.trials))

    def quantile(self, posterior: Any, p: float) -> Distribution | None:
        """Return the distribution of the p-quantile of successes; None if `trials` is None."""
        trials = self.trials
        if trials is None:
            return None
        return predictive.CountQuantile(
            Beta(*posterior),
            partial(_limit, trials=trials, p=p),
            partial(_typical, trials=trials, p=p),
            increases=True,
            end=trials,
        )

    def reason_against(self, posterior: Any, p: float | None) -> str:
        """Return why the p-quantile of observations is not available."""
        return "depends on the number of trials, which varies: compare the mean"

    def labels(self, posterior: Any) -> dict[Any, float]:
        """Return the probability of every number of successes."""
        distribution = self.predictive(posterior)
        return {k: float(distribution.p(k)) for k in range((self.trials or 1) + 1)}

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw numbers of successes, in a single trial if `trials` is None."""
        drawn = rng.binomial(self.trials or 1, theta, size)
        if self.trials is None:
            return (int(drawn), 1) if size is None else [(int(k), 1) for k in drawn]
        return drawn


def _limit(k: Any, trials: int, p: float) -> Any:
    """Return the success probability at which P(successes <= k) = p."""
    return sc.betaincinv(np.add(k, 1.0), np.subtract(trials, k), 1.0 - p)


def _typical(share: float, trials: int, p: float) -> float:
    mean = trials * share
    return float(mean + normal_quantile(p) * math.sqrt(mean * (1.0 - share)))
