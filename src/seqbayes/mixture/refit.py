"""Refits of a mixture that fits recent observations badly; components for past data are kept."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from seqbayes.families import Dirichlet
from seqbayes.mixture.buffer import FINAL_EFFORT, Buffer
from seqbayes.mixture.components.default_prior import locations_and_spreads, standardise
from seqbayes.mixture.components.state_adapters import adapter_of
from seqbayes.mixture.em.bulk import draw, log_average
from seqbayes.mixture.em.evidence import log_evidence, log_marginal
from seqbayes.mixture.em.loop import EMModel
from seqbayes.mixture.em.settings import Settings
from seqbayes.mixture.em.split_merge import ComponentStatistics, compose, match, parts
from seqbayes.mixture.em.start import fit_best_start
from seqbayes.state import State

Array = npt.NDArray[np.float64]

MIN_ROWS, MIN_PAIRS = 60, 200
"""Minimum numbers of observations to detect order by their values, and by their components."""

MAX_PAIRS = 500
"""Maximum number of pairs of successive observations whose components are compared."""

CLIP_AT = 10.0
"""Outliers are clipped to this many standard deviations when correlations are computed."""

SERIAL_CORRELATION = 0.9
"""A stream is ordered if the correlation of successive values of a feature exceeds this value."""

SERIAL_AGREEMENT = 0.5
"""A stream is ordered if Cohen's kappa of successive observations' components exceeds this."""


UNMATCHED_SHARE = 0.1
"""A stream is ordered if components with at least this share of the data match no recent data."""

DRAWS, USUAL_QUANTILE, IMPROBABLE = 50, 0.05, 3.0
"""Number of draws from a component. It matches no recent data if the median of their log densities
is lower than this quantile of those of the recent data by more than this number of nats."""

MAX_LOSS = 20.0
"""Past rows are very improbable, such as outliers, if their log density is lower than the quantile
of all by more than this number of nats; the difference between two such densities is ignored."""

MIN_PAST = 24
"""Minimum number of past rows whose densities are compared with those of recent rows."""

RUN_SHARE = 0.125
"""A run of equal values is long if it contains at least this share of all rows."""

MIN_CHANGES = 2
"""Minimum number of changes of a feature that is sorted."""

WIDE_RATIO = 100.0
"""Default priors are wide if their scale exceeds the variance within components by this factor."""

MAX_SCALE_RATIO = 1e3
"""Data are compared only if the ratio of their variances is at most this."""


class Refit(NamedTuple):
    """A model fitted to recent observations, and whether past observations differ from them."""

    model: EMModel
    differs: bool


class Refitter:
    """Fits components to recent observations, and keeps old components that explain past data.

    The evidence from the recent observations determines the number of components fitted to them.
    The remaining components are those of the old model that match no new component.

    Parameters
    ----------
    priors
        The components' priors.
    settings
        The settings of the mixture.
    seed
        The seed for the random starting points.
    ignore_unknown
        Whether unknown features are ignored.
    """

    def __init__(
        self, priors: tuple[State, ...], settings: Settings, seed: int | None, ignore_unknown: bool
    ) -> None:
        self._priors, self._settings = priors, settings
        self._seed, self._lenient = seed, ignore_unknown

    def new_model(self, k: int) -> EMModel:
        """Return a model of `k` components without observations."""
        settings = self._settings
        if not isinstance(settings.weights, Dirichlet) or len(settings.weights.categories) != k:
            weights: Any = Dirichlet.flat(tuple(range(k))) if k > 1 else (1.0,)
            settings = settings._replace(weights=weights)
        priors = self._priors if k == len(self._priors) else self._priors[:1] * k
        return EMModel(priors, settings, self._lenient)

    def refit(self, old: EMModel, buffer: Buffer, keep: bool) -> Refit:
        """Fit a model to the buffer's observations, keeping unmatched components of the old model.

        No component is kept if `keep` is false, if the components are not exchangeable, or if
        features or their scales have changed. With Student's t distribution, or a default prior
        with categories, two components of one cluster can differ, so that no component is kept in
        these cases, either.
        """
        count = len(old.priors)
        whole = self.new_model(count)
        rows, w = buffer.table(whole)
        same = self._are_exchangeable() and old.reads_like(whole)
        if not same or _scale_ratio(old.priors[0], self._priors[0]) > MAX_SCALE_RATIO:
            return self._continue(self._fit(rows, w, count), old, False)
        if not keep:
            return self._continue(self._in_order_of(old, self._fit(rows, w, count)), old, False)
        fresh = self._fit_by_evidence(rows, w, count)
        pool = self._pool(old, fresh, w)
        unmatched = sorted(set(range(count)) - _counterparts(pool, count).keys())
        unmatched = [k for k in unmatched if _is_improbable(old, k, fresh, rows)]
        most = max(count - len(fresh.priors), 1 if count > 1 else 0)
        groups = _groups(pool, unmatched, most)
        if len(groups) != count - len(fresh.priors):
            fresh = self._fit(rows, w, count - len(groups))
            pool = self._pool(old, fresh, w)
        taken = [[pool.parts[k] for k in group] for group in groups]
        past = sum(pool.parts[k].share for k in unmatched)
        slots: dict[int, list[ComponentStatistics]] = {
            min(g): t for g, t in zip(groups, taken, strict=True)
        }
        counterparts = _counterparts(pool, count)
        for c in range(len(fresh.priors)):
            own = [k for k, new in counterparts.items() if new == c and k not in slots]
            free = [k for k in range(count) if k not in slots and k not in counterparts]
            rest = [k for k in range(count) if k not in slots]
            slots[(own or free or rest)[0]] = [pool.parts[count + c]]
        model = self.new_model(count)
        total = sum(part.share for group in slots.values() for part in group)
        composition = [[part.scaled(1.0 / total) for part in slots[k]] for k in range(count)]
        compose(model, composition)
        model.m_step()
        differs = past > UNMATCHED_SHARE and not _explains(fresh, old.engine.past.table, rows)
        return self._continue(model, old, differs)

    def refit_to_past(self, old: EMModel) -> EMModel:
        """Return a model fitted to the old model's past rows, if it explains these rows better.

        The gain in log likelihood must exceed the number of parameters (Akaike's criterion).
        Otherwise, the old model is returned.
        """
        rows = old.engine.past.table
        model = self._fit(rows, np.ones(len(rows)), len(old.priors))
        before, after = (log_average(*each.log_densities(rows)) for each in (old, model))
        parameters = sum(len(leaf.parameter_vector) for leaf in model.engine.leaves())
        if not _gain(before, after) > parameters:
            return old
        if self._are_exchangeable():
            model = self._in_order_of(old, model)
        return self._continue(model, old, True).model

    def _are_exchangeable(self) -> bool:
        """Whether components can be matched and exchanged; see `refit`."""
        settings, first = self._settings, self._priors[0]
        if settings.background or settings.df is not None:
            return False
        if self._lenient and first.parts():
            return False
        return isinstance(settings.weights, Dirichlet) and all(p == first for p in self._priors)

    def _continue(self, model: EMModel, old: EMModel, differs: bool) -> Refit:
        """Return a refit whose number of observations continues that of the old model."""
        engine = model.engine
        engine.explained[:] *= old.engine.n / max(float(engine.explained.sum()), 1.0)
        engine.n = engine.memory = old.engine.n
        if differs:
            engine.past = old.engine.past
        engine.end_burn_in(engine.n)
        engine.limit_influence(model.settings.robust)
        return Refit(model, differs)

    def _fit(self, rows: Array, w: Array, k: int) -> EMModel:
        model = self.new_model(k)
        model.place_background(rows)
        fit_best_start(model, rows, w, np.random.default_rng(self._seed), *FINAL_EFFORT)
        return model

    def _in_order_of(self, old: EMModel, fresh: EMModel) -> EMModel:
        """Return a new model with its components in the positions of similar old components."""
        order = match(old.states(old.predicting()), fresh.states(fresh.engine))
        found = parts(fresh)
        model = self.new_model(len(found))
        compose(model, [[found[k]] for k in order])
        model.engine.memory = fresh.engine.memory
        model.m_step()
        return model

    def _fit_by_evidence(self, rows: Array, w: Array, most: int) -> EMModel:
        """Return the fit with the number of components that has the most evidence."""
        fits = [self._fit(rows, w, k) for k in range(1, most + 1)]
        if self._settings.fading:  # the past observations are forgotten
            return fits[-1]
        return max(fits, key=lambda model: log_evidence(model, rows, w, 1.0, most))

    def _pool(self, old: EMModel, fresh: EMModel, w: Array) -> ComponentPool:
        """Return the components of both models, with their shares of all observations."""
        n, recent = old.engine.n, float(w.sum())
        past = (1.0 - recent / n) / n
        found = []
        for part in parts(old):
            share = past * part.explained
            found.append(part.scaled(share / part.share) if part.share > 0.0 else part)
        found += [part.scaled(recent / n) for part in parts(fresh)]
        model = self.new_model(len(found))
        compose(model, [[part] for part in found])
        model.engine.memory = n
        return ComponentPool(found, model.states(model.engine))


def _gain(before: Array, after: Array) -> float:
    """Return the sum of the differences of log densities; very improbable rows count as equal."""
    floor = min(np.quantile(each, USUAL_QUANTILE) for each in (before, after)) - MAX_LOSS
    return float((np.maximum(after, floor) - np.maximum(before, floor)).sum())


class ComponentPool(NamedTuple):
    """The components of an old model, followed by those of a new model: their parts and states."""

    parts: list[ComponentStatistics]
    states: tuple[State, ...]

    def gain(self, a: list[int], b: list[int]) -> float:
        """Return the log evidence that two groups of components are the same."""
        mine, theirs = ([self.states[k] for k in group] for group in (a, b))
        return log_marginal(*mine, *theirs) - log_marginal(*mine) - log_marginal(*theirs)


def _scale_ratio(old: State, new: State) -> float:
    """Return the largest ratio between the scales of two default priors; 1 for other priors."""
    if old == new:
        return 1.0
    ratios = np.log(_scale_of(old) / _scale_of(new))
    return float(np.exp(np.abs(ratios).max(initial=0.0)))


def _counterparts(pool: ComponentPool, count: int) -> dict[int, int]:
    """Return the positions of the new counterparts of old components, where they exist."""
    found = {}
    for k in range(count):
        gains = [pool.gain([k], [c]) for c in range(count, len(pool.parts))]
        if max(gains) > 0.0:
            found[k] = int(np.argmax(gains))
    return found


def _explains(new: EMModel, past: Array, rows: Array) -> bool:
    """Whether a new model explains a sample of past rows about as well as its own rows.

    With fewer than `MIN_PAST` past rows, the result is false.
    """
    if len(past) < MIN_PAST:
        return False
    found, usual = (
        log_average(new.engine.log_densities_of(each), new.engine.weights) for each in (past, rows)
    )
    improbable = found < np.quantile(usual, USUAL_QUANTILE) - IMPROBABLE
    return bool(improbable.mean() <= UNMATCHED_SHARE)


def _is_improbable(old: EMModel, k: int, new: EMModel, rows: Array) -> bool:
    """Whether draws from a component of an old model are improbable under a new model.

    Parameters
    ----------
    rows
        The rows to which the new model was fitted.
    """
    parameter = old.parameters(old.predicting())[k]
    drawn = old.rows(draw(old, k, parameter, np.random.default_rng(0), DRAWS))
    found, usual = (
        log_average(new.engine.log_densities_of(each), new.engine.weights) for each in (drawn, rows)
    )
    return bool(np.median(found) < np.quantile(usual, USUAL_QUANTILE) - IMPROBABLE)


def _groups(pool: ComponentPool, unmatched: list[int], most: int) -> list[list[int]]:
    """Return at most `most` groups of old components that match no new component."""
    groups = [[k] for k in unmatched]
    while len(groups) > most:
        pairs = [(a, b) for a in range(len(groups)) for b in range(a + 1, len(groups))]
        gains = [pool.gain(groups[a], groups[b]) for a, b in pairs]
        if gains and max(gains) > 0.0:
            a, b = pairs[int(np.argmax(gains))]
            groups[a] += groups.pop(b)
        else:
            shares = [sum(pool.parts[k].share for k in group) for group in groups]
            del groups[int(np.argmin(shares))]
    return groups


def has_wide_priors(model: EMModel) -> bool:
    """Whether default priors have a much larger scale than the components, in some feature."""
    estimates: list[Any] = [
        [part.mle for part in _normal_parts(state)] for state in model.states(model.engine)
    ]
    if any(each is None for parts in estimates for each in parts):
        return False
    shares = model.engine.live[: len(estimates)]
    variance = shares @ np.array(
        [np.concatenate([np.atleast_2d(v[1]).diagonal() for v in parts]) for parts in estimates]
    )
    return bool((_scale_of(model.priors[0]) > WIDE_RATIO * variance).any())


def _normal_parts(prior: State) -> list[State]:
    """Return the parts of a default prior that are priors for a mean and a variance."""
    several = prior.parts().values() or (prior,)
    return [part for part in several if adapter_of(part).has_tails(part)]


def _scale_of(prior: State) -> Array:
    """Return the scale of every number of an observation under a default prior."""
    scales = [np.atleast_2d(part.prior[-1]).diagonal() for part in _normal_parts(prior)]
    return np.concatenate([np.empty(0), *scales])


def has_constant(model: EMModel, rows: Array) -> bool:
    """Whether a feature has the same value, or no value, in all rows except a few."""
    _, spread = locations_and_spreads(model.reader.vectors(rows))
    return bool((spread == 0.0).any())


def end_of_long_run(model: EMModel, rows: Array) -> int:
    """Return the end of the last long run: many successive rows with one value of a feature.

    The result is 0 if there are no long runs. Missing values count as equal; features that do not
    vary are ignored.
    """
    vectors = model.reader.vectors(rows)
    same = (vectors[1:] == vectors[:-1]) | (np.isnan(vectors[1:]) & np.isnan(vectors[:-1]))
    end = 0
    for column in same[:, ~same.all(axis=0)].T:
        changes = np.flatnonzero(np.concatenate([[True], ~column, [True]]))
        is_long = np.diff(changes) >= max(MIN_ROWS, RUN_SHARE * len(rows))
        end = max(end, int(changes[1:][is_long].max(initial=0)))
    return end


def is_sorted(model: EMModel, rows: Array) -> bool:
    """Whether the values of a feature only increase or only decrease, with at least two changes."""
    vectors = model.reader.vectors(rows)
    change = np.diff(vectors, axis=0)
    never_both = (change <= 0.0).all(axis=0) | (change >= 0.0).all(axis=0)
    return bool((never_both & ((change != 0.0).sum(axis=0) >= MIN_CHANGES)).any())


def is_ordered(model: EMModel, rows: Array) -> bool:
    """Whether successive observations are much more similar than expected by chance."""
    if len(rows) < MIN_ROWS or len(model.priors) == 1:
        return False
    points = np.clip(standardise(model.reader.vectors(rows)), -CLIP_AT, CLIP_AT)
    if ((points[1:] * points[:-1]).mean(axis=0) > SERIAL_CORRELATION).any():
        return True
    if len(rows) < MIN_PAIRS:
        return False
    first = np.unique(np.linspace(0, len(rows) - 2, MAX_PAIRS).astype(int))
    shares = model.responsibilities(np.concatenate([rows[first], rows[first + 1]]))
    chance = float((shares.mean(axis=0) ** 2).sum())
    agreement = float((shares[: len(first)] * shares[len(first) :]).sum(axis=1).mean())
    return agreement - chance > SERIAL_AGREEMENT * max(1.0 - chance, 0.1)
