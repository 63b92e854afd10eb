"""Copies of states that learn by themselves."""

from __future__ import annotations

import copy
from typing import Any

from seqbayes.decay import Decayed
from seqbayes.mixture.answers import Answers
from seqbayes.state import State


def copy_of(state: Any) -> Any:
    """Return a copy of a state, mixture or estimator, with what it has learned.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> belief = Beta()
    >>> copied = copy_of(belief)
    >>> copied.learn_one(True)
    >>> belief.n_samples, copied.n_samples
    (0.0, 1.0)
    """
    if isinstance(state, (State, Decayed)):
        return state._copy()
    if isinstance(state, Answers):
        return state.clone(include_attributes=True)
    return copy.deepcopy(state)
