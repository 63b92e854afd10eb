"""Bulk predictions for many observations, and samples from a mixture and of its parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes.checks import check_count, check_seed
from seqbayes.figures.samples import Samples, named, of_observations, of_parameter, stacked
from seqbayes.mixture.components.rows import as_observations
from seqbayes.mixture.em.loop import EMModel
from seqbayes.state import State
from seqbayes.statistics import arrays

Array = npt.NDArray[np.float64]

BLOCK_NUMBERS = 1 << 17
"""Approximate number of values per block of rows, which keeps temporary arrays small."""

COMPONENT = "component"
"""The dimension of the components."""


class BulkPredictions:
    """Bulk predictions of a mixture, with the same results as the methods for one observation."""

    @property
    def names(self) -> tuple[Any, ...]:
        """The components' names."""
        raise NotImplementedError

    @property
    def labels(self) -> tuple[Any, ...]:
        """The names of the components, and of the background if there is one."""
        raise NotImplementedError

    def scaled_model(self) -> EMModel:
        """Return the current model; raise an error if default priors have no scale yet."""
        raise NotImplementedError

    @property
    def has_predictive(self) -> bool:
        """Whether a density is available in which the components' parameters are marginalised."""
        raise NotImplementedError

    def predict_proba_many(self, xs: Iterable[Any]) -> Array:
        """Return the probabilities, of shape (n, K), of every component for many observations.

        If there is a background, its probability is in the last column.

        Parameters
        ----------
        xs
            Observations: an array of shape (n,) or (n, d), where NaN marks a missing value, or any
            iterable.

        Raises
        ------
        ObservationError
            If an observation is outside a component's support; the message gives its position.
        PriorError
            If there is no observation yet, so that default priors have no scale.
        """
        model, rows = self._read(xs)
        return np.vstack([shares(*model.log_densities(block)) for block in _blocks(rows)])

    def predict_many(self, xs: Iterable[Any]) -> list[Any]:
        """Return the names of the most probable components of many observations.

        Raises
        ------
        ObservationError
            If an observation is outside a component's support; the message gives its position.
        PriorError
            If there is no observation yet, so that default priors have no scale.

        Examples
        --------
        >>> import numpy as np
        >>> from seqbayes.mixture import Mixture
        >>> rng = np.random.default_rng(1)
        >>> mixture = Mixture(2, seed=1)
        >>> trace = mixture.fit(np.append(rng.normal(0.0, 1.0, 200), rng.normal(9.0, 1.0, 100)))
        >>> low, high = mixture.ranking
        >>> mixture.predict_many([0.5, 8.5]) == [low, high]
        True
        >>> mixture.predict_proba_many([0.5, 8.5]).round(3)[:, [low, high]]
        array([[1., 0.],
               [0., 1.]])
        >>> values, names = mixture.sample(1000, seed=1)
        >>> print(f"{np.mean(values):.1f}, {np.mean(mixture.log_density_many(values)):.1f}")
        3.0, -2.0
        """
        model, rows = self._read(xs)
        best = [shares(*model.log_densities(block)).argmax(axis=1) for block in _blocks(rows)]
        return [self.labels[k] for k in np.concatenate(best)]

    def log_density_many(self, xs: Iterable[Any]) -> Array:
        """Return the log densities of n observations under the current parameters.

        Raises
        ------
        ObservationError
            If an observation is outside a component's support; the message gives its position.
        PriorError
            If there is no observation yet, so that default priors have no scale.
        """
        model, rows = self._read(xs)
        return np.concatenate([log_average(*model.log_densities(block)) for block in _blocks(rows)])

    def score_many(self, xs: Iterable[Any]) -> Array:
        """Return the surprise of each of n observations; anomalous ones have high surprises.

        Raises
        ------
        ObservationError
            If an observation is outside a component's support; the message gives its position.
        PriorError
            If there is no observation yet, so that default priors have no scale.
        """
        xs = arrays.items(xs)
        if not self.has_predictive:
            return -self.log_density_many(xs)
        model, rows = self._read(xs)
        if not model.predictive_is_compiled():
            return np.array([-model.log_predictive(x) for x in as_observations(xs)])
        return np.concatenate(
            [-log_average(*model.log_densities(block, predictive=True)) for block in _blocks(rows)]
        )

    def sample(self, n: int = 1, seed: int | None = None) -> tuple[Any, list[Any]]:
        """Draw observations under the current parameters, with the names of their components.

        No observation is drawn from the background.

        Parameters
        ----------
        n
            Number of observations, >= 1.
        seed
            Seed for the draws.

        Returns
        -------
        observations
            An array of shape (n,) or (n, d) if observations consist of numbers; otherwise a list.
        names
            The component of every observation.

        Raises
        ------
        PriorError
            If nothing was learned and default priors have no scale, or a parameter is invalid.
        """
        count, rng = check_count("n", n), np.random.default_rng(check_seed(seed))
        model = self.scaled_model()
        engine = model.predicting()
        parameters = model.parameters(engine)
        weights = np.asarray(engine.weights)[: len(parameters)]
        chosen = rng.choice(len(weights), count, p=weights / weights.sum())
        drawn: list[Any] = [None] * count
        for k in np.unique(chosen):
            places = np.flatnonzero(chosen == k)
            values = draw(model, k, parameters[k], rng, len(places))
            for i, value in zip(places.tolist(), values, strict=True):
                drawn[i] = value
        plain = isinstance(drawn[0], (np.ndarray, np.generic))
        return np.array(drawn) if plain else drawn, [self.names[k] for k in chosen]

    def _read(self, xs: Iterable[Any]) -> tuple[EMModel, Array]:
        model = self.scaled_model()
        return model, model.rows(arrays.items(xs))


def draw(model: EMModel, k: int, theta: Any, rng: np.random.Generator, n: int) -> Any:
    """Draw observations from one component; vectors with named features are mappings."""
    state = model.priors[k]
    if isinstance(theta, Mapping) and not state.parts() and not all(theta.values()):
        theta = {label: share for label, share in theta.items() if share > 0.0}
    drawn = model.sample(k, theta, rng, n)
    names = state.likelihood.observation_fields
    if names and isinstance(drawn, np.ndarray):
        return [dict(zip(names, values, strict=True)) for values in drawn.tolist()]
    return drawn


def _blocks(rows: Array) -> list[Array]:
    """Return the rows in blocks that fit into the CPU cache."""
    size = max(1, BLOCK_NUMBERS // (rows.shape[1] + 8))
    return [rows[i : i + size] for i in range(0, max(1, len(rows)), size)]


def log_average(logs: Array, weights: Array) -> Array:
    """Return the log of the weighted average density of every row."""
    parts, top = _relative(logs, weights)
    with np.errstate(divide="ignore"):
        averages: Array = np.log(parts.sum(axis=1)) + top
    return averages


def shares(logs: Array, weights: Array) -> Array:
    """Return the responsibilities of the components for every row."""
    parts, _ = _relative(logs, weights)
    normalised: Array = parts / parts.sum(axis=1)[:, None]
    return normalised


def _relative(logs: Array, weights: Array) -> tuple[Array, Array]:
    """Return the weighted densities of every row, divided by their maximum, and the log maximum."""
    top = logs[:, weights > 0.0].max(axis=1)
    return weights * np.exp(np.minimum(logs - top[:, None], 0.0)), top


def mixture_samples(
    components: Mapping[str, State],
    weights: Mapping[str, float],
    concentrations: Mapping[str, float] | None,
    rng: np.random.Generator,
    shape: tuple[int, int],
) -> Samples:
    """Return samples from the posterior given the responsibilities, and of the next observation.

    Parameters
    ----------
    components
        The components, keyed by name, with the expected statistics of EM.
    weights
        The mean weight of every component.
    concentrations
        The hyperparameters of the weights, keyed by name; None if the weights are fixed.
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
    drawn = _draw_predictive(
        list(components.values()), list(weights.values()), rng, shape[0] * shape[1]
    )
    groups = {"posterior": posterior, "posterior_predictive": of_observations(drawn, shape)}
    return Samples(groups, dims, coords)


def _draw_predictive(states: Sequence[State], weights: Sequence[float], rng: Any, n: int) -> Any:
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
