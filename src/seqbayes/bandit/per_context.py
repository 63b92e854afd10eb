"""One bandit for each context."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from river.base import Base

from seqbayes.bandit.bandit import Bandit
from seqbayes.bandit.policy import Choice


def register_policy(kind: type) -> None:
    """Register a class as a contextual policy of River, if River's bandits have been imported.

    Importing them here would take longer than importing all of seqbayes.
    """
    module = sys.modules.get("river.bandit.base")
    if module is not None:
        module.ContextualPolicy.register(kind)


class PerContext(Base):
    """Choose arms by a separate bandit for each combination of context fields.

    The object has the interface of River's contextual policies: `pull(arms, context)` and
    `update(arm, context, reward)`. A chooser that is created after `import river.bandit` is an
    instance of `river.bandit.base.ContextualPolicy`, as `river.bandit.evaluate_offline` requires.

    Parameters
    ----------
    bandit
        The bandit, of which every context starts with a copy.
    by
        Names of the context's fields.

    Raises
    ------
    ValueError
        If there is no field.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> from seqbayes.bandit import Bandit, PerContext
    >>> chooser = PerContext(Bandit(Beta(), seed=1), by=["country"])
    >>> arm = chooser.pull(["red", "blue"], {"country": "de"})
    >>> chooser.update("red", {"country": "de", "age": 31}, True)
    >>> chooser.bandits[("de",)].counts
    {'red': 1}
    """

    def __init__(self, bandit: Bandit, by: Iterable[str]) -> None:
        self.bandit = bandit
        self.by = [by] if isinstance(by, str) else list(by)
        if not self.by:
            raise ValueError("expected at least one field of the context, got none")
        self._bandits: dict[tuple[Any, ...], Bandit] = {}
        self._n = 0
        register_policy(type(self))

    @property
    def bandits(self) -> dict[tuple[Any, ...], Bandit]:
        """The bandit of each known context, keyed by the values of the context's fields."""
        return dict(self._bandits)

    def pull(self, arm_ids: Sequence[Any], context: Mapping[str, Any]) -> Any:
        """Choose an arm.

        Parameters
        ----------
        arm_ids
            The arms that can be chosen.
        context
            The context; fields that are not in `by` are ignored.

        Raises
        ------
        KeyError
            If a field of `by` is missing.
        """
        return self._bandit(context).pull(arm_ids)

    def choose(self, arm_ids: Sequence[Any], context: Mapping[str, Any]) -> Choice:
        """Choose an arm, and return it with the probability with which it was chosen.

        Parameters
        ----------
        arm_ids, context
            As for `pull`.

        Raises
        ------
        KeyError
            If a field of `by` is missing.
        """
        return self._bandit(context).choose(arm_ids)

    def update(
        self,
        arm_id: Any,
        context: Mapping[str, Any],
        reward: Any,
        w: float = 1.0,
        t: Any = None,
    ) -> None:
        """Learn a reward.

        Parameters
        ----------
        arm_id, reward, w, t
            As for `Bandit.update`.
        context
            The context in which the arm was chosen.

        Raises
        ------
        KeyError
            If a field of `by` is missing.
        ObservationError
            If the reward is invalid.
        """
        self._bandit(context).update(arm_id, reward, w, t)
        self._n += 1

    def _bandit(self, context: Mapping[str, Any]) -> Bandit:
        key = tuple(context[field] for field in self.by)
        bandit = self._bandits.get(key)
        if bandit is None:
            seed = self.bandit.seed
            if seed is not None:  # with the same seed, all contexts would make the same choices
                text = json.dumps([seed, *key], default=repr)
                seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
            bandit = self._bandits[key] = self.bandit.clone({"seed": seed})
        return bandit
