"""Beliefs as plain JSON values, for output."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes.console.summary import View, reciprocal_of
from seqbayes.figures.named import is_named
from seqbayes.state import State


def plain(value: Any) -> Any:
    """Return a parameter, estimate or interval as JSON values.

    Estimates that do not exist are None; infinities, which JSON cannot represent, are "inf" and
    "-inf".

    Examples
    --------
    >>> from seqbayes import Dirichlet
    >>> plain(Dirichlet({"red": 2, "blue": 1}).posterior)
    {'alpha': {'red': 2.0, 'blue': 1.0}}
    >>> plain((0.0, math.inf)), plain(math.nan)
    ([0.0, 'inf'], None)
    """
    if type(value) is float and math.isfinite(value):
        return value
    if is_named(value):
        named = dict(value._asdict())
        named.pop("families", None)  # only products have this field
        categories = named.pop("categories", None)
        if categories is not None:
            named = {k: dict(zip(categories, v, strict=True)) for k, v in named.items()}
        return {name: plain(each) for name, each in named.items()}
    if type(value) is tuple:
        return [plain(each) for each in value]
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(each) for each in value]
    return value


def describe(key: dict[str, str], state: State, view: View) -> dict[str, Any]:
    """Return one belief as JSON values."""
    return {
        "key": key,
        "n": state.n_samples,
        "posterior": plain(state.posterior),
        "mean": plain(state.mean),
        "interval": plain(state.interval(view.level, view.kind)),
        "mle": plain(state.mle),
        "map": plain(state.map),
        "log_evidence": plain(state.log_evidence),
        **_reciprocal(state, view),
        **_expected(state, view),
    }


def _expected(state: State, view: View) -> dict[str, Any]:
    """Return the mean and the interval of the expected observation of a hurdle model."""
    number = state.expected if state.compares_expected else None
    if number is None:
        return {}
    return {
        "expected": {"mean": plain(number.mean), "interval": plain(number.interval(view.level))}
    }


def _reciprocal(state: State, view: View) -> dict[str, Any]:
    """Return the mean and the interval of the reciprocal of a rate, such as a duration."""
    number = reciprocal_of(state)
    if number is None:
        return {}
    return {
        "reciprocal": {
            "meaning": state.likelihood.reciprocal_meaning,
            "mean": plain(number.mean),
            "interval": plain(number.interval(view.level, view.kind)),
        }
    }
