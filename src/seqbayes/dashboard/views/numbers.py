"""Beliefs about one number: the density, with the prior and the likelihood of the last event.

States of one family are computed together, because a page shows many of them and an array costs
little more than one number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from seqbayes.dashboard.views.base import (
    BeliefView,
    Metric,
    Path,
    PlottedNumber,
    Ranking,
    register_view,
)
from seqbayes.dashboard.views.figures import finite, pair, rounded, values
from seqbayes.dashboard.views.predictives import curve, predictive_of, scalar
from seqbayes.errors import SeqbayesError
from seqbayes.figures import curves
from seqbayes.predictive.labels import Categorical
from seqbayes.state import State
from seqbayes.table.answers import Answers


@register_view
class NumberView(BeliefView):
    """Show a belief about one number."""

    kind = "number"
    numeric = True
    compares = "number"
    stepwise = True
    link = " "
    plotted_name: ClassVar[str] = ""
    plotted_path: ClassVar[Path] = ()

    def cards(self, states: Sequence[Any], lasts: Sequence[Any], points: int) -> list[Any]:
        """Return the estimates, interval and density of each state."""
        proper = [k for k, state in enumerate(states) if state.is_proper(state.posterior)]
        cards = [_estimates(state, k in set(proper), self.level) for k, state in enumerate(states)]
        if not proper:
            return cards
        chosen = [states[k] for k in proper]
        ends = self.intervals(chosen)
        densities = _densities(chosen, [lasts[k] for k in proper], ends, points)
        for k, low, high, density in zip(proper, *ends.tolist(), densities, strict=True):
            # with one observation and a very weak prior, the width is not representable
            cards[k]["interval"] = pair((low, high)) if low < high else None
            cards[k]["density"] = density
            cards[k] |= self.more(states[k])
        return cards

    def intervals(self, states: Sequence[Any]) -> Any:
        """Return the interval ends of proper states of one family, each of shape (K,)."""
        return _intervals(states[0], columns([state.posterior for state in states]), self.level)

    def more(self, state: Any) -> dict[str, Any]:
        """Return additional fields of the card of a proper belief."""
        return {}

    def rankings(self, states: Sequence[Any]) -> list[Ranking]:
        """Return the mean and the interval of each state."""
        found = [Ranking(state.n_samples) for state in states]
        posteriors = [state.posterior for state in states]
        proper = [
            k for k, (s, h) in enumerate(zip(states, posteriors, strict=True)) if s.is_proper(h)
        ]
        if proper:
            first, arrays = states[proper[0]], columns([posteriors[k] for k in proper])
            means = first.belief(arrays).mean
            numbers = np.array([_first_part(means), *_intervals(first, arrays, self.level)], float)
            numbers = np.where(np.isfinite(numbers), numbers, np.nan)
            for k, row in zip(proper, numbers.T.tolist(), strict=True):
                found[k] = Ranking(found[k].n, *(None if v != v else v for v in row))
        return found

    def sort_values(self, state: Any, answers: Answers, sort: str) -> Any:
        """Return the mean, or an end or the width of the interval, of many proper states."""
        posteriors = answers.posterior
        if not state.is_proper(posteriors):
            return None
        if sort == "mean":
            found = _first_part(state.belief(posteriors).mean)
        else:
            low, high = answers.of_posteriors(
                lambda posteriors: tuple(_intervals(state, posteriors, self.level))
            )
            low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
            found = low if sort == "low" else high - low
        return np.where(np.isfinite(found), found, np.nan)

    def predictive(self, state: Any, card: dict[str, Any]) -> dict[str, Any] | None:
        """Return the curve or the bars of the next observation."""
        return curve(predictive_of(state))

    def plotted(self, state: Any, held: Path) -> PlottedNumber | None:
        """Return the mean and its interval."""
        if not state.is_proper(state.posterior):
            return None
        low, high = self.intervals([state])[:, 0].tolist()
        name = "mean of the log" if state.likelihood.of_logarithm else self.plotted_name
        ends = finite(low), finite(high)
        mean = _first(state.mean)
        return PlottedNumber(name, self.plotted_path, mean, *ends, state.unit == "share")

    def plottable(self, state: Any) -> Iterator[PlottedNumber]:
        """Yield the mean."""
        found = self.plotted(state, ())
        if found is not None:
            yield found

    def metrics(self, state: Any) -> list[Metric]:
        """Return the mean and interval; for logarithms, those of the median."""
        found = self.plotted(state, ())
        if found is None:
            return []
        if not state.likelihood.of_logarithm:
            return [Metric.of({}, found)]
        ends = found.mean, found.low, found.high
        mean, low, high = (None if end is None else _exp(end) for end in ends)
        return [Metric({}, mean, low, high, logarithmic=True)]

    def estimates(self, name: str, state: Any) -> list[dict[str, Any]]:
        """Return the mean, or one estimate for each of several parameters."""
        found = _named_estimates(
            name, state.mean, state.interval(self.level), state.likelihood.of_logarithm
        )
        return [{**each, "unit": "share"} for each in found] if state.unit == "share" else found

    def predictive_parts(self, name: str, state: Any) -> Iterator[tuple[str, Any]]:
        """Yield the predictive distribution."""
        found = predictive_of(state)
        yield name, found if isinstance(found, Categorical) else scalar(found)

    def step(self, state: Any, x: Any) -> dict[str, Any] | None:
        """Return the step at the posterior mean."""
        step = state.explain(x)
        mean = state.belief(step.after).mean
        parts = mean if isinstance(mean, tuple) else (mean,)
        if None not in [finite(part) for part in parts]:
            step = state.explain(x, mean)
        return step_as_json(x, step.at, step.prior, step.likelihood, step.evidence, step.posterior)


@register_view
class NormalView(NumberView):
    """Show a belief about a mean and a variance: the mean, with the variance beside it."""

    kind = "normal"
    plotted_name = "mean"
    plotted_path = ("mean",)

    def more(self, state: Any) -> dict[str, Any]:
        """Return the estimates of the variance."""
        return {"variance": _variance(state, self.level)}


def _exp(number: float) -> float:
    try:
        return math.exp(number)
    except OverflowError:
        return math.inf


def step_as_json(x: Any, at: Any, *terms: Any) -> dict[str, Any]:
    """Return one application of Bayes' rule as JSON values."""
    names = ("prior", "likelihood", "evidence", "posterior")
    densities = {name: finite(term) for name, term in zip(names, terms, strict=True)}
    return {"x": values(x), **densities, "at": values(at)}


def _named_estimates(name: str, mean: Any, interval: Any, logs: bool) -> list[dict[str, Any]]:
    if hasattr(mean, "_fields"):
        each = zip(mean._fields, mean, interval or [None] * len(mean), strict=True)
        of = " of the log" if logs else ""
        return [
            {"name": f"{name} {part}{of}", "mean": finite(m), "interval": pair(i)}
            for part, m, i in each
        ]
    named = f"{name} mean of the log" if logs else name
    return [{"name": named, "mean": finite(mean), "interval": pair(interval)}]


def columns(tuples: Sequence[Any], tall: bool = False) -> Any:
    """Convert tuples of numbers to one tuple of arrays of shape (K,) or, if `tall`, (K, 1)."""
    arrays = np.array(tuples, float).T
    values = list(arrays[:, :, None] if tall else arrays)
    kind = type(tuples[0])
    return tuple(values) if kind is tuple else kind(*values)


def _intervals(state: State, posteriors: Any, level: float) -> Any:
    """Return the interval ends of posteriors of a state's family, each of shape (K,)."""
    return np.asarray(state.plotted(posteriors).interval(level), float)


def _first_part(estimate: Any) -> Any:
    """Return the estimate of the parameter shown in charts, which is one of several parameters."""
    return estimate[0] if isinstance(estimate, tuple) else estimate


def _first(estimate: Any) -> float | None:
    """Return the estimate of the parameter shown in charts."""
    return finite(_first_part(estimate))


def _estimates(state: State, proper: bool, level: float) -> dict[str, Any]:
    return {
        "mean": _first(state.mean) if proper else None,
        "mle": _first(state.mle),
        "map": _first(state.map),
        "interval": None,
        "level": level,
        "density": None,
    }


def _variance(state: State, level: float) -> dict[str, Any]:
    def second(estimate: Any) -> float | None:
        return None if estimate is None else finite(estimate[1])

    marginal = state.belief(state.posterior).marginals.variance
    return {
        "mean": second(state.mean),
        "mle": second(state.mle),
        "map": second(state.map),
        "interval": pair(marginal.interval(level)),
    }


def _densities(
    states: Sequence[State],
    lasts: Sequence[Any],
    ends: Any,
    points: int,
) -> list[dict[str, Any] | None]:
    """Return the posterior and prior densities, and the likelihood of the last event."""
    state, posteriors = states[0], [state.posterior for state in states]
    narrow, wide = state.plotted(columns(posteriors)), state.plotted(columns(posteriors, True))
    x = curves.grids(narrow, wide, ends, points)
    with np.errstate(all="ignore"):
        posterior = wide.pdf(x)
        prior = state.plotted(state.prior).pdf(x) if state.is_proper(state.prior) else None
    peaks = posterior.max(axis=-1, keepdims=True)
    likelihoods = _likelihoods(states, lasts, x, peaks)
    curves_ = [rounded(posterior, peaks), None if prior is None else rounded(prior, peaks)]
    places = rounded(x, x[:, -1:] - x[:, :1])
    return [
        _density(places[k], [None if c is None else c[k] for c in curves_], likelihoods[k])
        for k in range(len(states))
    ]


def _density(x: Any, heights: Sequence[Any], likelihood: Any) -> dict[str, Any] | None:
    if np.isnan(x).any():
        return None
    kept = np.concatenate([[True], np.diff(x) > 0.0])  # rounding can make points equal
    lines = [None if y is None else _listed(y[kept]) for y in (*heights, likelihood)]
    names = ("posterior", "prior", "likelihood")
    return {"x": x[kept].tolist(), **dict(zip(names, lines, strict=True))}


def _listed(heights: Any) -> list[float | None]:
    if np.isfinite(heights).all():
        return list(heights.tolist())
    return [finite(v) for v in heights.tolist()]


def _likelihoods(states: Sequence[State], lasts: Sequence[Any], x: Any, peaks: Any) -> list[Any]:
    """Return likelihoods on the grids, scaled to the posterior's peak; None if unknown."""
    found: list[Any] = [None] * len(states)
    known, statistics = [], []
    for k, (state, last) in enumerate(zip(states, lasts, strict=True)):
        try:
            if last is not None:
                statistics.append(state.observe(last).value)
                known.append(k)
        except SeqbayesError:  # the observation is invalid for this belief
            continue
    if not known:
        return found
    state, theta = states[0], states[0].observation_parameter(x[known])
    modes: list[Any] = [states[k].map for k in known]
    if isinstance(modes[0], tuple):  # the mean, at the most probable variance
        theta = (x[known], np.array([mode[1] for mode in modes])[:, None])
    with np.errstate(all="ignore"):
        logs = np.asarray(state.log_likelihood(theta, columns(statistics, True)), float)
        tops = np.max(logs, axis=-1, keepdims=True, initial=-math.inf, where=~np.isnan(logs))
        heights = rounded(np.exp(logs - tops) * peaks[known], peaks[known])
    for row, k in enumerate(known):
        if math.isfinite(tops[row, 0]):
            found[k] = heights[row]
    return found
