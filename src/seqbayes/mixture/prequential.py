"""Comparison of mixtures by their forecasts of one stream, for example to choose K."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from seqbayes import serialization
from seqbayes.checks import as_count
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.figures.samples import Samples
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture.clusterer import StreamClusterer
from seqbayes.mixture.em.component_model import log_sum_exp
from seqbayes.mixture.em.documents import finite
from seqbayes.mixture.em.settings import check_proper
from seqbayes.mixture.forecast import RENEW_AFTER, Forecast
from seqbayes.mixture.mixture import Mixture

FIRST_FORECAST = 5
"""If default priors take their scale from the first observations, this many of these are not
forecast, per component of the largest mixture."""

RENEW_ALL = 100
"""From this number of observations on, forecasts with given priors are recomputed one at a time."""

STRONG_EVIDENCE = 150.0
"""Ratio of the prior probabilities of K and K + 1 components."""

BUFFER = 50
"""Every mixture buffers this many observations per component of the largest mixture."""


class Prequential(StreamClusterer):
    """Several mixtures that forecast the same stream, with the evidence for each.

    Before an observation is learned, every mixture forecasts it from all earlier observations. The
    sum of the log predictive densities is its log score: the log evidence of the data in their
    order. Mixtures with too few or too many components have lower scores even without a penalty for
    the number of parameters.

    Parameters
    ----------
    mixtures
        Mixtures, keyed by name; clones without data are used. They may differ in their components,
        the shape of covariances, or any other parameter. Alternatively, a number K, for mixtures of
        1, 2, …, K Normal components, named by their number.
    prior
        Prior probability of every mixture. By default, all are equal; but if `mixtures` is a
        number, each is 150 times smaller than the preceding one, so that an additional component
        needs very strong evidence [2]_.
    half_life
        Number of observations after which the weight of a log score is halved, for streams with
        drift; by default, the weight does not decrease.
    seed
        Seed for the starts, if `mixtures` is a number.
    df
        Degrees of freedom of components with Student's t distribution, if `mixtures` is a number;
        see `Mixture`.

    Notes
    -----
    If default priors take their scale from the data, the first five observations for each component
    of the largest mixture are learned without forecasts: with fewer observations, the comparison of
    components would be arbitrary. After that, the first forecasts are made, one per observation;
    scores begin when all mixtures have a forecast. Forecasts are renewed, one per observation, when
    the number of observations has grown by 1 %. While the buffer of a mixture fills, forecasts use
    a fit to the buffer.

    Raises
    ------
    PriorError
        If there are no mixtures, a mixture's prior is improper, or `prior` does not sum to 1.

    References
    ----------
    .. [1] Dawid, A. P. (1984). Present position and potential developments: some personal views.
       Statistical theory, the prequential approach. Journal of the Royal Statistical Society A 147,
       278-292.
    .. [2] Kass, R. E. and Raftery, A. E. (1995). Bayes factors. Journal of the American Statistical
       Association 90, 773-795.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes.mixture import Prequential
    >>> rng = np.random.default_rng(1)
    >>> waits = Prequential(4, seed=1)
    >>> for short in rng.random(300) < 0.3:
    ...     waits.learn_one({"wait": rng.normal(54, 6) if short else rng.normal(80, 6)})
    >>> waits.best
    2
    >>> {k: round(p, 3) for k, p in waits.probabilities.items()}
    {1: 0.0, 2: 1.0, 3: 0.0, 4: 0.0}
    """

    def __init__(
        self,
        mixtures: int | Mapping[Any, Mixture],
        prior: Mapping[Any, float] | None = None,
        half_life: float | None = None,
        seed: int | None = None,
        df: float | str | None = None,
    ) -> None:
        named = _mixtures(mixtures, seed, df)
        self._given: dict[str, Any] = {
            "mixtures": mixtures if as_count(mixtures) is not None else dict(named),
            "prior": prior,
            "half_life": half_life,
            "seed": seed,
            "df": df,
        }
        self.prior, self.half_life, self.seed, self.df = prior, half_life, seed, df
        self._mixtures = {name: mixture.clone() for name, mixture in named.items()}
        for mixture in self._mixtures.values():
            mixture.spread_start()
        self._log_prior = _log_prior(prior, tuple(named), as_count(mixtures) is not None)
        self._keep = 1.0
        if half_life is not None:
            self._keep = 2.0 ** (-1.0 / check_parameter("half_life", half_life))
        self._waits = any(mixture.has_default_priors for mixture in named.values())
        self._first = 0.0
        if self._waits:
            self._first = float(FIRST_FORECAST * max(len(each.names) for each in named.values()))
        self._scores = dict.fromkeys(named, 0.0)
        self._forecasts: dict[Any, Forecast] = {}
        self._n = self._due = 0.0
        self._renewing: list[Any] = []

    # Learning.

    def check(self, x: Any) -> None:
        """Raise an error if an observation is outside the support of a mixture."""
        for mixture in self._mixtures.values():
            mixture.check(x)

    def check_many(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support of a mixture."""
        for mixture in self._mixtures.values():
            mixture.check_many(xs)

    def _learn(self, x: Any, w: float) -> None:
        """Score the forecasts of an observation, and learn it."""
        if not self._has_no_scale():
            self._renew_forecasts()
        logs = {}
        if len(self._forecasts) == len(self._mixtures):
            logs = {name: forecast.log_density(x) for name, forecast in self._forecasts.items()}
        keep = self._keep**w
        for name, mixture in self._mixtures.items():
            mixture.learn_one(x, w)
            self._scores[name] = keep * self._scores[name] + w * logs.get(name, 0.0)
        self._n += w

    def _has_no_scale(self) -> bool:
        """Whether all observations are equal, so that default priors have no scale yet."""
        if not self._waits or self._forecasts:
            return False
        return any(m.has_default_priors and m.n_buffered <= 1 for m in self._mixtures.values())

    def _renew_forecasts(self) -> None:
        """Renew the forecasts that are due, one for each observation."""
        if self._renewing:
            self._renew(self._renewing.pop(0))
        elif not self._waits and self._n < RENEW_ALL:
            for name in self._mixtures:
                self._renew(name)
        elif self._n >= self._due and self._n >= self._first:
            self._due = RENEW_AFTER * self._n
            self._renewing = list(self._mixtures)
            self._renew(self._renewing.pop(0))
        elif -len(self._mixtures) <= self._n - self._first < 0.0 and not self._has_no_scale():
            # for the first forecasts, run the fits to the buffers, one for each observation
            name = list(self._mixtures)[int(self._n - self._first)]
            self._mixtures[name].current_model()

    def _renew(self, name: Any) -> None:
        """Renew the forecast of a mixture."""
        model = self._mixtures[name].current_model()
        if name in self._forecasts:
            self._forecasts[name].renew(model)
        else:
            self._forecasts[name] = Forecast(model)

    def merge(self, other: Self) -> None:
        """Add the data of the same mixtures from another shard of the stream.

        Mixtures are merged, and log scores are added; each shard was forecast only from its own
        data.

        Raises
        ------
        MergeError
            If the mixtures of the other object have other priors or settings.
        """
        self._check_like(other)
        for name, mixture in self._mixtures.items():
            mixture.merge(other._mixtures[name])
            self._scores[name] += other._scores[name]
        self._n += other._n
        self._due, self._renewing = 0.0, []

    def is_like(self, other: Self) -> bool:
        """Whether another object compares the same mixtures with the same prior and half-life."""
        same = self._log_prior == other._log_prior and self._keep == other._keep
        if not same or list(self._mixtures) != list(other._mixtures):
            return False
        pairs = zip(self._mixtures.values(), other._mixtures.values(), strict=True)
        return all(mine.is_like(theirs) for mine, theirs in pairs)

    # Results.

    @property
    def n_samples(self) -> float:
        """Total weight of the observations."""
        return self._n

    @property
    def mixtures(self) -> Mapping[Any, Mixture]:
        """The mixtures, keyed by name; do not change them."""
        return MappingProxyType(self._mixtures)

    @property
    def log_scores(self) -> dict[Any, float]:
        """Log probability of the observations under the forecasts of every mixture."""
        return dict(self._scores)

    @property
    def probabilities(self) -> dict[Any, float]:
        """Posterior probability of every mixture."""
        logs = self._log_weights()
        top = max(logs.values())
        shares = {name: math.exp(v - top) for name, v in logs.items()}
        total = math.fsum(shares.values())
        return {name: share / total for name, share in shares.items()}

    @property
    def best(self) -> Any:
        """The name of the most probable mixture; the first one in a tie."""
        logs = self._log_weights()
        return max(logs, key=logs.__getitem__)

    def _log_weights(self) -> dict[Any, float]:
        """Return the log probability of every mixture, up to a common constant."""
        return {name: self._log_prior[name] + score for name, score in self._scores.items()}

    @property
    def mixture(self) -> Mixture:
        """A copy of the most probable mixture."""
        return self._mixtures[self.best].clone(include_attributes=True)

    def samples(self, chains: int, draws: int) -> Samples:
        """Return samples from the most probable mixture; see `Mixture.samples`."""
        return self._mixtures[self.best].samples(chains, draws)

    # Predictions.

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability that `x` comes from each component of the best mixture.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        return self._mixtures[self.best].predict_proba_one(x)

    def predict_one(self, x: Any) -> Any:
        """Return the most probable component of `x` in the best mixture."""
        return self._mixtures[self.best].predict_one(x)

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | data), averaged over all mixtures with their probabilities as weights.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If default priors have no scale before the first observation.
        """
        logs = [
            math.log(p) + self._mixtures[name].log_predictive(x)
            for name, p in self.probabilities.items()
            if p > 0.0
        ]
        return log_sum_exp(logs)

    def score_one(self, x: Any) -> float:
        """Return the surprise of an observation, ``-log_predictive(x)``: higher is more anomalous.

        The surprise is 0 while default priors have no scale.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._n == 0.0 and self._waits:
            return self._mixtures[self.best].score_one(x)
        return -self.log_predictive(x)

    # Copies and JSON.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"mixtures": 3}

    @staticmethod
    def encode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter as JSON values."""
        if name == "mixtures" and as_count(value) is None:
            return [
                [serialization.encode(key), mixture.to_dict()] for key, mixture in value.items()
            ]
        return StreamClusterer.encode_parameter(name, value)

    @staticmethod
    def decode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter from JSON values."""
        if name == "mixtures" and as_count(value) is None:
            return {serialization.decode(key): Mixture.from_dict(each) for key, each in value}
        return StreamClusterer.decode_parameter(name, value)

    def learned(self) -> dict[str, Any]:
        """Return, as plain values, everything that was learned."""
        return {
            "learned": {
                "numbers": [self._n, self._due],
                "renewing": len(self._renewing),
                "scores": list(self._scores.values()),
                "mixtures": [mixture.learned() for mixture in self._mixtures.values()],
                "forecasts": [forecast.to_dict() for forecast in self._forecasts.values()],
            }
        }

    def load_learned(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned, in a new clusterer."""
        names, learned = list(self._mixtures), learned["learned"]
        self._n, self._due = finite(learned["numbers"]).tolist()
        scores = finite(learned["scores"]).tolist()
        self._scores = dict(zip(names, scores, strict=True))
        for mixture, own in zip(self._mixtures.values(), learned["mixtures"], strict=True):
            mixture.load_learned(own)
        left = learned.get("renewing", 0)  # this key is missing in documents before version 0.2
        self._renewing = names[len(names) - int(left) :] if left else []
        self._forecasts = {}
        if learned["forecasts"]:
            for name, written in zip(names, learned["forecasts"], strict=False):
                like = self._mixtures[name].current_model()
                self._forecasts[name] = Forecast.from_dict(written, like)

    def __str__(self) -> str:
        probabilities = self.probabilities
        return "\n".join(
            f"{name}: log score {self._scores[name]:.3f}, probability {p:.3f}"
            for name, p in probabilities.items()
        )


def _mixtures(given: Any, seed: int | None, df: float | str | None) -> dict[Any, Mixture]:
    """Return the mixtures to compare, keyed by name."""
    count = as_count(given)
    if count is not None:
        last = BUFFER * count  # staggered starts
        return {
            k: Mixture(k, seed=seed, buffer=last - count + k, df=df) for k in range(1, count + 1)
        }
    if df is not None:
        raise PriorError("df needs the number of mixtures; otherwise pass df to each mixture")
    if not isinstance(given, Mapping) or not given:
        raise PriorError(
            f"expected mixtures keyed by name, or the maximum number of components, got {given!r}"
        )
    for name, mixture in given.items():
        if not isinstance(mixture, Mixture):
            raise PriorError(f"expected a Mixture as {name!r}, got {mixture!r}")
        for state in mixture.priors or ():
            check_proper(state, f"mixture {name!r}")
    return {name: mixture.clone() for name, mixture in given.items()}


def _log_prior(prior: Any, names: tuple[Any, ...], by_number: bool) -> dict[Any, float]:
    if prior is None and by_number:
        decreasing = [STRONG_EVIDENCE**-k for k in range(len(names))]
        total = math.log(math.fsum(decreasing))
        return {name: math.log(p) - total for name, p in zip(names, decreasing, strict=True)}
    if prior is None:
        return dict.fromkeys(names, -math.log(len(names)))
    shares = check_proportions(prior)
    if set(shares) != set(names):
        raise PriorError(f"expected a prior over {names}, got {prior!r}")
    return {name: math.log(p) if (p := shares[name]) > 0.0 else -math.inf for name in names}
