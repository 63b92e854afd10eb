"""A bandit: a belief about the reward of each arm, and a rule for choosing an arm."""

from __future__ import annotations

import copy
from collections.abc import Hashable, Iterable, Sequence
from typing import Any

from seqbayes.bandit.candidates import RandomCandidates
from seqbayes.bandit.memory import Memory
from seqbayes.bandit.policy import Choice, Policy
from seqbayes.bandit.rules import Rule, check_arms, shares_of
from seqbayes.compare import number_of
from seqbayes.distributions import Distribution
from seqbayes.errors import PriorError
from seqbayes.model import Model

# Maximum number of values drawn at once from the belief about an arm, for use until it changes.
MAX_DRAWS = 64


class Bandit(Policy):
    """Choose arms based on the beliefs about their rewards.

    A bandit has the interface of a River policy (`pull`, `update`, `ranking`), and can be used in
    `river.bandit.evaluate` and `river.bandit.evaluate_offline`.

    Parameters
    ----------
    state
        Prior and likelihood of the reward of an arm: a state about one number (optionally within
        `Decayed` or `Windowed`), or about labels if `label` is given. Every arm starts with a copy
        of it.
    rule
        The rule for choosing an arm; by default Thompson sampling.
    better
        Whether the "higher" or the "lower" reward is better.
    label
        The label whose share is the reward, for a state about labels.
    min_share
        Minimum probability with which each arm is chosen.
    burn_in
        Number of rewards of each arm before the rule is used. Use 2 or more if the variance of
        rewards is unknown.
    seed
        Seed for the random numbers.

    Raises
    ------
    PriorError
        If a parameter is invalid.

    Notes
    -----
    An arm whose belief is improper, as under a flat prior before any reward, is chosen first. If
    there are several such arms, or arms in their burn-in, each is chosen with the same probability.

    If the state forgets by time, the beliefs about all arms are compared as of the latest time of
    any learned reward, so that arms that are not chosen forget as well. A state that forgets by
    events forgets only when its arm is rewarded.

    References
    ----------
    .. [1] Russo, D. J., Van Roy, B., Kazerouni, A., Osband, I. and Wen, Z. (2018). A tutorial on
       Thompson sampling. Foundations and Trends in Machine Learning 11, 1-96.

    Examples
    --------
    >>> import random
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit
    >>> bandit, rng, rates = Bandit(Beta(), seed=1), random.Random(1), {"red": 0.1, "blue": 0.3}
    >>> for _ in range(500):
    ...     arm = bandit.pull(["red", "blue"])
    ...     bandit.update(arm, rng.random() < rates[arm])
    >>> bandit.ranking
    ['blue', 'red']
    """

    def __init__(
        self,
        state: Model,
        *,
        rule: Rule | None = None,
        better: str = "higher",
        label: Any = None,
        min_share: float = 0.0,
        burn_in: int = 0,
        seed: int | None = None,
    ) -> None:
        belief: Any = state
        if not isinstance(belief, Model) or not belief.conjugate:
            raise PriorError(f"expected a State as the belief about rewards, got {state!r}")
        super().__init__(rule, better, min_share, burn_in, seed)
        self.state: Any = belief
        self.label = label
        self._states: dict[Hashable, Any] = {}
        # Caches of values that depend on the belief about an arm; None if the belief is improper.
        self._numbers: dict[Hashable, Distribution | None] = {}
        self._draws: dict[Hashable, list[float]] = {}
        self._drawn: dict[Hashable, int] = {}
        self._shares: dict[tuple[Hashable, ...], dict[Hashable, float]] = {}
        self._memory = Memory()
        self._clock: float | None = None  # latest time of a reward, if states forget by time
        belief_about_number(belief, label)

    @property
    def arms(self) -> dict[Hashable, Any]:
        """Copies of the beliefs about the rewards of all arms that were chosen or updated."""
        return {arm: copy.copy(state) for arm, state in self._states.items()}

    @property
    def ranking(self) -> list[Hashable]:
        """The arms in order of posterior mean, the best first."""
        sign = 1.0 if self.better == "lower" else -1.0

        def order(arm: Hashable) -> tuple[bool, float]:
            number = self._number(arm)
            mean = None if number is None else number.mean
            return (mean is None, 0.0 if mean is None else sign * mean)

        return sorted(self._states, key=order)

    def pull(self, arm_ids: Sequence[Any]) -> Any:
        """Choose an arm.

        Parameters
        ----------
        arm_ids
            The arms that can be chosen. New ones start from the prior.

        Raises
        ------
        PriorError
            If there is no arm, or `min_share` is too large for the number of arms.
        """
        arms = check_arms(arm_ids, self.min_share)
        return self._pick(self._candidates(arms), self._first(arms))

    def shares(self, arm_ids: Sequence[Any]) -> dict[Any, float]:
        """Return the exact probability with which `pull` chooses each arm.

        Parameters
        ----------
        arm_ids
            The arms that can be chosen.

        Raises
        ------
        PriorError
            If there is no arm, or `min_share` is too large for the number of arms.
        """
        arms = tuple(check_arms(arm_ids, self.min_share))
        found = self._shares.get(arms)
        if found is None:
            candidates, first = self._candidates(arms), self._first(arms)
            found = shares_of(self._rule, candidates, first, self.min_share)
            self._shares[arms] = found
        return dict(found)

    def choose(self, arm_ids: Sequence[Any]) -> Choice:
        """Choose an arm, and return it with the probability of this choice.

        Parameters
        ----------
        arm_ids
            The arms that can be chosen.

        Raises
        ------
        PriorError
            If there is no arm, or `min_share` is too large for the number of arms.

        Examples
        --------
        >>> from seqbayes import Beta
        >>> from seqbayes.bandit import Bandit
        >>> Bandit(Beta(), seed=3).choose(["red", "blue"]).propensity
        0.5
        """
        return self._choose(self.shares(arm_ids))

    def update(self, arm_id: Any, reward: Any, w: float = 1.0, t: Any = None) -> None:
        """Learn a reward.

        Parameters
        ----------
        arm_id
            The arm that was chosen.
        reward
            The reward: an observation that the arm's state can learn.
        w
            Weight of the reward.
        t
            Time of the reward, for beliefs that forget by time; by default the number of rewards of
            all arms, including this reward.

        Raises
        ------
        ObservationError
            If the reward or its weight is invalid for the state; nothing is changed.
        """
        state = self._states.get(arm_id)
        new = state is None
        if state is None:
            state = self.state.clone()
        if t is None and state.timed:
            t = self._n + 1.0
        if t is None:
            state.learn_one(reward, w)
        else:
            state.learn_one(reward, w, t=t)
        if new:
            self._states[arm_id] = state
        self._count(arm_id)
        self._shares.clear()
        if state.timed:  # the other arms also forget
            self._clock = newest_clock((state,), self._clock)
            self._numbers.clear()
            self._draws.clear()
        else:
            self._numbers.pop(arm_id, None)
            self._draws.pop(arm_id, None)

    def retire(self, arm_id: Any) -> None:
        """Forget an arm that can no longer be chosen.

        Parameters
        ----------
        arm_id
            The arm.

        Raises
        ------
        KeyError
            If the arm is unknown.
        """
        del self._states[arm_id]
        for cache in (self._counts, self._numbers, self._draws, self._drawn):
            cache.pop(arm_id, None)
        self._memory.forget(arm_id)
        self._shares.clear()

    def _candidates(self, arms: Sequence[Any]) -> RandomCandidates:
        return RandomCandidates(
            arms,
            self._number,
            self.better,
            self._n,
            self._draw,
            self._rng,
            self._memory,
        )

    def _first(self, arms: Sequence[Any]) -> list[Any]:
        """Return the arms to choose before the rule is used."""
        if self.burn_in:
            first = self._burning_in(arms)
            if first:
                return first
        return [arm for arm in arms if self._number(arm) is None]

    def _state(self, arm: Any) -> Any:
        state = self._states.get(arm)
        if state is None:
            state = self._states[arm] = self.state.clone()
        return state

    def _number(self, arm: Any) -> Any:
        try:
            return self._numbers[arm]
        except KeyError:
            state = self._state(arm)
        number = self._numbers[arm] = belief_about_number(state, self.label, self._clock)
        return number

    def _draw(self, arm: Any) -> float:
        try:
            return self._draws[arm].pop()
        except (KeyError, IndexError):
            return self._new_draw(arm)

    def _new_draw(self, arm: Any) -> float:
        # Beliefs about arms that are not chosen do not change, so several values are drawn at once.
        draws, number = self._draws.get(arm), self._number(arm)
        if draws is None:
            self._draws[arm], self._drawn[arm] = [], 1
            return float(number.sample(None, self._generator))
        self._drawn[arm] = min(4 * self._drawn[arm], MAX_DRAWS)
        draws.extend(number.sample(self._drawn[arm], self._generator).tolist())
        return draws.pop()


def newest_clock(states: Iterable[Any], clock: float | None = None) -> float | None:
    """Return the latest time of any reward the beliefs have learned; None if no belief has a time.

    Parameters
    ----------
    states
        The beliefs.
    clock
        An earlier result, which is taken into account as well.
    """
    times = [state.clock for state in states if state.timed and state.clock is not None]
    return max(times if clock is None else [*times, clock], default=None)


def belief_about_number(state: Any, label: Any, clock: float | None = None) -> Any:
    """Return the distribution of the expected reward; None while the distribution is improper.

    Parameters
    ----------
    state
        The belief about the reward of an arm.
    label
        The label whose share is the reward, for a belief about labels.
    clock
        The time, for a belief that forgets by time; by default the latest time of a reward that it
        has learned.

    Raises
    ------
    PriorError
        If the belief is not about one number.
    """
    if clock is not None and state.timed:
        state = state.as_of(clock)
    try:
        return number_of(state, label)
    except PriorError:
        if state.is_proper(state.posterior):
            raise
        return None
