"""Rules for choosing an arm, each with the exact probabilities of its choices."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from seqbayes.bandit.candidates import Arm, Candidates, RandomCandidates
from seqbayes.compare import BETTER
from seqbayes.errors import PriorError

TRIES = 4
"""Number of draws after which `TopTwo` stops looking for another best arm and uses distances."""


class Rule(ABC):
    """A rule for choosing an arm."""

    @abstractmethod
    def shares(self, candidates: Candidates) -> dict[Arm, float]:
        """Return the exact probability with which each arm is chosen."""

    @abstractmethod
    def pick(self, candidates: RandomCandidates) -> Arm:
        """Choose an arm with these probabilities."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))


class Thompson(Rule):
    """Choose each arm with the probability that it is the best.

    One value is drawn from the belief about each arm, and the arm with the best value is chosen
    [1]_.

    References
    ----------
    .. [1] Thompson, W. R. (1933). On the likelihood that one unknown probability exceeds another in
       view of the evidence of two samples. Biometrika 25, 285-294.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit, Thompson
    >>> Bandit(Beta(), rule=Thompson()).shares(["red", "blue"])
    {'red': 0.5, 'blue': 0.5}
    """

    def shares(self, candidates: Candidates) -> dict[Arm, float]:
        """Return the probabilities of being the best."""
        return candidates.p_best()

    def pick(self, candidates: RandomCandidates) -> Arm:
        """Choose the arm with the best draw."""
        return candidates.sample_best()


class TopTwo(Rule):
    """Choose the best arm of a draw, or the best arm of a later draw in which another arm is best.

    Top-two Thompson sampling [1]_ identifies the best arm faster than Thompson sampling, which
    rarely chooses another arm once it is nearly certain. The second arm is found by up to 4 more
    draws: as soon as an arm other than the first is best in a draw, it is the second arm. If the
    first arm, because it is almost certainly the best, is best in all 4 draws, the second arm is
    the one whose mean is closest to that of the first arm, in standard deviations of the difference
    [2]_: the arm that is most likely to be better.

    With the probabilities of being best p, an arm i is chosen with probability ``β p[i] + (1 - β)
    Σ_{j ≠ i} p[j] (p[i] (1 - p[j]**4) / (1 - p[j]) + p[j]**4 [i is closest to j])``.

    Parameters
    ----------
    beta
        Probability of choosing the first arm, between 0 and 1.

    Raises
    ------
    PriorError
        If `beta` is not between 0 and 1.

    References
    ----------
    .. [1] Russo, D. (2020). Simple Bayesian algorithms for best-arm identification. Operations
       Research 68, 1625-1647.
    .. [2] Shang, X., de Heide, R., Kaufmann, E., Ménard, P. and Valko, M. (2020). Fixed-confidence
       guarantees for Bayesian best-arm identification. AISTATS, 1823-1832.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit, TopTwo
    >>> bandit = Bandit(Beta(), rule=TopTwo(beta=0.5))
    >>> for success in (True, True, True, True, False):
    ...     bandit.update("red", success)
    >>> {arm: round(share, 4) for arm, share in bandit.shares(["red", "blue"]).items()}
    {'red': 0.5, 'blue': 0.5}
    """

    def __init__(self, beta: float = 0.5) -> None:
        if not 0.0 <= beta <= 1.0:
            raise PriorError(f"expected a beta between 0 and 1, got {beta!r}")
        self.beta = beta

    def shares(self, candidates: Candidates) -> dict[Arm, float]:
        """Return the probabilities of being chosen as the first or as the second arm."""
        p = candidates.p_best()
        if len(p) == 1:
            return p
        shares = {arm: self.beta * each for arm, each in p.items()}
        for first, likely in p.items():
            none = likely**TRIES  # the first arm is the best of all draws
            for other, share in others_given_not(p, first).items():
                shares[other] += (1.0 - self.beta) * likely * (1.0 - none) * share
            closest = candidates.closest(first)
            for other in closest:
                shares[other] += (1.0 - self.beta) * likely * none / len(closest)
        return shares

    def pick(self, candidates: RandomCandidates) -> Arm:
        """Choose the best arm of a draw or, with probability 1 - beta, the best other arm."""
        first = candidates.sample_best()
        if len(candidates.arms) == 1 or candidates.rng.random() < self.beta:
            return first
        if len(candidates.arms) == 2:
            one, other = candidates.arms
            return other if first == one else one
        for _ in range(TRIES):
            best = candidates.sample_best()
            if best != first:
                return best
        closest = candidates.closest(first)
        return closest[0] if len(closest) == 1 else candidates.rng.choice(closest)


class BestScore(Rule):
    """Choose the arm with the best score; arms with equal scores are equally probable."""

    @abstractmethod
    def best(self, candidates: Candidates) -> list[Arm]:
        """Return the arms with the best score."""

    def shares(self, candidates: Candidates) -> dict[Arm, float]:
        """Divide the probability equally between the arms with the best score; others get 0."""
        best = self.best(candidates)
        return {arm: 1.0 / len(best) if arm in best else 0.0 for arm in candidates.arms}

    def pick(self, candidates: RandomCandidates) -> Arm:
        """Choose an arm with the best score."""
        best = self.best(candidates)
        return best[0] if len(best) == 1 else candidates.rng.choice(best)


class BayesUCB(BestScore):
    """Choose the arm with the best plausible reward: a quantile of the belief about it.

    After n rewards, the quantile is at the probability ``1 - 1 / (n + 2)`` [1]_, or at ``1 / (n +
    2)`` if lower rewards are better. Arms with equal quantiles are chosen with the same
    probability.

    References
    ----------
    .. [1] Kaufmann, E., Cappé, O. and Garivier, A. (2012). On Bayesian upper confidence bounds for
       bandit problems. AISTATS, 592-600.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit, BayesUCB
    >>> bandit = Bandit(Beta(), rule=BayesUCB())
    >>> for _ in range(20):
    ...     bandit.update("red", True)
    >>> bandit.pull(["red", "blue"])
    'red'
    """

    def best(self, candidates: Candidates) -> list[Arm]:
        """Return the arms with the best quantile."""
        tail = 1.0 / (candidates.n + 2.0)
        arms, number_of, sign = candidates.arms, candidates.number_of, candidates.sign
        return candidates.memory.best(arms, number_of, sign, tail)


class Greedy(BestScore):
    """Choose the arm with the best posterior mean.

    The rule does not explore, so give the bandit a `min_share`. Arms with equal means are chosen
    with the same probability.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit, Greedy
    >>> bandit = Bandit(Beta(), rule=Greedy(), min_share=0.25)
    >>> bandit.update("red", True)
    >>> bandit.shares(["red", "blue"])
    {'red': 0.75, 'blue': 0.25}
    """

    def best(self, candidates: Candidates) -> list[Arm]:
        """Return the arms with the best posterior mean."""
        return candidates.maxima(lambda number: math.nan if number.mean is None else number.mean)


RULES: dict[str, type[Rule]] = {
    "thompson": Thompson,
    "top-two": TopTwo,
    "bayes-ucb": BayesUCB,
    "greedy": Greedy,
}
"""The rules, keyed by their names in configurations."""


def check_options(rule: Any, better: str, min_share: float, burn_in: int) -> None:
    """Check the parameters of a bandit.

    Raises
    ------
    PriorError
        If a parameter is invalid.
    """
    if rule is not None and not isinstance(rule, Rule):
        raise PriorError(f"expected a rule such as Thompson(), got {rule!r}")
    if better not in BETTER:
        raise PriorError(f"expected 'better' to be 'higher' or 'lower', got {better!r}")
    if not 0.0 <= min_share <= 0.5:
        raise PriorError(f"expected a min_share between 0 and 0.5, got {min_share!r}")
    if not (type(burn_in) is int and burn_in >= 0):
        raise PriorError(f"expected a burn_in that is a whole number >= 0, got {burn_in!r}")


def check_arms(arm_ids: Sequence[Any], min_share: float) -> list[Any]:
    """Return the arms of a choice.

    Raises
    ------
    PriorError
        If there is no arm, an arm is repeated, or `min_share` is too large for the number of arms.
    """
    arms = list(arm_ids)
    if not arms:
        raise PriorError("expected at least one arm to choose from, got none")
    if len(set(arms)) < len(arms):
        raise PriorError(f"expected distinct arms, got {arms}")
    if len(arms) * min_share > 1.0:
        raise PriorError(f"min_share={min_share} is too large for {len(arms)} arms")
    return arms


def shares_of(
    rule: Rule, candidates: Candidates, first: Sequence[Arm], min_share: float
) -> dict[Arm, float]:
    """Return the probability that each arm is chosen.

    Parameters
    ----------
    rule
        The rule.
    candidates
        The arms.
    first
        Arms of which one must be chosen before the rule is used, if any.
    min_share
        Minimum probability of choosing each arm.
    """
    if first:
        return {arm: 1.0 / len(first) if arm in first else 0.0 for arm in candidates.arms}
    rest = 1.0 - len(candidates.arms) * min_share
    shares = rule.shares(candidates)
    return {arm: min_share + rest * shares[arm] for arm in candidates.arms}


def others_given_not(p: Mapping[Arm, float], best: Arm) -> dict[Arm, float]:
    """Return, for each of the other arms, the probability that it is the best if `best` is not.

    Parameters
    ----------
    p
        Probability that each arm is the best.
    best
        The arm that is not the best.
    """
    rest = {arm: each for arm, each in p.items() if arm != best}
    total = math.fsum(rest.values())
    return {arm: each / total if total else 1.0 / len(rest) for arm, each in rest.items()}
