"""The form of observations if no priors are given, and default priors at the scale of the data."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np
import numpy.typing as npt

from seqbayes import families, likelihoods, serialization
from seqbayes.errors import ObservationError, PriorError
from seqbayes.mixture.components.readers import OTHER
from seqbayes.mixture.components.rows import LARGEST, as_number, as_observation
from seqbayes.state import State
from seqbayes.statistics.reading import raise_invalid

Array = npt.NDArray[np.float64]

RARE_SHARE = 0.015
"""Maximum share of outliers among the values of a feature."""

LONG_TAIL, LONGEST_TAIL = 10.0, 30.0
"""Values farther than this from the median, in median absolute deviations, do not contribute to the
scale. The first limit applies to rare values, the second one to all values."""


def locations_and_spreads(table: Array) -> tuple[Array, Array]:
    """Return the mean and standard deviation of every column of an (n, d) table, without outliers.

    NaN marks a missing value. The standard deviation is 0 if all values of a column are equal,
    except for a few possible outliers. In this case, the mean is their median, or 0 if all values
    are missing.
    """
    missing = np.isnan(table)
    present = None if len(table) and not missing.any() else ~missing
    counts = len(table) if present is None else present.sum(axis=0)
    centre = _medians(table, present)
    away = table - centre
    distance = np.abs(away)
    typical = _medians(distance, present)
    mostly_equal = typical == 0.0
    is_constant = mostly_equal
    if mostly_equal.any():
        varying = distance > 0.0  # a missing value does not count
        typical[mostly_equal] = _medians(distance[:, mostly_equal], varying[:, mostly_equal])
        is_constant = varying.sum(axis=0) <= RARE_SHARE * counts
    # a few values beyond a long tail are outliers; many values are a cluster
    far = (distance > LONG_TAIL * typical).sum(axis=0)
    limit = np.where(far <= RARE_SHARE * counts, LONG_TAIL, LONGEST_TAIL) * typical
    usual = distance <= limit
    number = np.maximum(usual.sum(axis=0), 1)
    mean = np.where(usual, away, 0.0).sum(axis=0) / number
    spread = np.sqrt((np.where(usual, away - mean, 0.0) ** 2).sum(axis=0) / number)
    return centre + np.where(is_constant, 0.0, mean), np.where(is_constant, 0.0, spread)


def _medians(table: Array, present: npt.NDArray[np.bool_] | None) -> Array:
    """Return the median of the present values of every column; 0 if all are missing.

    If `present` is None, the table has rows, and all values are present.
    """
    if present is None:  # this is faster than np.median
        low, high = (len(table) - 1) // 2, len(table) // 2
        ordered = np.partition(table, (low, high), axis=0)
        return np.asarray(0.5 * ordered[low] + 0.5 * ordered[high])
    counts = present.sum(axis=0)
    ordered = np.sort(np.where(present, table, np.inf), axis=0)
    columns = np.flatnonzero(counts)
    low, high = (ordered[(counts[columns] - i) // 2, columns] for i in (1, 0))
    medians = np.zeros(table.shape[1])
    medians[columns] = 0.5 * low + 0.5 * high
    return medians


def location_and_scale(table: Array) -> tuple[Array, Array]:
    """Return the mean, and the standard deviation > 0, of every column without outliers."""
    mean, spread = locations_and_spreads(table)
    size = np.where(mean == 0.0, 1.0, np.abs(mean))
    # the scale of a constant coordinate is its absolute value
    return mean, np.where(spread > 1e-12 * size, spread, 1e-3 * size)


def standardise(vectors: Array) -> Array:
    """Standardise every coordinate to mean 0 and variance 1, ignoring outliers."""
    location, spread = locations_and_spreads(vectors)
    points = (vectors - location) / np.where(spread > 0.0, spread, 1.0)
    # clipped so that squares do not overflow; a missing value is replaced by the mean
    np.clip(points, -1e100, 1e100, out=points)
    points[np.isnan(points)] = 0.0
    standard: Array = np.ascontiguousarray(points)
    return standard


def scaled_to(data: Sequence[Any], k: int, known: State | None = None) -> State:
    """Return a vague prior at the scale of the data, which are numbers, vectors or mappings.

    The mean is the mean of the data without outliers, with a weight of 0.01 observations. The
    expected covariance is diagonal, and scaled such that `k` clusters fill the volume of the data.
    If a feature has text values, its prior is on the shares of every category and of all other
    text, and features are independent.

    Parameters
    ----------
    data
        The observations.
    k
        Number of clusters.
    known
        An earlier prior whose categories are kept.

    References
    ----------
    .. [1] Fraley, C. and Raftery, A. E. (2007). Bayesian regularization for normal mixture
       estimation and model-based clustering. Journal of Classification 24, 155-181.
    """
    labels = labels_of(data)
    names, table = _tabulate(data, labels)
    mean, deviation = location_and_scale(table)
    scale = deviation**2 / k ** (2.0 / max(len(mean), 1))
    if labels:
        numbers = names if isinstance(data[0], dict) else _numeric_places(data, labels)
        numeric = zip(numbers or (), mean.tolist(), scale.tolist(), strict=True)
        fields = {name: _default_prior([m], [s], None, True) for name, m, s in numeric}
        earlier = {} if known is None else known.parts()
        for name, found in labels.items():
            before = earlier[name].categories if name in earlier else ()
            fields[name] = _prior_of_labels({*found, *before} - {OTHER})
        return families.Product({name: fields[name] for name in sorted(fields, key=repr)})
    is_number = names is None and np.ndim(data[0]) == 0
    return _default_prior(mean.tolist(), scale.tolist(), names, is_number)


def _numeric_places(data: Sequence[Any], labels: Mapping[Any, Any]) -> list[int]:
    return [i for i in range(len(data[0])) if i not in labels]


def _prior_of_labels(labels: Collection[str]) -> State:
    """Return the prior on the shares of the categories and of all other text, with weight 1.

    With hyperparameters above 1, no share is zero at the posterior mode.
    """
    alpha = 1.0 + 1.0 / (len(labels) + 1)
    return families.Dirichlet(dict.fromkeys((*sorted(labels), OTHER), alpha))


def _default_prior(mean: list[float], scale: list[float], names: Any, is_number: bool) -> State:
    """Return the default prior for this location and scale of the features."""
    if is_number:
        return families.NormalInverseGamma(mean[0], 0.01, 1.5, scale[0] / 2.0)
    likelihood = likelihoods.MultivariateNormal(features=names)
    return families.NormalInverseWishart(
        mean, 0.01, len(mean) + 2.0, np.diag(scale).tolist(), likelihood=likelihood
    )


def dump_default_prior(prior: State) -> list[Any]:
    """Return JSON values from which `load_default_prior` restores a prior of `scaled_to`."""
    if prior.parts():
        return [prior.to_dict()]
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
        if len(dumped) == 1:
            return State.from_dict(dumped[0])
        mean, scale, names, is_number = dumped
        return _default_prior(mean, scale, serialization.decode(names), bool(is_number))
    except (IndexError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read a default prior: {error}") from None


def _tabulate(data: Sequence[Any], labels: Mapping[Any, Any]) -> tuple[tuple[Any, ...] | None, Any]:
    """Return the names of the features, if any, and an (n, d) table of the numbers.

    Parameters
    ----------
    labels
        The features to omit.
    """
    if isinstance(data[0], dict):
        # sorted, so that the result does not depend on the order of the keys of a mapping
        names = tuple(sorted(set().union(*data) - labels.keys(), key=repr))
        if len(names) > 1 and all(len(x) == len(names) for x in data) and not labels:
            table = np.array(list(map(itemgetter(*names), data)), float)
        else:
            table = np.array([[x.get(name, np.nan) for name in names] for x in data], float)
        return names, table.reshape(len(data), len(names))
    if labels:
        places = _numeric_places(data, labels)
        data = [[x[i] for i in places] for x in data]
        return None, np.array(data, float).reshape(len(data), len(places))
    return None, np.array(data, float).reshape(len(data), -1)


# The form of observations.


class Form:
    """The form of the observations of a mixture for which no priors are given.

    A feature is numeric, or categorical if its values are text. A single observation without
    features is a number.
    """

    def __init__(self) -> None:
        self._like: Any = None
        self._labels: dict[Any, bool] = {}

    @property
    def has_labels(self) -> bool:
        """Whether at least one feature is categorical."""
        return any(self._labels.values())

    def check(self, xs: Iterable[Any]) -> Form:
        """Return the form after further observations.

        Raises
        ------
        ObservationError
            If an observation is invalid, or differs from the others in form.
        """
        if isinstance(xs, list) and len(xs) == 1 and self._has_usual_form(xs[0]):
            return self
        form = Form()
        form._like, form._labels = self._like, dict(self._labels)
        if _all_valid(xs) and not self.has_labels:
            xs = xs[:1]  # type: ignore[index]  # the others have the same form
        for x in xs:
            form.add(x)
        return form

    def _has_usual_form(self, x: Any) -> bool:
        """Whether an observation has the same features as earlier ones, all finite numbers."""
        return (
            type(x) is dict
            and len(x) > 0
            and x.keys() == self._labels.keys()
            and not self.has_labels
            and all(type(v) is float and -LARGEST <= v <= LARGEST for v in x.values())
        )

    def add(self, x: Any) -> None:
        """Check an observation, and remember the kinds of its features.

        Raises
        ------
        ObservationError
            If the observation is invalid, or differs from the others in form.
        """
        x = as_observation(x)
        kinds = {}
        if isinstance(x, (Mapping, tuple)):
            for name, value in _features(x):
                try:
                    kinds[name] = _check_value(value, self._labels.get(name))
                except ObservationError as error:
                    if not isinstance(x, Mapping):
                        raise
                    raise ObservationError(f"feature {name!r}: {error}") from None
        else:
            as_number(x)
        if self._like is not None and _shape(x) != _shape(self._like):
            raise ObservationError(f"expected an observation like {self._like!r}, got {x!r}")
        self._like = x if self._like is None else self._like
        self._labels |= kinds


def labels_of(data: Sequence[Any]) -> dict[Any, set[str]]:
    """Return the categories of every feature with text values."""
    found: dict[Any, set[str]] = {}
    if isinstance(data[0], (dict, tuple)):
        values = (x.values() if isinstance(x, dict) else x for x in data)
        kinds = set(map(type, chain.from_iterable(values)))
        if not any(issubclass(kind, str) for kind in kinds):
            return found
        for x in data:
            for name, value in x.items() if isinstance(x, dict) else enumerate(x):
                if isinstance(value, str):
                    found.setdefault(name, set()).add(value)
    return found


def _features(x: Any) -> Iterator[tuple[Any, Any]]:
    """Yield the features of an observation that are not missing."""
    if isinstance(x, Mapping):
        if not x:
            raise ObservationError("expected at least one feature, got {}")
        yield from x.items()
        return
    if x and all(value is None for value in x):
        raise ObservationError(f"expected at least one value, got {x!r}")
    for i, value in enumerate(x):
        if value is not None:
            yield i, value


def _check_value(value: Any, is_label: bool | None) -> bool:
    """Return whether a value is a category; raise an error if it is invalid."""
    if is_label is None:
        is_label = isinstance(value, str) and not _is_numeral(value)
    if not is_label:
        as_number(value)
    elif not isinstance(value, str):
        raise_invalid(value, "text, as for the other observations")
    return is_label


def _is_numeral(text: str) -> bool:
    """Whether text represents a number, which should have been converted."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _all_valid(xs: Any) -> bool:
    """Whether all values of an array are valid numbers, checked with vectorised operations."""
    plain = isinstance(xs, np.ndarray) and xs.dtype.kind in "fiu" and xs.ndim in (1, 2)
    return bool(plain and len(xs) and np.all(np.abs(xs) <= LARGEST))


def _shape(x: Any) -> Any:
    if isinstance(x, Mapping):
        return "mapping"
    return len(x) if isinstance(x, tuple) else "number"
