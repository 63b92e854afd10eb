"""The parts that bandits with and without a context share."""

from __future__ import annotations

import random
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from river.base import Base

from seqbayes.bandit.candidates import RandomCandidates, sample
from seqbayes.bandit.rules import Rule, Thompson, check_options
from seqbayes.checks import check_seed


class Choice(NamedTuple):
    """A chosen arm.

    Attributes
    ----------
        arm
        The chosen arm.
    propensity : float
        Probability with which the arm was chosen.
    """

    arm: Hashable
    propensity: float


class Policy(Base):
    """Base class of bandits: a rule, the numbers of rewards, and a source of random numbers.

    Parameters
    ----------
    rule, better, min_share, burn_in, seed
        As for `Bandit`.

    Raises
    ------
    PriorError
        If a parameter is invalid.
    """

    def __init__(
        self,
        rule: Rule | None,
        better: str,
        min_share: float,
        burn_in: int,
        seed: int | None,
    ) -> None:
        check_options(rule, better, min_share, burn_in)
        self.rule = rule
        self.better = better
        self.min_share = min_share
        self.burn_in = burn_in
        self.seed = check_seed(seed)
        self._rule: Rule = Thompson() if rule is None else rule
        self._counts: dict[Hashable, int] = {}
        self._n = 0
        self._rng = random.Random(seed)
        self._generator = np.random.default_rng(seed)

    @property
    def n(self) -> int:
        """Number of learned rewards."""
        return self._n

    @property
    def counts(self) -> dict[Hashable, int]:
        """Number of rewards of each arm."""
        return dict(self._counts)

    def _count(self, arm: Any) -> None:
        """Count a reward."""
        self._counts[arm] = self._counts.get(arm, 0) + 1
        self._n += 1

    def _burning_in(self, arms: Sequence[Any]) -> list[Any]:
        """Return the arms that have fewer rewards than the burn-in requires."""
        return [arm for arm in arms if self._counts.get(arm, 0) < self.burn_in]

    def _pick(self, candidates: RandomCandidates, first: Sequence[Any]) -> Any:
        """Choose one of the arms that must be chosen first, if any; otherwise apply the rule."""
        if first:
            return self._rng.choice(first)
        arms = candidates.arms
        if self.min_share and self._rng.random() < len(arms) * self.min_share:
            return self._rng.choice(arms)
        return self._rule.pick(candidates)

    def _choose(self, shares: Mapping[Any, float]) -> Choice:
        """Draw an arm, and return it with the probability of drawing it."""
        arm = sample(shares, self._rng)
        return Choice(arm, shares[arm])
