"""Mixtures side by side on one stream: how many components, by how well each forecasts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

from seqbayes import serialization
from seqbayes.elicit import check_proportions
from seqbayes.errors import PriorError
from seqbayes.likelihoods import check_parameter
from seqbayes.mixture import document, merging
from seqbayes.mixture.durable import Durable, OneByOne
from seqbayes.mixture.forecasting import GROWTH, Forecast
from seqbayes.mixture.model import Mixture

UNSCORED = 10
"""Observations that are not scored where priors come from the data: they set the scale."""

BUFFER = 100
"""Observations per component of the largest mixture that all of them begin from."""


class Prequential(OneByOne):
    """Mixtures that forecast the same stream, and the evidence that the forecasts are for each.

    Before an observation is learned, every mixture says how probable it is given all that came
    before. The sum of the logs of what they said is their log score. It is a log evidence: of data
    in the order in which they came, without a bound and without counting parameters, and mixtures
    that have too few components lose as well as those that have too many to learn.

    Parameters
    ----------
    mixtures
        Mixtures by name: they are cloned with nothing learned, and may differ in their
        components, in the shape of covariances, or in anything else. Or a number: mixtures of 1, 2,
        … so many Normal components, named by their number.
    prior
        Probability of every mixture beforehand; by default all are as probable.
    half_life
        After so many observations a log score counts for half, so that a stream that changes is
        followed; by default it counts for good.
    seed
        Seed of the starts, where `mixtures` is a number.

    Notes
    -----
    Where priors come from the data the first ten observations set the scale and are not scored.
    A forecast is made anew whenever what was seen has grown by a hundredth. While the buffer of a
    mixture fills, it forecasts by a fit to what is in it.

    Raises
    ------
    PriorError
        If there are no mixtures, a mixture's prior is improper, or `prior` does not sum to 1.

    References
    ----------
    .. [1] Dawid, A. P. (1984). Present position and potential developments: some personal views.
       Statistical theory, the prequential approach. Journal of the Royal Statistical Society A 147,
       278-292.

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
    ) -> None:
        named = _mixtures(mixtures, seed)
        self._given: dict[str, Any] = {
            "mixtures": mixtures if isinstance(mixtures, int) else dict(named),
            "prior": prior,
            "half_life": half_life,
            "seed": seed,
        }
        self.prior, self.half_life, self.seed = prior, half_life, seed
        self._mixtures = {name: mixture.clone() for name, mixture in named.items()}
        self._log_prior = _log_prior(prior, tuple(named))
        self._keep = 1.0
        if half_life is not None:
            self._keep = 2.0 ** (-1.0 / check_parameter("half_life", half_life))
        self._waits = any(mixture._buffer.priors is None for mixture in named.values())
        self._scores = dict.fromkeys(named, 0.0)
        self._forecasts: dict[Any, Forecast] = {}
        self._n = self._due = 0.0

    # Learning.

    def _check(self, x: Any) -> None:
        for mixture in self._mixtures.values():
            mixture._check(x)

    def _check_many(self, xs: Any) -> None:
        for mixture in self._mixtures.values():
            mixture._check_many(xs)

    def _take(self, x: Any, w: float) -> None:
        """Score the forecasts of an observation that is no bad one, and learn it."""
        if self._n >= self._due and self._n >= (UNSCORED if self._waits else 0.0):
            self._renew()
        said = {name: forecast.log_density(x) for name, forecast in self._forecasts.items()}
        keep = self._keep**w
        for name, mixture in self._mixtures.items():
            mixture.learn_one(x, w)
            self._scores[name] = keep * self._scores[name] + w * said.get(name, 0.0)
        self._n += w

    def _renew(self) -> None:
        for name, mixture in self._mixtures.items():
            working = mixture._present()
            if name in self._forecasts:
                self._forecasts[name].renew(working)
            else:
                self._forecasts[name] = Forecast(working)
        self._due = GROWTH * self._n

    def merge(self, other: Self) -> None:
        """Absorb what others like these have learned from another shard of the stream.

        Mixtures are merged, and log scores added: every shard was forecast from itself alone.

        Raises
        ------
        MergeError
            If the others have other priors or settings.
        """
        self._check_like(other)
        for name, mixture in self._mixtures.items():
            mixture.merge(other._mixtures[name])
            self._scores[name] += other._scores[name]
        self._n += other._n
        self._due = 0.0

    def _is_like(self, other: Self) -> bool:
        same = self._log_prior == other._log_prior and self._keep == other._keep
        if not same or list(self._mixtures) != list(other._mixtures):
            return False
        pairs = zip(self._mixtures.values(), other._mixtures.values(), strict=True)
        return all(merging.alike(mine, theirs) for mine, theirs in pairs)

    # What was learned.

    @property
    def n_samples(self) -> float:
        """Total weight of what was seen."""
        return self._n

    @property
    def mixtures(self) -> Mapping[Any, Mixture]:
        """The mixtures by name, as they have learned; they learn together, not by themselves."""
        return MappingProxyType(self._mixtures)

    @property
    def log_scores(self) -> dict[Any, float]:
        """Log probability of what was seen, by the forecasts of every mixture."""
        return dict(self._scores)

    @property
    def probabilities(self) -> dict[Any, float]:
        """Posterior probability of every mixture to be the one that makes the stream."""
        logs = {name: self._log_prior[name] + score for name, score in self._scores.items()}
        top = max(logs.values())
        shares = {name: math.exp(v - top) for name, v in logs.items()}
        total = math.fsum(shares.values())
        return {name: share / total for name, share in shares.items()}

    @property
    def best(self) -> Any:
        """The name of the most probable mixture, the first of those that are as probable."""
        probabilities = self.probabilities
        return max(probabilities, key=probabilities.__getitem__)

    @property
    def mixture(self) -> Mixture:
        """The most probable mixture, a copy."""
        return self._mixtures[self.best].clone(include_attributes=True)

    # What is believed about observations.

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """Return the probability of every component of the best mixture to have made `x`.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        return self._mixtures[self.best].predict_proba_one(x)

    def predict_one(self, x: Any) -> Any:
        """Return the component of the best mixture that most probably made the observation."""
        return self._mixtures[self.best].predict_one(x)

    def log_predictive(self, x: Any) -> float:
        """Return log p(x | all that was seen), over all mixtures in their probabilities.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        PriorError
            If priors come from the data, and there was none yet.
        """
        logs = [
            math.log(p) + self._mixtures[name].log_predictive(x)
            for name, p in self.probabilities.items()
            if p > 0.0
        ]
        top = max(logs)
        if not math.isfinite(top):
            return top
        return top + math.log(math.fsum(math.exp(v - top) for v in logs))

    def score_one(self, x: Any) -> float:
        """Return the surprise at an observation, ``-log_predictive(x)``: high is anomalous.

        It is 0 before the first observation where priors come from the data.

        Raises
        ------
        ObservationError
            If `x` is outside a component's support.
        """
        if self._n == 0.0 and self._waits:
            return self._mixtures[self.best].score_one(x)
        return -self.log_predictive(x)

    # Copies and durable forms.

    @classmethod
    def _unit_test_params(cls) -> Iterator[dict[str, Any]]:
        yield {"mixtures": 3}

    @staticmethod
    def _encode(name: str, value: Any) -> Any:
        if name == "mixtures" and not isinstance(value, int):
            return [
                [serialization.encode(key), mixture.to_dict()] for key, mixture in value.items()
            ]
        return Durable._encode(name, value)

    @staticmethod
    def _decode(name: str, value: Any) -> Any:
        if name == "mixtures" and not isinstance(value, int):
            return {serialization.decode(key): Mixture.from_dict(each) for key, each in value}
        return Durable._decode(name, value)

    def _learned(self) -> dict[str, Any]:
        return {
            "learned": {
                "numbers": [self._n, self._due],
                "scores": list(self._scores.values()),
                "mixtures": [mixture._learned() for mixture in self._mixtures.values()],
                "forecasts": [forecast.to_dict() for forecast in self._forecasts.values()],
            }
        }

    def _restore(self, seen: Mapping[str, Any]) -> None:
        names, seen = list(self._mixtures), seen["learned"]
        self._n, self._due = document.finite(seen["numbers"]).tolist()
        scores = document.finite(seen["scores"]).tolist()
        self._scores = dict(zip(names, scores, strict=True))
        for mixture, learned in zip(self._mixtures.values(), seen["mixtures"], strict=True):
            mixture._restore(learned)
        self._forecasts = {}
        if seen["forecasts"]:
            for name, said in zip(names, seen["forecasts"], strict=True):
                like = self._mixtures[name]._present()
                self._forecasts[name] = Forecast.from_dict(said, like)

    def __str__(self) -> str:
        probabilities = self.probabilities
        return "\n".join(
            f"{name}: log score {self._scores[name]:.3f}, probability {p:.3f}"
            for name, p in probabilities.items()
        )


def _mixtures(given: Any, seed: int | None) -> dict[Any, Mixture]:
    """Return the mixtures to compare, by name."""
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        size = BUFFER * given
        return {k: Mixture(k, seed=seed, buffer=size) for k in range(1, given + 1)}
    if not isinstance(given, Mapping) or not given:
        raise PriorError(f"expected mixtures by name, or the most components, got {given!r}")
    for name, mixture in given.items():
        if not isinstance(mixture, Mixture):
            raise PriorError(f"expected a Mixture as {name!r}, got {mixture!r}")
        for state in mixture._buffer.priors or ():
            if not state.is_proper(state.prior):
                raise PriorError(f"mixture {name!r} needs proper priors, got {state.prior}")
    return {name: mixture.clone() for name, mixture in given.items()}


def _log_prior(prior: Any, names: tuple[Any, ...]) -> dict[Any, float]:
    if prior is None:
        return dict.fromkeys(names, -math.log(len(names)))
    shares = check_proportions(prior)
    if set(shares) != set(names):
        raise PriorError(f"expected a prior over {names}, got {prior!r}")
    return {name: math.log(p) if (p := shares[name]) > 0.0 else -math.inf for name in names}
