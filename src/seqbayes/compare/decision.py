"""The result of a sequential test."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Decision:
    """The result of a sequential test of several arms.

    Attributes
    ----------
    guarantee : str
        "anytime-valid": with probability 1 - alpha or more, no wrong arm is ever called the best,
        no matter how often the test is checked. "none": there is no test for these data.
    reason : str
        Why there is no guarantee; empty if there is one.
    alpha : float
        Largest probability of ever calling an arm the best although it is not.
    best : hashable or None
        The arm that is the best; None while the test has not decided.
    e_values : dict
        ``e_values[a][b]``: the largest evidence so far that a is better than b, against the
        hypothesis that it is not.
    p_value : float
        Smallest alpha at which the test would have decided; 1 without a guarantee.
    more : float or None
        Approximate number of further observations, over all arms, that will lead to a decision with
        probability 80 % if the observed effects are the true ones; None if no decision is expected.
    """

    guarantee: str
    reason: str
    alpha: float
    best: Hashable
    e_values: Mapping[Hashable, Mapping[Hashable, float]]
    p_value: float
    more: float | None

    @property
    def stop(self) -> bool:
        """Whether the test has decided."""
        return self.best is not None
