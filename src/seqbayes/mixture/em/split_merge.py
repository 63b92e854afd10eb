"""Models derived from other models by splits, joins or removals of components, or by merging."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqbayes.families import Dirichlet
from seqbayes.mixture.components.kernel import Kernel
from seqbayes.mixture.em.evidence import evidence_of, log_marginal
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import Settings
from seqbayes.numerics import sc
from seqbayes.state import State

Array = npt.NDArray[np.float64]

MIN_NEW_SHARE = 0.001
"""Minimum share of a new component, when it is compared with existing ones."""

# A component is dormant if its share of recent observations is less than this part of its share of
# all observations.
DORMANT_SHARE = 0.5


class ProcessPrior(NamedTuple):
    """A truncated Dirichlet process: the prior on the number of components.

    Attributes
    ----------
    concentration : float
        Concentration of the process.
    most : int
        Maximum number of components.
    settings : Settings
        The settings of the components.
    ignore_unknown : bool
        Whether unknown features are ignored.
    """

    concentration: float
    most: int
    settings: Settings
    ignore_unknown: bool

    def new_model(self, component: State, k: int, flat: bool = False) -> EMModel:
        """Return a model with `k` components; if `flat`, with a flat prior on the weights."""
        each = 1.0 if flat else self.concentration / self.most
        weights = _prior_of_weights(k, each) if k > 1 else (1.0,)
        settings = self.settings._replace(weights=weights)
        return EMModel((component,) * k, settings, self.ignore_unknown)

    def unseen(self, model: EMModel) -> float:
        """Return the probability that an observation comes from a new component."""
        rest = self.concentration * (self.most - len(model.priors)) / self.most
        return rest / (self.concentration + model.engine.memory)

    def log_density(self, known: float, new: float, model: EMModel) -> float:
        """Combine the log densities under the known components and under a new component."""
        rest = self.unseen(model)
        if rest == 0.0:
            return known
        known, new = known + math.log1p(-rest), new + math.log(rest)
        low, high = (known, new) if known < new else (new, known)
        return high + math.log1p(math.exp(low - high)) if low > -math.inf else high

    def is_new(self, known: float, new: float, model: EMModel) -> bool:
        """Whether a new component explains an observation better than all existing components."""
        if new <= known and model.engine.memory >= self.concentration:
            return False  # the probability is at most 1/2; computing it would be slower
        rest = self.unseen(model)
        if rest <= 0.5 and new <= known:
            return False
        if rest <= 0.0:
            return False
        rest = max(rest, MIN_NEW_SHARE)  # the share of a cluster that has just appeared grows
        return new + math.log(rest) > known + math.log1p(-rest)


@lru_cache(maxsize=256)
def _prior_of_weights(k: int, each: float) -> Dirichlet:
    """Return the prior on the weights of `k` components."""
    return Dirichlet(dict.fromkeys(range(k), each))


# Merging of two mixtures with the same components.


def merge(mine: EMModel, theirs: EMModel) -> None:
    """Add the data of another model."""
    latest, other = mine.predicting(), theirs.predicting()
    order = match(mine.states(latest), theirs.states(other))
    order = [*order, *range(len(order), len(latest.kernels))]  # the background is last
    total = mine.engine.memory + theirs.engine.memory
    share = theirs.engine.memory / total if total > 0.0 else 0.0
    engine = mine.engine
    averaged = engine.averaged + theirs.engine.averaged
    for kernel, mixed, place in zip(engine.kernels, latest.kernels, order, strict=True):
        leaves = zip(kernel.leaves(), mixed.leaves(), other.kernels[place].leaves(), strict=True)
        for leaf, own_sums, other_sums in leaves:
            leaf.averaged[:] = own_sums.live
            leaf.live[:] = other_sums.live
            leaf.average(share)
            leaf.live[:] = leaf.averaged
    engine.live[:] = engine.average[:] = (1.0 - share) * latest.live + share * other.live[order]
    engine.explained[:] += theirs.engine.explained[order]
    engine.n += theirs.engine.n
    engine.memory, engine.averaged = total, averaged
    mine.m_step()


def match(mine: tuple[State, ...], theirs: tuple[State, ...]) -> Any:
    """Return, for every component in `mine`, the position of its counterpart in `theirs`.

    The pairing maximises the evidence for one parameter per pair against two parameters: the log
    marginal likelihood of the combined data of a pair, minus those of its members.
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


def _gain(a: State, b: State, apart: float) -> float:
    """Return the log evidence that two components have one parameter, against two parameters."""
    if type(a) is not type(b) or a.likelihood != b.likelihood:
        return -1e300
    gain = log_marginal(a, b) - apart
    return gain if np.isfinite(gain) else -1e300


# Models with more or fewer components.


class ComponentStatistics(NamedTuple):
    """The statistics of one component: kernel, share, scale, and total responsibility."""

    kernel: Kernel
    share: float
    scale: float
    explained: float

    def scaled(self, factor: float) -> ComponentStatistics:
        """Return the part with its scale multiplied by a factor."""
        return ComponentStatistics(self.kernel, *(factor * v for v in self[1:]))


def parts(model: EMModel, scale: float = 1.0) -> list[ComponentStatistics]:
    """Return the statistics of the components that make the predictions, scaled."""
    latest = model.predicting()
    explained = model.engine.explained.tolist()
    components = zip(latest.kernels, latest.live.tolist(), explained, strict=True)
    return [
        ComponentStatistics(kernel, scale * share, scale, total)
        for kernel, share, total in components
    ]


def assemble(
    prior: ProcessPrior,
    source: EMModel,
    composition: Sequence[Sequence[ComponentStatistics]],
    path: float = math.inf,
    other: EMModel | None = None,
) -> EMModel:
    """Return a model whose components combine the statistics of their parts.

    Parameters
    ----------
    source
        The model from which the parts are taken.
    composition
        The parts of every new component.
    path
        Maximum weight of the averaged path, which is limited because new components still move.
    other
        The model of another shard from which parts are also taken.
    """
    model = prior.new_model(source.priors[0], len(composition))
    compose(model, composition)
    engine = model.engine
    past = [each.engine for each in (source, other) if each is not None]
    engine.end_burn_in(past[0].burn_in)
    engine.n, engine.memory = sum(old.n for old in past), sum(old.memory for old in past)
    engine.averaged = min(sum(old.averaged for old in past), path)
    model.m_step()
    return model


def compose(model: EMModel, composition: Sequence[Sequence[ComponentStatistics]]) -> None:
    """Set the statistics of every component of a new model to those of its parts."""
    engine = model.engine
    for kernel, taken in zip(engine.kernels, composition, strict=True):
        for i, leaf in enumerate(kernel.leaves()):
            leaf.averaged[:] = 0.0
            for part in taken:
                _add(leaf, part.kernel.leaves()[i].live, part.scale)
            leaf.live[:] = leaf.averaged
    engine.live[:] = engine.average[:] = [sum(p.share for p in taken) for taken in composition]
    engine.explained[:] = [sum(p.explained for p in taken) for taken in composition]


def _add(leaf: Kernel, statistic: Array, scale: float) -> None:
    """Add a fraction of a statistic to the average that a kernel keeps.

    Statistics are centred, so they are added through `average`: half of each, multiplied by two.
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


def split(prior: ProcessPrior, model: EMModel, halves: EMModel, at: int, path: float) -> EMModel:
    """Return the model after a split, with the larger half at the old position, the other last."""
    composition = [[part] for part in parts(model)]
    _, share, _, explained = composition[at][0]
    new = [
        [ComponentStatistics(kernel, share * each, share, explained * each)]
        for kernel, each in zip(halves.engine.kernels, halves.engine.live.tolist(), strict=True)
    ]
    composition[at], last = sorted(new, key=lambda half: -half[0].share)
    return assemble(prior, model, [*composition, last], path)


def most_similar(
    prior: ProcessPrior, model: EMModel, skip: set[Any]
) -> tuple[int, int, float] | None:
    """Return the positions of the two most similar components, and the evidence for joining them.

    The evidence is the log marginal likelihood of the combined data of both, minus those of each,
    plus the same difference for their weights. The uncertainty about the component of each
    observation is ignored, so this is an upper bound.
    """
    counts = np.array([part.share for part in parts(model)]) * model.engine.memory
    each = prior.concentration / prior.most
    evidence = evidence_of(model, model.predicting())
    own = evidence.alone()
    found = None
    for a in range(len(own)):
        for b in range(a + 1, len(own)):
            if (a, b) in skip:
                continue
            both = sc.gammaln(each + counts[a] + counts[b]) + sc.gammaln(each)
            shares = both - sc.gammaln(each + counts[a]) - sc.gammaln(each + counts[b])
            total = evidence.together(a, b) - float(own[a] + own[b] - shares)
            if found is None or total > found[2]:
                found = a, b, total
    return found


def dormant(model: EMModel, least: float) -> set[int]:
    """Return the positions of components that explained past data but few of the recent data.

    A component is returned only if it explained at least `least` observations, and if there is
    evidence against joining it to any other component.
    """
    latest, explained = model.predicting(), model.engine.explained
    shares = explained / max(float(explained.sum()), 1.0)
    quiet = [
        k
        for k, share in enumerate(model.engine.live)
        if share < DORMANT_SHARE * shares[k] and explained[k] >= least
    ]
    if not quiet or len(shares) == 1:
        return set()
    evidence = evidence_of(model, latest, explained)
    own = evidence.alone()
    return {
        k
        for k in quiet
        if all(evidence.together(k, j) < own[k] + own[j] for j in range(len(shares)) if j != k)
    }


def joined(prior: ProcessPrior, model: EMModel, a: int, b: int) -> EMModel:
    """Return the model with the component at `b` joined to that at `a`."""
    composition = [[part] for part in parts(model)]
    composition[a] += composition[b]
    del composition[b]
    return assemble(prior, model, composition)


def without(prior: ProcessPrior, model: EMModel, k: int, path: float) -> EMModel:
    """Return the model without the component at `k`, with the others scaled to the total weight."""
    learned = model.predicting().live
    rest = parts(model, 1.0 / (1.0 - float(learned[k] / learned.sum())))
    return assemble(prior, model, [[part] for i, part in enumerate(rest) if i != k], path)


def united(prior: ProcessPrior, mine: EMModel, theirs: EMModel) -> tuple[EMModel, list[int]]:
    """Return the model of two shards, and the new positions of the components of both.

    A component of `mine` and a component of `theirs` are joined if there is evidence that they are
    the same, or if there are more components than the prior allows.
    """
    total = mine.engine.memory + theirs.engine.memory
    scales = mine.engine.memory / total, theirs.engine.memory / total
    composition = [[part] for part in (*parts(mine, scales[0]), *parts(theirs, scales[1]))]
    first = len(mine.priors)
    sides = [{k >= first} for k in range(len(composition))]
    positions = list(range(len(composition)))
    while True:
        model = assemble(prior, mine, composition, other=theirs)
        too_many = len(composition) > prior.most
        skip = {
            (a, b)
            for a in range(len(composition))
            for b in range(a + 1, len(composition))
            if sides[a] & sides[b] and not too_many
        }
        found = most_similar(prior, model, skip)
        if found is None or (found[2] <= 0.0 and not too_many):
            return model, positions
        a, b, _ = found
        composition[a] += composition.pop(b)
        sides[a] |= sides.pop(b)
        del positions[b]
