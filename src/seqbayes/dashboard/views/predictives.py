"""What comes next: the predictive as a curve, as bars, or as a line for each of several numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.blends import Blend, blend
from seqbayes.dashboard.views.figures import decimals, finite, heights, pair, places
from seqbayes.dashboard.views.mixtures import support
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.errors import SeqbayesError
from seqbayes.families import NormalInverseWishart, Product
from seqbayes.mixture.answers import Answers
from seqbayes.predictive.counts import Bernoulli
from seqbayes.predictive.labels import Categorical
from seqbayes.state import State

POINTS = 120
MOST_LABELS = 50
FEW_LABELS = 4
"""Labels that are told of one field among several."""

MOST_LINES = 60
"""Numbers that are told of what a mixture of several predicts."""


def predictive(state: Any, shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the distribution of the next observation, where it can be told.

    Parameters
    ----------
    state
        A state that does not forget, a mixture or an estimator.
    shown
        Its card: of a mixture the predictive is the curve that is drawn there already.

    Examples
    --------
    >>> from seqbayes import Beta, Gamma
    >>> predictive(Beta(2, 3), {})
    {'kind': 'pmf', 'x': [0.0, 1.0], 'p': [0.6, 0.4]}
    >>> told = predictive(Product({"n": Gamma(2, 1)}), {})
    >>> [(line["name"], line["mean"]) for line in told["lines"]]
    [('n', 2.0)]
    """
    if isinstance(state, Answers):
        return _of_mixture(state, shown)
    if isinstance(state, (Product, NormalInverseWishart)):
        return _in_lines(_parts("", state))
    if not isinstance(state, State):  # an estimator's depends on features
        return None
    found = _proper(state)
    if isinstance(found, Categorical):
        return _of_labels(found)
    return None if found is None else _curve(found)


def _proper(state: Any) -> Any:
    try:
        return state.predictive
    except SeqbayesError:  # improper
        return None


def _mean(found: Any) -> Any:
    try:
        return found.mean
    except (AttributeError, NotImplementedError):
        return None


def _is_scalar(found: Any) -> bool:
    """Whether it is a distribution on the line, be it one without a mean."""
    try:
        return hasattr(found, "interval") and not isinstance(found.mean, (Mapping, np.ndarray))
    except NotImplementedError:
        return False


def _curve(found: Any) -> dict[str, Any] | None:
    if not _is_scalar(found):
        return None
    x = support([found], POINTS) if found.discrete else curves.grid(found, POINTS)
    if x is None:
        return None
    p = np.asarray(found.p(x), float)
    top = float(np.nanmax(np.where(np.isfinite(p), p, np.nan))) if np.isfinite(p).any() else 0.0
    kind = "pmf" if found.discrete else "pdf"
    return {"kind": kind, "x": places(x), "p": heights(p, top)}


def _of_labels(found: Categorical) -> dict[str, Any]:
    ranked = _ranked(found)[:MOST_LABELS]
    return {
        "kind": "pmf",
        "x": [str(label) for label, _ in ranked],
        "p": [round(p, decimals(p, 6)) if p > 0.0 else 0.0 for _, p in ranked],
        "unseen": found.unseen,
    }


def _ranked(found: Categorical) -> list[tuple[Any, float]]:
    return sorted(found.probabilities.items(), key=lambda each: -each[1])


def _of_mixture(state: Answers, shown: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the components' predictives add up to: their curve, or a line for each number."""
    found = list(islice(_blended(state), MOST_LINES))
    alone = found[0][1] if len(found) == 1 and not found[0][0] else None
    if isinstance(alone, Categorical):
        return _of_labels(alone)
    if shown.get("x"):
        kind = "pmf" if shown["discrete"] else "pdf"
        told = {"kind": kind, "x": shown["x"], "p": shown["total"]}
        ends = None if alone is None else pair(alone.interval(LEVEL))
        return {**told, "mean": finite(_mean(alone)), "interval": ends}
    known = any(name and part is not None for name, part in found)
    return _in_lines(found) if known else None


def _blended(state: Answers) -> Iterator[tuple[str, Any]]:
    """Yield what a mixture predicts of every number, or of labels, by name."""
    components = state.components  # none where the priors wait for the first observation
    each = zip(state.weights if components else (), components, strict=True)
    parts = [(w, dict(_parts("", component))) for w, component in each if w > 0.0]
    weights = [w for w, _ in parts]
    for name in parts[0][1] if parts else ():
        yield name, blend(weights, [named.get(name) for _, named in parts])


def _parts(name: str, state: State) -> Iterator[tuple[str, Any]]:
    """Yield the predictive of every number, or of labels, by name; None where there is none."""
    if isinstance(state, Product):
        for field in state.fields:
            yield from _parts(f"{name}.{field}" if name else str(field), state.marginal(field))
        return
    found = _proper(state)
    if isinstance(state, NormalInverseWishart):
        features = state.likelihood.features or range(len(state.prior_mean))
        marginals = [None] * len(state.prior_mean) if found is None else found.marginals
        for feature, marginal in zip(features, marginals, strict=True):
            yield f"{name}.{feature}" if name else str(feature), marginal
    else:
        known = found is not None and (isinstance(found, Categorical) or _is_scalar(found))
        yield name, found if known else None


def _in_lines(found: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a line for every number that comes next, and for the likeliest labels."""
    lines = [line for name, part in found for line in _lines(name, part)]
    return {"kind": "lines", "x": [], "p": [], "lines": lines}


def _lines(name: str, found: Any) -> list[dict[str, Any]]:
    if isinstance(found, Categorical):
        return [
            {"name": f"{name} = {label}", "mean": finite(p), "interval": None, "unit": "share"}
            for label, p in _ranked(found)[:FEW_LABELS]
        ]
    if found is not None and _is_bit(found):
        name = f"{name} = true" if name else "true"
        return [{"name": name, "mean": finite(_mean(found)), "interval": None, "unit": "share"}]
    return [{"name": name, "mean": None, "interval": None} if found is None else _line(name, found)]


def _is_bit(found: Any) -> bool:
    """Whether it is of a yes or no, of which the probability says all."""
    parts = found.parts if isinstance(found, Blend) else [found]
    return all(isinstance(part, Bernoulli) for part in parts)


def _line(name: str, found: Any) -> dict[str, Any]:
    return {"name": name, "mean": finite(_mean(found)), "interval": pair(found.interval(LEVEL))}
