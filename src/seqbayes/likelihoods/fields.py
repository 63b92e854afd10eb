"""Several named fields at once, independent of each other given their parameters."""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from seqbayes import arrays, predictive
from seqbayes.distributions import Distribution
from seqbayes.errors import ObservationError, PriorError
from seqbayes.likelihoods.base import Likelihood
from seqbayes.predictive.product import rows


@dataclass(frozen=True, slots=True)
class Fields(Likelihood):
    """One value for each of several fields; what `Product` states learn from.

    Parameters
    ----------
    fields
        Name to the likelihood of that field.

    Raises
    ------
    PriorError
        If these are no likelihoods by name.

    Examples
    --------
    >>> import numpy as np
    >>> from seqbayes import Fields, Geometric, Poisson
    >>> visits = Fields({"clicks": Poisson(), "tries": Geometric()})
    >>> sorted(visits.sample({"clicks": 2.5, "tries": 0.5}, np.random.default_rng(1)))
    ['clicks', 'tries']
    """

    fields: Mapping[Any, Likelihood]

    def __post_init__(self) -> None:
        given: Any = self.fields
        if not isinstance(given, Mapping) or not given:
            raise PriorError(f"expected likelihoods by field, got {given!r}")
        for name, likelihood in given.items():
            if not isinstance(likelihood, Likelihood):
                raise PriorError(f"expected a likelihood of field {name!r}, got {likelihood!r}")
        self._set("fields", dict(given))

    def __hash__(self) -> int:
        return hash(frozenset(self.fields.items()))

    def predictive(self, posterior: Mapping[Any, Distribution]) -> Distribution:
        """Return the joint distribution of the next values, given those of every field."""
        return predictive.Product(posterior)

    def sample(self, theta: Any, rng: np.random.Generator, size: Any = None) -> Any:
        """Draw mappings from field to value; `theta` maps fields to parameters."""
        columns = {
            name: likelihood.sample(theta[name], rng, size)
            for name, likelihood in self.fields.items()
        }
        return columns if size is None else rows(columns)


class Table(NamedTuple):
    """Many observations, one column per field, with the weights of those that have the field."""

    columns: dict[Any, Any]
    weights: dict[Any, Any]
    total: float


def tabulate(xs: Any, w: Any, names: Mapping[Any, Any]) -> Table:
    """Return observations of named fields as columns.

    Parameters
    ----------
    xs
        A mapping or a data frame of columns; an array (n, number of fields); or an iterable of
        observations, mappings or sequences.
    w
        None, one weight for all, or n weights.
    names
        The fields, keys in order.

    Raises
    ------
    ObservationError
        If there is an unknown field, or the numbers of values or of weights do not fit.
    """
    if isinstance(xs, Mapping):
        return _columns(xs, w, names)
    if hasattr(xs, "columns") and hasattr(xs, "__getitem__"):  # a data frame, of any library
        return _columns({name: xs[name] for name in xs.columns}, w, names)
    listed = arrays.items(xs)
    if isinstance(listed, np.ndarray) and listed.ndim > 1:
        if listed.shape[1] != len(names):
            raise ObservationError(f"expected {len(names)} columns, got shape {listed.shape}")
        return _columns({name: listed[:, i] for i, name in enumerate(names)}, w, names)
    return _collect(listed, w, names)


def _columns(xs: Mapping[Any, Any], w: Any, names: Mapping[Any, Any]) -> Table:
    if not xs:
        raise ObservationError("expected a column of at least one field, got none")
    unknown = [name for name in xs if name not in names]
    if unknown:
        shown = reprlib.repr(unknown[0])
        raise ObservationError(f"unknown field {shown}: expected some of {_shown(names)}")
    columns = {
        name: column if isinstance(column, Mapping) else arrays.items(column)
        for name, column in xs.items()
    }
    lengths = {name: _length(column) for name, column in columns.items()}
    n = next(iter(lengths.values()))
    if any(length != n for length in lengths.values()):
        raise ObservationError(f"expected columns of one length, got {lengths}")
    weights = arrays.weights(w, n)
    total = float(n) if weights is None else float(weights.sum())
    return Table(columns, dict.fromkeys(columns, weights), total)


def _length(column: Any) -> int:
    """Return the number of values, of a field that has fields of its own as of any other."""
    while isinstance(column, Mapping):
        if not column:
            raise ObservationError("expected a column of at least one field, got none")
        column = next(iter(column.values()))
    return len(column) if hasattr(column, "__len__") else len(arrays.items(column))


def _collect(listed: Any, w: Any, names: Mapping[Any, Any]) -> Table:
    """Gather the values of every field that observations have."""
    weights = arrays.weights(w, len(listed))
    columns: dict[Any, list[Any]] = {name: [] for name in names}
    places: dict[Any, list[int]] = {name: [] for name in names}
    for i, row in enumerate(listed):
        for name, value in by_field(row, names).items():
            columns[name].append(value)
            places[name].append(i)
    seen = {name: column for name, column in columns.items() if column}
    return Table(
        seen,
        {name: None if weights is None else weights[places[name]] for name in seen},
        float(len(listed)) if weights is None else float(weights.sum()),
    )


def by_field(
    x: Any, names: Mapping[Any, Any], error: type[ValueError] = ObservationError
) -> Mapping[Any, Any]:
    """Return values by field: some in a mapping, or all in a sequence or an array in their order.

    Raises
    ------
    ObservationError, or the error asked for
        If there is an unknown field, none at all, or another number of values than fields.
    """
    if isinstance(x, Mapping):
        if not x or not all(name in names for name in x):
            raise error(f"expected some of the fields {_shown(names)}, got {reprlib.repr(x)}")
        return x
    if isinstance(x, np.ndarray) and x.ndim > 0:
        x = x.tolist() if x.ndim == 1 and x.dtype.kind in "biufO" else list(x)
    if not isinstance(x, (list, tuple)) or len(x) != len(names):
        raise error(f"expected values of the fields {_shown(names)}, got {reprlib.repr(x)}")
    return dict(zip(names, x, strict=True))


def _shown(names: Mapping[Any, Any]) -> str:
    known = ", ".join(map(reprlib.repr, list(names)[:12]))
    return f"{known}, …" if len(names) > 12 else known
