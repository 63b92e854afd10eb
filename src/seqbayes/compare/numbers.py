"""The numbers that beliefs are about."""

from __future__ import annotations

import math
from typing import Any

from seqbayes.distributions import Beta, Distribution
from seqbayes.errors import PriorError
from seqbayes.model import Model


def number_of(belief: Model | Distribution, label: Any = None) -> Distribution:
    """Return the distribution of the number that a belief is about.

    Parameters
    ----------
    belief
        A state with a proper posterior, or a distribution.
    label
        The label whose share is compared, for a belief about labels.

    Raises
    ------
    PriorError
        If the belief is improper, or not about one number.

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> number_of(Dirichlet({"red": 2, "blue": 1, "green": 1}), "red")
    Beta(alpha=2.0, beta=2.0)
    """
    if isinstance(belief, Distribution):
        return belief
    if not isinstance(belief, Model):
        raise PriorError(f"expected beliefs to compare, got {belief!r}")
    state = belief.as_of()
    if not state.conjugate or state.display_kind not in ("number", "normal", "labels"):
        raise PriorError(f"expected a belief about one number to compare, got {belief}")
    if state.display_kind == "labels":
        return _share(state, label)
    if not state.is_proper(state.posterior):
        raise PriorError(f"{state.posterior} is improper: it cannot be compared before more data")
    number: Distribution = state.plotted(state.posterior)
    return number


def _share(state: Any, label: Any) -> Distribution:
    weights, unknown = state.label_weights()
    if label is None:
        raise PriorError(f"a belief about labels is compared by the share of one: {list(weights)}")
    # a label may be given as its text, as on the command line
    mine = {name for name in weights if name == label or str(name) == label}
    weight = math.fsum(weights[name] for name in mine)
    rest = math.fsum([unknown, *(each for name, each in weights.items() if name not in mine)])
    if not (weight > 0.0 and rest > 0.0):
        raise PriorError(f"a belief has no information about the share of {label!r}")
    return Beta(weight, rest)
