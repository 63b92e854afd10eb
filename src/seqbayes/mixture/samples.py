"""Samples of the weights, the parameters and the next observation of a mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.figures.samples import Samples, named, of_observations, of_parameter, stacked
from seqbayes.state import State

Array = Any

COMPONENT = "component"
"""The dimension of the components."""


def mixture_samples(
    components: Mapping[str, State],
    weights: Mapping[str, float],
    concentrations: Mapping[str, float] | None,
    rng: np.random.Generator,
    shape: tuple[int, int],
) -> Samples:
    """Return samples of the posterior given the responsibilities, and of the next observation.

    Parameters
    ----------
    components
        The components by name, with the expected statistics of EM.
    weights
        The mean weight of every component.
    concentrations
        The hyperparameters of the weights, by name; None if the weights are fixed.
    rng
        The random generator.
    shape
        The numbers of chains and draws.

    Raises
    ------
    PriorError
        If the posterior of a component is improper.
    """
    names = list(components)
    parts = [of_parameter(state, shape, rng) for state in components.values()]
    dims, coords = {}, {COMPONENT: names}
    together = stacked(parts, names)
    if together is None:
        posterior = {
            found: array
            for name, part in zip(names, parts, strict=True)
            for found, array in named(part, shape, name).items()
        }
    else:
        posterior = together
        dims = {name: [COMPONENT] for name in together}
    if concentrations is not None:
        posterior["weight"] = rng.dirichlet(list(concentrations.values()), shape)
        dims["weight"] = ["weight_of"]
        coords["weight_of"] = list(concentrations)
    drawn = _draw(list(components.values()), list(weights.values()), rng, shape[0] * shape[1])
    groups = {"posterior": posterior, "posterior_predictive": of_observations(drawn, shape)}
    return Samples(groups, dims, coords)


def _draw(states: Sequence[State], weights: Sequence[float], rng: Any, n: int) -> Any:
    """Draw observations from the predictive distributions of the components."""
    shares = np.array(weights)
    chosen = rng.choice(len(states), n, p=shares / shares.sum())
    drawn: list[Any] = [None] * n
    for k in np.unique(chosen):
        places = np.flatnonzero(chosen == k)
        values = states[k].predictive.sample(len(places), rng)
        for i, value in zip(places.tolist(), values, strict=True):
            drawn[i] = value
    return drawn
