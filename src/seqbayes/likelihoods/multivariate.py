"""Normal vectors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqbayes import tables
from seqbayes.distributions import Distribution
from seqbayes.errors import ObservationError, PriorError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.statistics import Scatter, arrays, is_missing


@dataclass(frozen=True, slots=True)
class MultivariateNormal(Likelihood):
    """Multivariate normal vectors with unknown mean and covariance.

    Parameters
    ----------
    features
        Names of the coordinates, in order, if observations are mappings. Without names,
        observations are sequences or arrays of numbers.

    Raises
    ------
    PriorError
        If a name occurs twice or is a missing value.

    Examples
    --------
    >>> from seqbayes import NormalInverseWishart
    >>> belief = NormalInverseWishart([0, 0], likelihood=MultivariateNormal(features=("x", "y")))
    >>> belief.learn_one({"y": 2.0, "x": 1.0})
    >>> belief.posterior.mean
    array([0.5, 1. ])
    """

    features: tuple[Any, ...] | None = None

    columnar = False

    @property
    def observation_fields(self) -> Mapping[Any, str]:
        """The features, each a number; empty if they have no names."""
        return dict.fromkeys(self.features or (), "number")

    def __post_init__(self) -> None:
        if self.features is None:
            return
        try:
            given: Any = self.features
            names = () if isinstance(given, str) else tuple(given)
            distinct = len(set(names)) == len(names) > 0 and not any(map(is_missing, names))
        except TypeError:
            distinct = False
        if not distinct:
            raise PriorError(f"expected distinct names of features, got {self.features!r}")
        self._set("features", names)

    def accumulator(self, dimension: int) -> Scatter:
        """Return a new, empty accumulator of vectors with this dimension."""
        return Scatter(dimension, self.features)

    def total(self, xs: Iterable[Any], w: Any, dimension: int) -> Scatter:
        """Return the accumulator of many observations, after validating all of them.

        Raises
        ------
        ObservationError
            If an observation is invalid; the message gives its position.
        """
        values = self._table(xs, dimension)
        weights = arrays.weights(w, len(values))
        total = self.accumulator(dimension)
        total.observe_array(values, np.ones(len(values)) if weights is None else weights)
        return total

    def _table(self, xs: Iterable[Any], dimension: int) -> arrays.Array:
        xs = arrays.items(self._by_feature(xs))
        if isinstance(xs, np.ndarray) and xs.ndim == 2 and xs.dtype.kind in "fiu":
            values = xs.astype(float, copy=False)
            if values.shape[1] == dimension and np.isfinite(values).all():
                return values
        rows = []
        one = self.accumulator(dimension)
        for i, x in enumerate(xs):
            try:
                one.observe(x, 0.0)
            except ObservationError as error:
                raise ObservationError(f"observation {i}: {error}") from None
            rows.append([x[f] for f in self.features or ()] if isinstance(x, Mapping) else x)
        return np.array(rows, float).reshape(len(rows), dimension)

    def _by_feature(self, xs: Any) -> Any:
        """Convert columns keyed by feature to rows in feature order; return rows unchanged."""
        if self.features is None or isinstance(xs, np.ndarray):
            return xs
        columns = tables.columns(xs, dict.fromkeys(self.features))
        if columns is None:
            return xs
        for name in self.features:
            if name not in columns:
                raise ObservationError(
                    f"expected a column for every feature, got none for {name!r}"
                )
        listed = [columns[name] for name in self.features]
        if all(isinstance(column, np.ndarray) for column in listed):
            return np.column_stack(listed)
        return list(zip(*listed, strict=True))

    def predictive(self, posterior: Any) -> Distribution:
        """Return the multivariate Student's t distribution of the next observation."""
        distribution: Distribution = posterior.observation()
        return distribution

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw observations; `theta` is (mean, covariance)."""
        mean, covariance = theta
        factor = np.linalg.cholesky(np.asarray(covariance, float))
        shape = () if size is None else tuple(np.atleast_1d(size))
        return np.asarray(mean) + rng.standard_normal((*shape, len(factor))) @ factor.T


def check_vector(name: str, value: Any) -> tuple[float, ...]:
    """Validate a vector of finite numbers, and return it as a tuple.

    Raises
    ------
    PriorError
        If `value` is not a vector of finite numbers.
    """
    try:
        values = np.asarray(value)
        good = values.ndim == 1 and len(values) > 0 and values.dtype.kind in "fiu"
        good = good and bool(np.isfinite(values).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise PriorError(f"expected {name} to be a vector of finite numbers, got {value!r}")
    return tuple(values.astype(float).tolist())


def check_matrix(name: str, value: Any, d: int) -> tuple[tuple[float, ...], ...]:
    """Validate a symmetric, positive semidefinite (d, d) matrix; return it as a tuple of rows.

    Raises
    ------
    PriorError
        If `value` is not a symmetric, positive semidefinite matrix of this shape.
    """
    try:
        matrix = np.asarray(value)
        good = matrix.shape == (d, d) and matrix.dtype.kind in "fiu"
        good = good and bool(np.isfinite(matrix).all())
    except (TypeError, ValueError):
        good = False
    if not good:
        raise PriorError(f"expected {name} to be a {d} x {d} matrix of numbers, got {value!r}")
    matrix = matrix.astype(float)
    size = np.sqrt(np.abs(np.diagonal(matrix)))
    size = np.where(size > 0.0, size, 1.0)
    scaled = matrix / size[:, None] / size
    if not np.allclose(scaled, scaled.T, rtol=0.0, atol=1e-12):
        raise PriorError(f"expected {name} to be symmetric, got {value!r}")
    # the eigenvalues of a diagonal matrix, such as that of a default prior, are on its diagonal
    is_diagonal = np.count_nonzero(scaled) == np.count_nonzero(np.diagonal(scaled))
    values = np.diagonal(scaled) if is_diagonal else np.linalg.eigvalsh(scaled)
    if values.min() < -1e-12:
        raise PriorError(f"expected {name} to be positive definite, got {value!r}")
    symmetric = (matrix + matrix.T) / 2.0
    return tuple(tuple(row) for row in symmetric.tolist())
