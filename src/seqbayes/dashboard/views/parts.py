"""Beliefs about several things at once: a line for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.dashboard.views.figures import finite, pair
from seqbayes.dashboard.views.numbers import LEVEL
from seqbayes.distributions import StudentT
from seqbayes.families import (
    Beta,
    Dirichlet,
    DirichletProcess,
    NormalInverseWishart,
    Product,
)
from seqbayes.likelihoods import LogNormal
from seqbayes.state import State

NOTHING = {"mean": None, "mle": None, "map": None, "interval": None, "level": LEVEL}


def parts(state: State) -> dict[str, Any]:
    """Return a line for every coordinate, or for every field."""
    lines = _coordinates(state) if isinstance(state, NormalInverseWishart) else _fields(state)
    return {**NOTHING, "fields": lines}


def _coordinates(state: Any) -> list[dict[str, Any]]:
    names = coordinates(state)
    if not state.is_proper(state.posterior):
        return [{"name": str(name), "mean": None, "interval": None} for name in names]
    marginals = means(state)
    return [
        {"name": str(name), "mean": finite(each.mean), "interval": pair(each.interval(LEVEL))}
        for name, each in zip(names, marginals, strict=True)
    ]


def coordinates(state: Any) -> Sequence[Any]:
    """Return the names of a vector's coordinates, or their places."""
    return state.likelihood.features or range(len(state.prior_mean))


def means(state: Any) -> list[StudentT]:
    """Return what is believed of the mean of every coordinate of a vector.

    The marginals of the belief are more: those of all covariances, which take far longer.

    Examples
    --------
    >>> vector = NormalInverseWishart([0.0, 1.0], df=6.0)
    >>> low, high = vector.interval(0.95).mean
    >>> means(vector)[1].interval(0.95) == (low[1], high[1])
    True
    """
    mean, kappa, df, scale = state.posterior
    left = df - len(mean) + 1.0
    widths = np.sqrt(np.diagonal(scale) / (kappa * left))
    return [
        StudentT(left, centre, width)
        for centre, width in zip(np.asarray(mean).tolist(), widths.tolist(), strict=True)
    ]


def _fields(state: Any) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = []
    for name in state.fields:
        lines += field_lines(str(name), state.marginal(name))
    return lines


def field_lines(name: str, state: State) -> list[dict[str, Any]]:
    """Return the lines of a state that goes by a name: one for every number it is about."""
    if isinstance(state, (Product, NormalInverseWishart)):
        inner = parts(state)["fields"]
        return [
            {**line, "name": f"{name}.{line['name']}" if name else line["name"]} for line in inner
        ]
    lines = _lines(name, state.mean, state.interval(LEVEL), of_logarithms(state))
    shares = isinstance(state, (Beta, Dirichlet, DirichletProcess))
    return [{**line, "unit": "share"} for line in lines] if shares else lines


def of_logarithms(state: Any) -> bool:
    """Whether means are those of the logarithms of what was observed."""
    return isinstance(getattr(state, "likelihood", None), LogNormal)


def _lines(name: str, mean: Any, interval: Any, logs: bool) -> list[dict[str, Any]]:
    """Return a line for a number, or one for each label or parameter."""
    if isinstance(mean, Mapping):
        return [
            {
                "name": f"{name} = {label}" if name else str(label),
                "mean": finite(share),
                "interval": None if interval is None else pair(interval[label]),
            }
            for label, share in mean.items()
        ]
    if hasattr(mean, "_fields"):
        each = zip(mean._fields, mean, interval or [None] * len(mean), strict=True)
        of = " of the log" if logs else ""
        return [
            {"name": f"{name} {part}{of}", "mean": finite(m), "interval": pair(i)}
            for part, m, i in each
        ]
    named = f"{name} mean of the log" if logs else name
    return [{"name": named, "mean": finite(mean), "interval": pair(interval)}]
