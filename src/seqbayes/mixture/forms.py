"""The form of observations without priors: numbers, vectors or mappings, and kinds of features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError
from seqbayes.mixture.components.rows import LARGEST, as_number, as_observation
from seqbayes.statistics.reading import raise_invalid


class Form:
    """The form of the observations of a mixture without priors.

    A feature is a number, or a category if its values are text. A single observation without
    features is a number.
    """

    def __init__(self) -> None:
        self._like: Any = None
        self._labels: dict[Any, bool] = {}

    @property
    def has_labels(self) -> bool:
        """Whether a feature is a category."""
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
    """Return the categories of every feature whose values are text."""
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
    """Whether text is a number, which should have been converted."""
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
