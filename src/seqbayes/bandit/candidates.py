"""The arms of one choice, with what the rules need to know about them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Hashable, Mapping, Sequence

from seqbayes.bandit.memory import Memory
from seqbayes.compare import p_best
from seqbayes.distributions import Distribution

Arm = Hashable


class Candidates:
    """The arms of one choice, with the data that the rules need.

    Parameters
    ----------
    arms
        The arms that can be chosen.
    number_of
        Returns the distribution of an arm's expected reward.
    better
        Whether the "higher" or the "lower" reward is better.
    n
        Number of rewards that were learned.
    memory
        Numbers that were computed for earlier choices.
    """

    __slots__ = ("arms", "better", "memory", "n", "number_of", "sign")

    def __init__(
        self,
        arms: Sequence[Arm],
        number_of: Callable[[Arm], Distribution],
        better: str,
        n: int,
        memory: Memory | None = None,
    ) -> None:
        self.arms = arms
        self.number_of = number_of
        self.better = better
        self.n = n
        self.memory = Memory() if memory is None else memory
        self.sign = 1.0 if better == "higher" else -1.0

    def p_best(self) -> dict[Arm, float]:
        """Return the exact probability that each arm is the best."""
        if len(self.arms) == 1:
            return {self.arms[0]: 1.0}
        return p_best({arm: self.number_of(arm) for arm in self.arms}, better=self.better)

    def closest(self, leader: Arm) -> list[Arm]:
        """Return the arms that are closest to the leader.

        The distance is the difference between the means, in standard deviations of this difference.
        """
        moments, number_of = self.memory.moments, self.number_of
        _, mean, var = moments(leader, number_of(leader))
        found: list[Arm] = []
        least = math.inf
        for arm in self.arms:
            if arm != leader:
                _, other, spread = moments(arm, number_of(arm))
                width = var + spread
                distance = (mean - other) ** 2 / width if width else math.inf
                if distance < least:
                    found, least = [arm], distance
                elif distance == least:
                    found.append(arm)
        return found

    def maxima(self, score: Callable[[Distribution], float]) -> list[Arm]:
        """Return the arms with the best score; a score that does not exist counts as the best."""
        scores = {arm: self.sign * score(self.number_of(arm)) for arm in self.arms}
        unknown = [arm for arm, value in scores.items() if math.isnan(value)]
        highest = max(scores.values()) if not unknown else math.nan
        return unknown or [arm for arm, value in scores.items() if value == highest]


class RandomCandidates(Candidates):
    """Candidates with random numbers, for the choice of one arm.

    Parameters
    ----------
    arms, number_of, better, n, memory
        As for `Candidates`.
    draw
        Returns a draw from the belief about an arm's expected reward.
    rng
        Source of random numbers.
    """

    __slots__ = ("draw", "rng")

    def __init__(
        self,
        arms: Sequence[Arm],
        number_of: Callable[[Arm], Distribution],
        better: str,
        n: int,
        draw: Callable[[Arm], float],
        rng: random.Random,
        memory: Memory | None = None,
    ) -> None:
        super().__init__(arms, number_of, better, n, memory)
        self.draw = draw
        self.rng = rng

    def sample_best(self) -> Arm:
        """Draw a value from the belief about each arm, and return the arm with the best value."""
        draw, sign = self.draw, self.sign
        best, highest = self.arms[0], -math.inf
        tied = False
        for arm in self.arms:
            value = sign * draw(arm)
            if value > highest:
                best, highest, tied = arm, value, False
            elif value == highest:
                tied = True
        # draws are equal only if floating-point numbers are too coarse to distinguish them
        return sample(self.p_best(), self.rng) if tied else best


def sample(shares: Mapping[Arm, float], rng: random.Random) -> Arm:
    """Draw an arm with the given probabilities.

    Parameters
    ----------
    shares
        Probability of each arm.
    rng
        Source of random numbers.
    """
    place, last = rng.random() * math.fsum(shares.values()), None
    for arm, share in shares.items():
        place -= share
        if share > 0.0:
            last = arm
            if place < 0.0:
                return arm
    return last  # because of rounding, no arm was found: choose the last one that can be chosen
