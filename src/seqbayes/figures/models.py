"""The panels and estimates of states, mixtures and estimators, depending on their display kind."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from seqbayes.figures import curves
from seqbayes.figures.named import parts
from seqbayes.figures.panels import Curve, Curves, EstimateMark, IntervalRow, IntervalRows, Panel

POINTS = 200
MAX_TERMS = 5_000
"""Maximum number of terms in a density that is drawn; drawing this many takes about a second."""
MAX_PANELS = 6
MAX_ROWS = 20
MAX_RECORDED = 200
"""Maximum number of points in the history of a state."""


class ParameterEstimate(NamedTuple):
    """The estimates of one number; an estimate that does not exist is None."""

    name: str
    mean: float | None
    low: float | None
    high: float | None
    mle: float | None
    map: float | None


def estimates(model: Any, level: float = 0.95) -> list[ParameterEstimate]:
    """Return the estimates of every number of a state, a mixture or an estimator.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> estimates(Beta(2, 2))[0].mean
    0.5
    """
    model = model.as_of()
    if model.display_kind == "mixture":
        return list(_mixture_estimates(model, level))
    if model.conjugate:
        found = model.mean, model.interval(level), model.mle, model.map
    else:
        found = (*model.summary(), None, None)
    mean, interval, mle, mode = map(parts, found)
    names = list(dict.fromkeys([*mean, *mle, *mode]))
    ends = {name: interval.get(name) or (None, None) for name in names}
    return [
        ParameterEstimate(
            name, *map(_number, (mean.get(name), low, high, mle.get(name), mode.get(name)))
        )
        for name, (low, high) in ends.items()
    ]


def _mixture_estimates(mixture: Any, level: float) -> Iterator[ParameterEstimate]:
    weights, components = mixture.weights, mixture.components
    for k in mixture.ranking if components else ():
        name = str(mixture.names[k])
        weight = float(weights[k])
        yield ParameterEstimate(f"{name} weight", weight, None, None, None, None)
        for each in estimates(components[k], level):
            yield each._replace(name=f"{name} {each.name or 'parameter'}")


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)


def panels(model: Any, level: float = 0.95) -> list[Panel]:
    """Return the panels of the parameter: prior, likelihood and posterior of each number.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> state = Beta(2, 2)
    >>> state.learn_many([True, True, False])
    >>> (panel,) = panels(state)
    >>> [line.role for line in panel.lines], [mark.label for mark in panel.marks]
    (['prior', 'likelihood', 'posterior'], ['MLE', 'MAP', 'mean'])
    """
    model = model.as_of()
    make = _PANELS.get(model.display_kind, _rows_of)
    return list(islice(make(model, level), MAX_PANELS))


def _density(state: Any, level: float) -> Iterator[Panel]:
    """Yield the densities of one number, with the likelihood of all data."""
    if not state.is_proper(state.posterior):
        return
    belief = state.plotted(state.posterior)
    prior = state.plotted(state.prior) if state.is_proper(state.prior) else None
    x = curves.grid(belief, POINTS)
    if x is None:
        return
    lines = [] if prior is None else [_line("prior", "prior", x, prior.pdf, "dashed")]
    posterior = _line("posterior", "posterior", x, belief.pdf)
    likelihood = _likelihood(state, x, _peak(posterior.y))
    lines += [] if likelihood is None else [likelihood]
    lines.append(_shaded(posterior, belief, level))
    marks = [
        EstimateMark(role, label, found)
        for role, label, value in (
            ("likelihood", "MLE", state.mle),
            ("posterior", "MAP", state.map),
            ("posterior", "mean", state.mean),
        )
        if (found := _number(value[0] if isinstance(value, tuple) else value)) is not None
    ]
    name = "mean" if state.display_kind == "normal" else state.unit or "parameter"
    if state.likelihood.of_logarithm:
        name = f"{name} of the logarithm"
    yield Curves("", name, "density", lines, marks)


def _line(
    role: str, label: str, x: Any, density: Callable[[Any], Any], dash: str = "solid"
) -> Curve:
    with np.errstate(all="ignore"):
        y = np.asarray(density(x), float)
    return Curve(role, label, x, np.where(np.isfinite(y), y, np.nan), dash)


def _shaded(line: Curve, belief: Any, level: float) -> Curve:
    low, high = map(float, belief.interval(level))
    label = f"{line.label}, {level * 100:g} % interval"
    return Curve(line.role, label, line.x, line.y, line.dash, (low, high))


def _peak(y: Any) -> float:
    return float(np.nanmax(y)) if np.isfinite(y).any() else 1.0


def _likelihood(state: Any, x: Any, peak: float) -> Curve | None:
    """Return the likelihood of all data, scaled to the posterior's peak; None if no data exist."""
    mode = state.map
    if not state.n_samples or mode is None:
        return None
    theta = state.observation_parameter(x)
    if isinstance(mode, tuple):  # the mean, at the most probable variance
        theta = (x, mode[1])
    with np.errstate(all="ignore"):
        logs = np.asarray(state.log_likelihood(theta, state.statistics.value), float)
    finite = np.isfinite(logs)
    if not finite.any():
        return None
    y = np.where(finite, np.exp(logs - logs[finite].max()), 0.0) * peak
    return Curve("likelihood", "likelihood (scaled)", x, y, "dotted")


def _shares(state: Any, level: float) -> Iterator[Panel]:
    """Yield the share of each label."""
    found = sorted(estimates(state, level), key=lambda each: -(each.mean or 0.0))[:MAX_ROWS]
    before = parts(state.clone().mean)
    if found:
        yield IntervalRows(
            "", "share", [_row(each, _number(before.get(each.name))) for each in found]
        )


def _row(found: ParameterEstimate, prior: float | None = None) -> IntervalRow:
    return IntervalRow(
        found.name or "parameter", found.mean, found.low, found.high, prior, found.mle
    )


def _coordinates(state: Any, level: float) -> Iterator[Panel]:
    """Yield the densities of the mean of each coordinate."""
    before = state.clone().coordinates()
    for name, belief in state.coordinates().items():
        found = None if belief is None else _densities(str(name), belief, before[name], level)
        if found is not None:
            yield found


def _densities(title: str, belief: Any, prior: Any, level: float) -> Curves | None:
    x = None if belief.terms > MAX_TERMS else curves.grid(belief, POINTS)
    if x is None:
        return None
    lines = (
        []
        if prior is None or prior.terms > MAX_TERMS
        else [_line("prior", "prior", x, prior.pdf, "dashed")]
    )
    lines.append(_shaded(_line("posterior", "posterior", x, belief.pdf), belief, level))
    mean = _number(belief.mean)
    marks = [] if mean is None else [EstimateMark("posterior", "mean", mean)]
    return Curves(title, "mean", "density", lines, marks)


def _expected(state: Any, level: float) -> Iterator[Panel]:
    """Yield the densities of a hurdle's expected observation, and the densities of its parts."""
    if state.expected is not None:
        found = _densities("expected value", state.expected, state.clone().expected, level)
        if found is not None:
            yield found
    yield from _fields(state, level)


def _fields(state: Any, level: float) -> Iterator[Panel]:
    for name, part in state.parts().items():
        yield from _titled(str(name), panels(part, level))


def _titled(name: str, found: Iterable[Panel]) -> Iterator[Panel]:
    for panel in found:
        title = f"{name} {panel.title}".strip()
        if isinstance(panel, IntervalRows):
            yield IntervalRows(title, panel.x_label, panel.rows)
        else:
            yield Curves(title, panel.x_label, panel.y_label, panel.lines, panel.marks)


def _components(mixture: Any, level: float) -> Iterator[Panel]:
    """Yield the weighted density of each component, or the weights if they have no density."""
    weights, components = mixture.weights, mixture.components
    if not components:  # the first observations determine the components' priors
        return
    predictives: list[Any] = [
        None if each is None else _scalar(each) for each in mixture.predictives
    ]
    if not any(each is None for each in predictives):
        x, bars = _common_grid(predictives)
        if x is not None:
            densities: list[Any] = [np.asarray(each.p(x), float) for each in predictives]
            ys = [float(w) * y for w, y in zip(weights, densities, strict=True)]
            total = Curve("posterior", "mixture", x, np.sum(ys, axis=0), bars=bars)
            order = list(mixture.ranking)[:MAX_ROWS]
            lines = [
                Curve("next", f"{mixture.names[k]} ({weights[k]:.1%})", x, ys[k], "dashed")
                for k in order
            ]
            yield Curves("", "observation", "probability" if bars else "density", [total, *lines])
            return
    rows = [IntervalRow(str(mixture.names[k]), _number(weights[k])) for k in mixture.ranking]
    yield IntervalRows("", "weight", rows[:MAX_ROWS])


def _ready(state: Any) -> bool:
    return bool(state.is_proper(state.posterior))


def _common_grid(predictives: list[Any]) -> tuple[Any, bool]:
    """Return points for several distributions, and whether the points are whole numbers."""
    if any(each.discrete for each in predictives):
        return curves.support(predictives, POINTS), True
    each = max(POINTS // len(predictives), 24)
    grids = [g for p in predictives if (g := curves.grid(p, each)) is not None]
    return (np.unique(np.concatenate(grids)) if grids else None), False


def _rows_of(model: Any, level: float) -> Iterator[Panel]:
    """Yield the estimates as rows."""
    rows = [_row(each) for each in estimates(model, level) if each.mean is not None]
    if rows:
        yield IntervalRows("", "estimate", rows[:MAX_ROWS])


_PANELS: dict[str, Callable[[Any, float], Iterator[Panel]]] = {
    "number": _density,
    "normal": _density,
    "labels": _shares,
    "vector": _coordinates,
    "product": _fields,
    "hurdle": _expected,
    "mixture": _components,
}


def predicted(model: Any, level: float = 0.95) -> list[Panel]:
    """Return the panels for the next observation.

    Examples
    --------
    >>> from seqbayes import Gamma
    >>> (panel,) = predicted(Gamma(2, 1))
    >>> panel.lines[0].role, panel.lines[0].bars
    ('evidence', True)
    """
    model = model.as_of()
    if model.display_kind == "mixture":
        return list(_components(model, level))
    if not model.conjugate:
        return []
    return list(islice(_predicted("", model, level), MAX_PANELS))


def _predicted(title: str, state: Any, level: float) -> Iterator[Panel]:
    if state.display_kind == "product":
        for name, part in state.parts().items():
            yield from _predicted(f"{title} {name}".strip(), part, level)
        return
    if not _ready(state):
        return
    found = (
        state.marginal("amount").predictive if state.display_kind == "hurdle" else state.predictive
    )
    if state.display_kind == "labels":
        # the probability of a label is the mean of its share
        ranked = sorted(parts(state.mean).items(), key=lambda each: -each[1])[:MAX_ROWS]
        yield IntervalRows(
            title, "probability of the next label", [IntervalRow(str(k), p) for k, p in ranked]
        )
    elif state.display_kind == "vector":
        for name, marginal in zip(state.coordinates(), found.marginals, strict=True):
            yield from _observation(f"{title} {name}".strip(), marginal, level)
    else:
        yield from _observation(title, found, level)


def _scalar(found: Any) -> Any:
    """Return a distribution of numbers, or None."""
    try:
        return None if isinstance(found.mean, (dict, np.ndarray)) else found
    except NotImplementedError:
        return None


def _observation(title: str, found: Any, level: float) -> Iterator[Panel]:
    if _scalar(found) is None:
        return
    x, bars = _common_grid([found])
    if x is None:
        return
    low, high = map(float, found.interval(level))
    label = f"predictive, {level * 100:g} % interval"
    y = np.asarray(found.p(x), float)
    line = Curve("evidence", label, x, y, shaded=(low, high), bars=bars)
    mean = _number(found.mean)
    marks = [] if mean is None else [EstimateMark("evidence", "mean", mean)]
    yield Curves(title, "next observation", "probability" if bars else "density", [line], marks)


def history(model: Any, xs: Iterable[Any], level: float = 0.95) -> list[Panel]:
    """Return the mean, interval and MLE of the first number after each observation.

    A copy learns the observations. If there are many, about `MAX_RECORDED` evenly spaced points are
    recorded.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> (panel,) = history(Beta(1, 1), [True, False, True])
    >>> panel.lines[-1].y.round(3).tolist()
    [0.5, 0.667, 0.5, 0.6]
    """
    state = copy.copy(model)
    listed = list(xs)
    step = max(1, math.ceil(len(listed) / MAX_RECORDED))
    first = _first(state, level)
    points = [(0.0, first)]
    for k, x in enumerate(listed, start=1):
        state.learn_one(x)
        if k % step == 0 or k == len(listed):
            points.append((float(k), _first(state, level)))
    n = np.array([k for k, _ in points])
    mean, low, high, mle = (
        np.array([math.nan if (v := e._asdict()[name]) is None else v for _, e in points])
        for name in ("mean", "low", "high", "mle")
    )
    label = f"posterior mean, {level * 100:g} % interval"
    lines = [Curve("likelihood", "MLE", n, mle, "dotted")] if np.isfinite(mle).any() else []
    if first.mean is not None:
        lines.insert(0, Curve("prior", "mean before", n, np.full(len(n), first.mean), "dashed"))
    lines.append(Curve("posterior", label, n, mean, band=(low, high)))
    return [Curves("", "observations", first.name or "parameter", lines)]


def _first(model: Any, level: float) -> ParameterEstimate:
    found = estimates(model, level)
    return found[0] if found else ParameterEstimate("", None, None, None, None, None)
