"""Of several numbers each by itself: its density, as of a belief about it alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from seqbayes.dashboard.views import curves
from seqbayes.dashboard.views.cards import card
from seqbayes.dashboard.views.figures import finite, heights, pair, places
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.dashboard.views.parts import coordinates, means
from seqbayes.families import NormalInverseWishart, Product

POINTS = 100
MOST = 12
"""Fields and coordinates that are told."""


def marginals(state: Any, last: Any = None) -> list[dict[str, Any]]:
    """Return a small card for every field, or coordinate, of a product or a vector.

    Parameters
    ----------
    state
        A state that does not forget.
    last
        The last observation, None where it is not known.

    Examples
    --------
    >>> from seqbayes import Beta, Gamma
    >>> told = marginals(Product({"rate": Gamma(2, 1), "ok": Beta(1, 3)}))
    >>> [(each["name"], each["family"], each["mean"]) for each in told]
    [('rate', 'Gamma', 2.0), ('ok', 'Beta', 0.25)]
    """
    return list(islice(_marginals("", state, last), MOST))


def _marginals(name: str, state: Any, last: Any) -> Iterator[dict[str, Any]]:
    if isinstance(state, Product):
        observed = last if isinstance(last, Mapping) else {}
        for field in state.fields:
            inside = f"{name}.{field}" if name else str(field)
            yield from _marginals(inside, state.marginal(field), observed.get(field))
    elif isinstance(state, NormalInverseWishart):
        yield from _coordinates(name, state)
    else:
        likelihood = type(state.likelihood).__name__
        about = {"name": name, "family": type(state).__name__, "likelihood": likelihood}
        yield {**about, **card(state, last, POINTS)}


def _coordinates(name: str, state: Any) -> Iterator[dict[str, Any]]:
    proper = state.is_proper(state.posterior)
    after = means(state) if proper else []
    blank = state.clone()
    before = means(blank) if blank.is_proper(blank.posterior) else [None] * len(after)
    for feature, belief, prior in zip(coordinates(state), after, before, strict=False):
        yield {
            "name": f"{name}.{feature}" if name else str(feature),
            "family": "Normal",
            "likelihood": type(state.likelihood).__name__,
            "kind": "number",
            "n": finite(state.n_samples),
            "mean": finite(belief.mean),
            "mle": None,
            "map": finite(belief.mode),
            "interval": pair(belief.interval(LEVEL)),
            "level": LEVEL,
            "density": _density(belief, prior),
        }


def _density(belief: Any, prior: Any) -> dict[str, Any] | None:
    x = curves.grid(belief, POINTS)
    if x is None:
        return None
    height = np.asarray(belief.pdf(x), float)
    peak = float(height.max())
    return {
        "x": places(x),
        "posterior": heights(height, peak),
        "prior": None if prior is None else heights(prior.pdf(x), peak),
        "likelihood": None,
    }
