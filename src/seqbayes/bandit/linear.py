"""A bandit whose rewards depend on the features of the context: one regression for each arm."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol, Self

from seqbayes.bandit.candidates import RandomCandidates
from seqbayes.bandit.per_context import register_policy
from seqbayes.bandit.policy import Choice, Policy
from seqbayes.bandit.rules import Rule, check_arms, shares_of
from seqbayes.distributions import Distribution
from seqbayes.errors import ImproperError


class Regression(Protocol):
    """A regression such as `seqbayes.river.ConjugateLinearRegression`."""

    def learn_one(self, x: Mapping[Any, Any], y: Any, w: float = 1.0) -> None:
        """Learn one row."""

    def expected(self, x: Mapping[Any, Any]) -> Distribution:
        """Return the distribution of the expected target; raise ImproperError if it is improper."""

    def clone(self) -> Self:
        """Return a copy without data."""


class LinearBandit(Policy):
    """Choose arms by regressions of their rewards on the features of the context.

    The default rule is Thompson sampling with linear rewards [1]_. The bandit has the interface of
    River's contextual policies: `pull(arms, context)` and `update(arm, context, reward)`.

    Parameters
    ----------
    model
        The regression, of which every arm starts with a copy: a `ConjugateLinearRegression`, or
        another estimator with `learn_one`, `expected` and `clone`.
    rule, better, min_share, burn_in, seed
        As for `Bandit`. An arm whose posterior is improper is chosen first; with the default prior
        of `ConjugateLinearRegression` this is the case until the noise can be estimated.

    Raises
    ------
    PriorError
        If a parameter is invalid.

    Notes
    -----
    In a context x the expected reward of an arm has a Student's t distribution. The arms are
    independent, so that the probabilities of being the best, and therefore the propensities, are
    exact.

    References
    ----------
    .. [1] Agrawal, S. and Goyal, N. (2013). Thompson sampling for contextual bandits with linear
       payoffs. ICML, 127-135.

    Examples
    --------
    >>> import random
    >>> from seqbayes.bandit import LinearBandit
    >>> from seqbayes.river import ConjugateLinearRegression
    >>> model = ConjugateLinearRegression(precision=1.0)
    >>> bandit, rng = LinearBandit(model, seed=1), random.Random(1)
    >>> for _ in range(300):
    ...     context = {"age": rng.uniform(-1.0, 1.0)}
    ...     arm = bandit.pull(["short", "long"], context)
    ...     mean = context["age"] if arm == "long" else 0.2
    ...     bandit.update(arm, context, mean + rng.gauss(0.0, 0.3))
    >>> [bandit.pull(["short", "long"], {"age": age}) for age in (-0.9, 0.9)]
    ['short', 'long']
    """

    def __init__(
        self,
        model: Regression,
        *,
        rule: Rule | None = None,
        better: str = "higher",
        min_share: float = 0.0,
        burn_in: int = 0,
        seed: int | None = None,
    ) -> None:
        super().__init__(rule, better, min_share, burn_in, seed)
        self.model = model
        self._models: dict[Hashable, Regression] = {}
        register_policy(type(self))

    @property
    def models(self) -> dict[Hashable, Regression]:
        """The regression of each arm that has learned a reward."""
        return dict(self._models)

    def pull(self, arm_ids: Sequence[Any], context: Mapping[str, Any]) -> Any:
        """Choose an arm.

        Parameters
        ----------
        arm_ids
            The arms that can be chosen. New ones start from the prior.
        context
            The features: numbers keyed by name.

        Raises
        ------
        PriorError
            If there is no arm, or `min_share` is too large for the number of arms.
        ObservationError
            If a feature is not a finite number.
        """
        return self._pick(*self._candidates(arm_ids, context))

    def shares(self, arm_ids: Sequence[Any], context: Mapping[str, Any]) -> dict[Any, float]:
        """Return the exact probability with which `pull` chooses each arm.

        Parameters
        ----------
        arm_ids, context
            As for `pull`.

        Raises
        ------
        PriorError, ObservationError
            As raised by `pull`.
        """
        candidates, first = self._candidates(arm_ids, context)
        return shares_of(self._rule, candidates, first, self.min_share)

    def choose(self, arm_ids: Sequence[Any], context: Mapping[str, Any]) -> Choice:
        """Choose an arm, and return it with the probability of this choice.

        Parameters
        ----------
        arm_ids, context
            As for `pull`.

        Raises
        ------
        PriorError, ObservationError
            As raised by `pull`.
        """
        return self._choose(self.shares(arm_ids, context))

    def update(self, arm_id: Any, context: Mapping[str, Any], reward: Any, w: float = 1.0) -> None:
        """Learn a reward.

        Parameters
        ----------
        arm_id
            The arm that was chosen.
        context
            The context in which it was chosen.
        reward
            The reward, a number.
        w
            Weight of the reward.

        Raises
        ------
        ObservationError
            If a feature, the reward or the weight is invalid; nothing is changed.
        """
        model = self._models.get(arm_id)
        if model is None:
            model = self.model.clone()
        model.learn_one(context, reward, w)
        self._models[arm_id] = model
        self._count(arm_id)

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
        del self._models[arm_id]
        del self._counts[arm_id]

    def _candidates(
        self, arm_ids: Sequence[Any], context: Mapping[str, Any]
    ) -> tuple[RandomCandidates, list[Any]]:
        """Return the candidates, and the arms that must be chosen before the rule is used."""
        arms = check_arms(arm_ids, self.min_share)
        numbers: dict[Any, Any] = {arm: self._expected(arm, context) for arm in arms}
        first = self._burning_in(arms) or [arm for arm in arms if numbers[arm] is None]

        def draw(arm: Any) -> float:
            return float(numbers[arm].sample(None, self._generator))

        candidates = RandomCandidates(
            arms, numbers.__getitem__, self.better, self._n, draw, self._rng
        )
        return candidates, first

    def _expected(self, arm: Any, context: Mapping[str, Any]) -> Distribution | None:
        try:
            return self._models.get(arm, self.model).expected(context)
        except ImproperError:
            return None
