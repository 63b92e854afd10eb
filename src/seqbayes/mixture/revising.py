"""Components are born and retired: mixtures at work with one more than another, or one fewer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.special as sc

from seqbayes.families import Dirichlet
from seqbayes.mixture.evidence import log_evidence
from seqbayes.mixture.kernels import Kernel
from seqbayes.mixture.merging import log_marginal
from seqbayes.mixture.settings import Settings
from seqbayes.mixture.working import Working
from seqbayes.state import State

Array = npt.NDArray[np.float64]

# Starts of a split, and passes of EM from them.
_STARTS, _PASSES = 3, 20


class Prior(NamedTuple):
    """A truncated Dirichlet process: shares of at most so many components, and what they are.

    Attributes
    ----------
    concentration : float
        Weight of all that is not born.
    most : int
        How many components there can be.
    settings : Settings
        How components learn.
    lenient : bool
        Whether features of other names are passed over.
    """

    concentration: float
    most: int
    settings: Settings
    lenient: bool

    def working(self, component: State, k: int, flat: bool = False) -> Working:
        """Return `k` components at work; where `flat`, all shares are as probable beforehand."""
        each = 1.0 if flat else self.concentration / self.most
        weights: Any = Dirichlet(dict.fromkeys(range(k), each)) if k > 1 else (1.0,)
        settings = self.settings._replace(weights=weights)
        return Working((component,) * k, settings, self.lenient)

    def unseen(self, working: Working) -> float:
        """Return the share of what is not born."""
        rest = self.concentration * (self.most - len(working.priors)) / self.most
        return rest / (self.concentration + working.engine.memory)

    def log_density(self, born: float, unborn: float, working: Working) -> float:
        """Return the log density of what has these under the components, and under none of them."""
        rest = self.unseen(working)
        if rest == 0.0:
            return born
        return float(np.logaddexp(born + math.log1p(-rest), unborn + math.log(rest)))

    def is_strange(self, born: float, unborn: float, working: Working) -> bool:
        """Whether what has these log densities is rather of a component that is not born."""
        rest = self.unseen(working)
        return rest > 0.0 and unborn + math.log(rest) > born + math.log1p(-rest)


class Part(NamedTuple):
    """What one component of a mixture has learned: a kernel's statistics, and its share."""

    kernel: Kernel
    share: float
    scale: float


def parts(working: Working, scale: float = 1.0) -> list[Part]:
    """Return what the components have learned, as it is served, or a share of it."""
    served = working.served()
    shares = zip(served.kernels, served.live.tolist(), strict=True)
    return [Part(kernel, scale * share, scale) for kernel, share in shares]


def assemble(
    prior: Prior,
    source: Working,
    made: Sequence[Sequence[Part]],
    path: float = math.inf,
    other: Working | None = None,
) -> Working:
    """Return components at work, each of which has learned all that is in its parts.

    Parameters
    ----------
    source
        The components that they come from.
    made
        For every new component, what it takes over.
    path
        How many observations the averages of the path are worth at most: new components move.
    other
        Components of another shard that they come from as well.
    """
    working = prior.working(source.priors[0], len(made))
    engine = working.engine
    past = [each.engine for each in (source, other) if each is not None]
    for kernel, taken in zip(engine.kernels, made, strict=True):
        for i, leaf in enumerate(kernel.leaves()):
            leaf.averaged[:] = 0.0
            for part in taken:
                _add(leaf, part.kernel.leaves()[i].live, part.scale)
            leaf.live[:] = leaf.averaged
    engine.live[:] = engine.average[:] = [sum(p.share for p in taken) for taken in made]
    engine.settled(past[0].burn_in)
    engine.n, engine.memory = sum(old.n for old in past), sum(old.memory for old in past)
    engine.averaged = min(sum(old.averaged for old in past), path)
    working.maximise()
    return working


def _add(leaf: Kernel, statistic: Array, scale: float) -> None:
    """Add a share of a statistic to what a kernel has averaged.

    Two statistics are averaged half and half, and that is taken twice: statistics are centred.
    """
    so_far = leaf.averaged.copy()
    leaf.averaged[:] = 0.0
    leaf.live[:] = statistic
    leaf.average(scale)
    if so_far.any():
        leaf.live[:] = so_far
        leaf.average(0.5)
        leaf.live[:] = leaf.averaged
        leaf.averaged[:] = 0.0
        leaf.average(2.0)


class Split(NamedTuple):
    """Two halves of the component at a place, and the log evidence gained for what is at hand."""

    at: int
    halves: Working
    gain: float


def best_split(
    prior: Prior, working: Working, table: Array, w: Array, skip: set[int], rng: Any
) -> Split | None:
    """Return the split for which there is most evidence in the rows at hand.

    Every component is asked whether the rows that it is responsible for are better explained by
    two.
    """
    shares = working.responsibilities(table)
    found = None
    for k in range(len(working.priors)):
        mine = w * shares[:, k]
        chosen = mine > 1e-3
        if k in skip or mine.sum() < 4.0 or chosen.sum() < 4:
            continue
        rows, weights = table[chosen], mine[chosen]
        logs = []
        for count in (1, 2):
            each = prior.working(working.priors[k], count, flat=True)
            each.fit_start(rows, weights, rng, _STARTS, _PASSES)
            logs.append(log_evidence(each, rows, weights, prior.concentration, prior.most))
        if found is None or logs[1] - logs[0] > found.gain:
            found = Split(k, each, logs[1] - logs[0])
    return found


def grown(prior: Prior, working: Working, split: Split, path: float) -> Working:
    """Return the components with one split: the larger half in its place, the smaller at last."""
    made = [[part] for part in parts(working)]
    share = made[split.at][0].share
    halves = split.halves.engine
    new = [
        [Part(kernel, share * each, share)]
        for kernel, each in zip(halves.kernels, halves.live.tolist(), strict=True)
    ]
    made[split.at], last = sorted(new, key=lambda half: -half[0].share)
    return assemble(prior, working, [*made, last], path)


def most_alike(prior: Prior, working: Working, skip: set[Any]) -> tuple[int, int, float] | None:
    """Return the places of two components that are one for all the evidence says, if any are.

    It is the log marginal likelihood of what both have seen together, less that of either, and the
    same of their shares. Which of them made an observation is doubtful, and that is evidence for
    two that is not counted here: the gain is an upper bound.
    """
    states = working.states(working.served())
    counts = np.array([part.share for part in parts(working)]) * working.engine.memory
    each = prior.concentration / prior.most
    own = [log_marginal(state) for state in states]
    found = None
    for a in range(len(states)):
        for b in range(a + 1, len(states)):
            if (a, b) in skip:
                continue
            both = sc.gammaln(each + counts[a] + counts[b]) + sc.gammaln(each)
            shares = both - sc.gammaln(each + counts[a]) - sc.gammaln(each + counts[b])
            total = log_marginal(states[a], states[b]) - own[a] - own[b] + float(shares)
            if found is None or total > found[2]:
                found = a, b, total
    return found


def shrunk(prior: Prior, working: Working, a: int, b: int) -> Working:
    """Return the components with that at `b` taken into that at `a`."""
    made = [[part] for part in parts(working)]
    made[a] += made[b]
    del made[b]
    return assemble(prior, working, made)


def without(prior: Prior, working: Working, k: int, path: float) -> Working:
    """Return the components without that at `k`: it is forgotten, and the others are the whole."""
    learned = working.served().live
    rest = parts(working, 1.0 / (1.0 - float(learned[k] / learned.sum())))
    return assemble(prior, working, [[part] for i, part in enumerate(rest) if i != k], path)


def united(prior: Prior, mine: Working, theirs: Working) -> tuple[Working, list[int]]:
    """Return the components of two shards as one mixture, and where each was among mine and theirs.

    One of mine and one of theirs are joined while there is evidence that they are one, or while
    there are too many.
    """
    total = mine.engine.memory + theirs.engine.memory
    scales = mine.engine.memory / total, theirs.engine.memory / total
    made = [[part] for part in (*parts(mine, scales[0]), *parts(theirs, scales[1]))]
    first = len(mine.priors)
    sides = [{k >= first} for k in range(len(made))]
    places = list(range(len(made)))
    while True:
        working = assemble(prior, mine, made, other=theirs)
        too_many = len(made) > prior.most
        skip = {
            (a, b)
            for a in range(len(made))
            for b in range(a + 1, len(made))
            if sides[a] & sides[b] and not too_many
        }
        found = most_alike(prior, working, skip)
        if found is None or (found[2] <= 0.0 and not too_many):
            return working, places
        a, b, _ = found
        made[a] += made.pop(b)
        sides[a] |= sides.pop(b)
        del places[b]
