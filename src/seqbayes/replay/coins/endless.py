"""An endless stream of coin tosses, learned one set at a time by online EM."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from seqbayes.families import Beta, Dirichlet
from seqbayes.likelihoods import Binomial
from seqbayes.mixture import Mixture
from seqbayes.replay.coins.steps import COINS, PRIORS, SETS, Coins

BURN_IN = 20
"""Number of sets collected before the first estimate."""


class EndlessCoins:
    """An endless stream of sets, each tossed with a coin picked at random.

    Parameters
    ----------
    start
        Initial probabilities of heads of A and B.
    prior
        ``flat``, or ``beta22``.
    learn_weights
        Whether to learn the probabilities of picking each coin as well.
    seed
        Seed for the picks and tosses.

    Raises
    ------
    PriorError
        If `prior` or `start` is invalid.

    Examples
    --------
    >>> first = next(iter(EndlessCoins(seed=1)))
    >>> first["number"], len(first["tosses"]), sorted(first["thetas"])
    (1, 10, ['A', 'B'])
    """

    def __init__(
        self,
        start: Sequence[float] = (0.6, 0.5),
        prior: str = "flat",
        learn_weights: bool = False,
        seed: int = 1,
    ) -> None:
        self.truth = Coins(1, start, prior, learn_weights).opening.known
        a, b = PRIORS[prior]
        self._trials = len(SETS[0].sequence)
        coin = Beta(a, b, likelihood=Binomial(trials=self._trials))
        self._mixture = Mixture(
            dict.fromkeys(COINS, coin),
            weights=Dirichlet({"A": a, "B": b}) if learn_weights else (0.5, 0.5),
            start=start,
            burn_in=BURN_IN,
        )
        self._rng = np.random.default_rng(seed)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        number = 0
        while True:
            number += 1
            coin = int(self._rng.integers(2))
            tosses = self._rng.random(self._trials) < self.truth[coin]
            heads = int(tosses.sum())
            shares = self._mixture.predict_proba_one(heads)
            self._mixture.learn_one(heads)
            parameters = self._mixture.parameters
            assert parameters is not None
            yield {
                "event": "set",
                "number": number,
                "tosses": "".join("H" if toss else "T" for toss in tosses),
                "heads": heads,
                "coin": COINS[coin],
                "responsibility": shares,
                "thetas": dict(zip(COINS, parameters, strict=True)),
                "weights": dict(zip(COINS, self._mixture.weights, strict=True)),
                "burn_in": BURN_IN,
                "truth": dict(zip(COINS, self.truth, strict=True)),
            }
