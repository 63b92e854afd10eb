"""Two mixtures that learned on two shards become one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from seqbayes.mixture.components import adapter
from seqbayes.mixture.working import Working
from seqbayes.state import State

if TYPE_CHECKING:
    from seqbayes.mixture.model import Mixture


def alike(mine: Mixture, theirs: Mixture) -> bool:
    """Whether two mixtures have the same priors and settings."""
    if mine.names != theirs.names or mine._settings[2:] != theirs._settings[2:]:
        return False
    if mine._settings[:2] != theirs._settings[:2]:
        return False
    return bool(mine._buffer.priors == theirs._buffer.priors)


def read_alike(mine: Working, theirs: Working) -> bool:
    """Whether the components of two mixtures read observations in the same way."""
    pairs = zip(mine.priors, theirs.priors, strict=True)
    return all(adapter(a).reading(a) == adapter(b).reading(b) for a, b in pairs)


def merge(mine: Working, theirs: Working) -> None:
    """Let components at work take what others like them have learned."""
    served, other = mine.served(), theirs.served()
    order = match(mine.states(served), theirs.states(other))
    total = served.memory + other.memory
    share = other.memory / total if total > 0.0 else 0.0
    engine = mine.engine
    averaged = engine.averaged + theirs.engine.averaged
    _blend(served, other, order, share)
    for leaf, blended in zip(mine.leaves(), mine.leaves_of(served), strict=True):
        leaf.live[:] = leaf.averaged[:] = blended.averaged
    engine.live[:] = engine.average[:] = (1.0 - share) * served.live + share * other.live[order]
    engine.n += theirs.engine.n
    engine.memory, engine.averaged = total, averaged
    mine.maximise()


def _blend(served: Any, other: Any, order: Any, share: float) -> None:
    """Leave in the averages of `served` what both have seen, in their shares."""
    for kernel, place in zip(served.kernels, order, strict=True):
        pairs = zip(kernel.leaves(), other.kernels[place].leaves(), strict=True)
        for leaf, theirs in pairs:
            leaf.averaged[:] = leaf.live
            leaf.live[:] = theirs.live
            leaf.average(share)


def match(mine: tuple[State, ...], theirs: tuple[State, ...]) -> Any:
    """Return, for every component of mine, the place of its counterpart.

    Of all pairings that of the greatest evidence for pairs of one parameter against two is taken:
    the log marginal likelihood of what both of a pair have seen, less that of either.
    """
    from scipy.optimize import linear_sum_assignment

    ours, others = [log_marginal(a) for a in mine], [log_marginal(b) for b in theirs]
    gains = np.array(
        [
            [_gain(a, b, own + their) for b, their in zip(theirs, others, strict=True)]
            for a, own in zip(mine, ours, strict=True)
        ]
    )
    return linear_sum_assignment(gains, maximize=True)[1]


def log_marginal(*states: State) -> float:
    """Return the log marginal likelihood of all that states of one prior have learned."""
    first, *others = states
    seen = first._statistics
    if others:
        seen = first.clone(include_attributes=True)._statistics
        for other in others:
            seen.merge(other._statistics)
    return float(first.log_marginal(first.prior, seen.value))


def _gain(a: State, b: State, apart: float) -> float:
    """Return the log evidence for two components having learned the same, against two apart."""
    if type(a) is not type(b) or a.likelihood != b.likelihood:
        return -1e300
    gain = log_marginal(a, b) - apart
    return gain if np.isfinite(gain) else -1e300
