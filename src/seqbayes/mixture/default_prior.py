"""Default priors of Normal components, from a robust location and scale of the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes import families, likelihoods, serialization
from seqbayes.errors import ObservationError, PriorError
from seqbayes.mixture.components.rows import LARGEST, as_number, as_observation
from seqbayes.state import State

Array = npt.NDArray[np.float64]

RARE_SHARE = 0.015
"""Maximum share of outliers among the values of a feature."""

LONG_TAIL, LONGEST_TAIL = 10.0, 30.0
"""Values farther than this from the median, in median absolute deviations, do not contribute to the
scale. The first limit applies to rare values, the second one to all values."""


def location_and_spread(values: Array) -> tuple[float, float]:
    """Return mean and standard deviation of values without outliers; NaN is a missing value.

    The spread is 0 if all values except a few possible outliers are equal.
    """
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return 0.0, 0.0
    centre = float(np.median(values))
    distance = np.abs(values - centre)
    varying = distance[distance > 0.0]
    if len(varying) <= RARE_SHARE * len(values):
        return centre, 0.0
    typical = np.median(distance) or np.median(varying)
    tail = distance > LONG_TAIL * typical
    # a few values beyond a long tail are outliers; many values are a cluster
    rare = tail.mean() <= RARE_SHARE
    usual = values[~tail if rare else distance <= LONGEST_TAIL * typical]
    return centre + float((usual - centre).mean()), float((usual - centre).std())


def location_and_scale(table: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of every column without outliers, the latter above 0."""
    moments = [location_and_spread(column) for column in table.T]
    mean = np.array([location for location, _ in moments])
    spread = np.array([spread for _, spread in moments])
    size = np.where(mean == 0.0, 1.0, np.abs(mean))
    # the scale of a constant coordinate is its absolute value
    return mean, np.where(spread > 1e-12 * size, spread, 1e-3 * size)


def standardise(vectors: Array) -> Array:
    """Standardise every coordinate to mean 0 and variance 1, ignoring outliers."""
    points = np.empty_like(vectors, dtype=float)
    for i, column in enumerate(vectors.T):
        location, spread = location_and_spread(column)
        points[:, i] = (column - location) / (spread or 1.0)
    # clipped so that squares do not overflow; a missing value is replaced by the mean
    standard: Array = np.nan_to_num(np.clip(points, -1e100, 1e100))
    return standard


def scaled_to(data: Sequence[Any], k: int) -> State:
    """Return a vague Normal prior at the scale of the data: numbers, vectors or mappings.

    Its mean is the mean of the data without outliers, with a weight of 0.01 observations. Its
    expected covariance is diagonal, and scaled such that `k` clusters fill the volume of the data.

    References
    ----------
    .. [1] Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture
       estimation and model-based clustering. Journal of Classification 24, 155-181.
    """
    names, table = _tabulate(data)
    mean, deviation = location_and_scale(table)
    scale = deviation**2 / k ** (2.0 / len(mean))
    is_number = names is None and np.ndim(data[0]) == 0
    return _default_prior(mean.tolist(), scale.tolist(), names, is_number)


def _default_prior(mean: list[float], scale: list[float], names: Any, is_number: bool) -> State:
    """Return the default prior with this location and scale of the features."""
    if is_number:
        return families.NormalInverseGamma(mean[0], 0.01, 1.5, scale[0] / 2.0)
    likelihood = likelihoods.MultivariateNormal(features=names)
    return families.NormalInverseWishart(
        mean, 0.01, len(mean) + 2.0, np.diag(scale).tolist(), likelihood=likelihood
    )


def dump_default_prior(prior: State) -> list[Any]:
    """Return JSON values from which `load_default_prior` restores a prior of `scaled_to`."""
    if isinstance(prior.prior[0], float):
        return [[prior.prior[0]], [2.0 * prior.prior[3]], None, True]
    names = prior.likelihood.observation_fields or None
    scale = np.diagonal(prior.prior[3]).tolist()
    return [np.array(prior.prior[0]).tolist(), scale, serialization.encode(names), False]


def load_default_prior(dumped: Any) -> State:
    """Create a prior from the output of `dump_default_prior`.

    Raises
    ------
    PriorError
        If the document is invalid.
    """
    try:
        mean, scale, names, is_number = dumped
        return _default_prior(mean, scale, serialization.decode(names), bool(is_number))
    except (IndexError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read a default prior: {error}") from None


def _tabulate(data: Sequence[Any]) -> tuple[tuple[Any, ...] | None, Any]:
    """Return the names of the features, if they have names, and a table (n, d) of the data."""
    if isinstance(data[0], dict):
        # sorted, so that the result does not depend on the order of a mapping
        names = tuple(sorted({name for x in data for name in x}, key=repr))
        table = np.array([[x.get(name, np.nan) for name in names] for x in data], float)
        return names, table
    return None, np.array(data, float).reshape(len(data), -1)


def _all_valid(xs: Any) -> bool:
    """Whether all values of an array are valid numbers, checked with vectorised operations."""
    plain = isinstance(xs, np.ndarray) and xs.dtype.kind in "fiu" and xs.ndim in (1, 2)
    return bool(plain and len(xs) and np.all(np.abs(xs) <= LARGEST))


def check_numbers(xs: Any, like: Any = None) -> None:
    """Raise an error unless all observations are numbers, vectors or mappings of one form.

    Raises
    ------
    ObservationError
        If an observation is invalid, or differs from the others in form.
    """
    if _all_valid(xs):
        xs = xs[:1]  # the others have the same form
    for x in xs:
        _check_numbers(x, like)
        like = x if like is None else like


def _check_numbers(x: Any, like: Any) -> None:
    """Raise an error unless a value is a number, vector or mapping like the first one."""
    x, like = as_observation(x), as_observation(like)
    if isinstance(x, Mapping):
        if not x:
            raise ObservationError("expected at least one feature, got {}")
        for name, value in x.items():
            try:
                as_number(value)
            except ObservationError as error:
                raise ObservationError(f"feature {name!r}: {error}") from None
    elif isinstance(x, tuple):
        for value in x:
            if value is not None:  # missing
                as_number(value)
        if x and all(value is None for value in x):
            raise ObservationError(f"expected at least one value, got {x!r}")
    else:
        as_number(x)
    if like is not None and _form(x) != _form(like):
        raise ObservationError(f"expected an observation like {like!r}, got {x!r}")


def _form(x: Any) -> Any:
    if isinstance(x, Mapping):
        return "mapping"
    return len(x) if isinstance(x, tuple) else "number"
