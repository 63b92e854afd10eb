"""Encode and decode the versioned dictionaries of states as plain JSON values.

Infinities are encoded by name, mappings as lists of pairs (labels need not be strings), and tuples
as lists. A document cannot refer to executable code.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from seqbayes.errors import PriorError
from seqbayes.statistics import Statistics, is_missing

VERSION = 1
"""Version of the JSON representation; older versions are read, newer ones are rejected."""

_MAX_SUM_TERMS = 60
"""Maximum number of floats that represent an exact sum."""

_FLOATS = {float}

_NAMED = {"inf": math.inf, "-inf": -math.inf}


def encode(value: Any) -> Any:
    """Return `value` as JSON values.

    Raises
    ------
    PriorError
        If a label has a type that JSON cannot represent.

    Examples
    --------
    >>> encode({"red": 1.0, 7: math.inf})
    {'pairs': [['red', 1.0], [7, {'number': 'inf'}]]}
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and math.isinf(value):
        return {"number": str(value)}
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        return {"pairs": [[encode(k), encode(v)] for k, v in value.items()]}
    if isinstance(value, (tuple, list)):
        # most items are plain numbers: encoding them here avoids the cost of a call for each
        return [v if type(v) is float and -math.inf < v < math.inf else encode(v) for v in value]
    if isinstance(value, np.ndarray):
        return [encode(item) for item in value.tolist()]
    raise PriorError(
        f"an object of type {type(value).__name__} cannot be represented as JSON: {value!r}"
    )


def decode(value: Any) -> Any:
    """Invert `encode`; sequences become tuples, so that labels can be keys.

    Raises
    ------
    PriorError
        If the value is not an output of `encode`.
    """
    if type(value) is list and set(map(type, value)) == _FLOATS:  # fast
        return tuple(value)
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping) and set(value) == {"number"}:
        name = value["number"]
        if isinstance(name, str) and name in _NAMED:
            return _NAMED[name]
    if isinstance(value, Mapping) and set(value) == {"pairs"}:
        try:
            return {decode(k): decode(v) for k, v in value["pairs"]}
        except (TypeError, ValueError):
            raise PriorError(f"expected pairs, got {reprlib.repr(value)}") from None
    try:
        if isinstance(value, Sequence):
            return tuple([v if type(v) is float else decode(v) for v in value])
    except RecursionError:
        raise PriorError(
            "expected a document of a state, got one that is nested too deeply"
        ) from None
    raise PriorError(f"expected a JSON value, got {reprlib.repr(value)}")


class Document:
    """Read the dictionary of a state field by field, and check every field.

    Raises
    ------
    PriorError
        If the data are not the dictionary of a state, or have a newer version.
    """

    def __init__(self, data: Any) -> None:
        if not isinstance(data, Mapping) or "seqbayes" not in data:
            raise PriorError(f"expected a dictionary of a state, got {reprlib.repr(data)}")
        version = data["seqbayes"]
        if type(version) is not int or version < 1:
            raise PriorError(f"expected a version number, got {version!r}")
        if version > VERSION:
            raise PriorError(
                f"the state has version {version}, but this version of seqbayes reads"
                f" only up to {VERSION}: upgrade seqbayes"
            )
        self._data = data

    def _get(self, key: str) -> Any:
        try:
            return self._data[key]
        except KeyError:
            raise PriorError(f"the state has no {key!r}") from None

    def choose(self, key: str, *choices: Callable[[], Mapping[str, Any]]) -> Any:
        """Return the object whose name is the value of the field.

        Each of `choices` returns a mapping from name to object; later ones are called only if
        needed.
        """
        name = self._get(key)
        known: Mapping[str, Any] = {}
        for choice in choices:
            known = choice()
            if isinstance(name, str) and name in known:
                return known[name]
        raise PriorError(f"expected {key} {' or '.join(known)}, got {reprlib.repr(name)}")

    def likelihood(self, find: Callable[[str], Any]) -> Any:
        """Return a new likelihood of the class that `find` returns for a name."""
        described = self._get("likelihood")
        try:
            name, parameters = described
            kind, named = find(name), decode(parameters)
            return kind(**named)
        except (KeyError, TypeError, ValueError) as error:
            shown = reprlib.repr(described)
            raise PriorError(f"cannot read likelihood {shown}: {str(error)[:200]}") from None

    def prior(self, names: Sequence[str]) -> dict[str, Any]:
        """Return the hyperparameters, keyed by name."""
        prior = self._get("prior")
        if not isinstance(prior, Mapping) or set(prior) != set(names):
            shown = reprlib.repr(prior)
            raise PriorError(f"expected a prior with {', '.join(names)}, got {shown}")
        return {name: decode(prior[name]) for name in names}

    def states(self, read: Callable[[Any], Any]) -> dict[Any, Any]:
        """Return the states of the fields, keyed by name, each read from a separate document."""
        listed = self._get("fields")
        try:
            named = {decode(name): document for name, document in listed["pairs"]}
            valid = len(named) == len(listed["pairs"]) > 0 and len(listed) == 1
        except (KeyError, TypeError, ValueError):
            valid = False
        if not valid:
            shown = reprlib.repr(listed)[:200]
            raise PriorError(f"expected fields with different names, got {shown}")
        try:
            return {name: read(document) for name, document in named.items()}
        except RecursionError:
            raise PriorError(
                "expected a document of a state, got one that is nested too deeply"
            ) from None

    def numbers(self, key: str, count: int) -> tuple[Any, ...]:
        """Return `count` finite numbers."""
        numbers = decode(self._get(key))
        try:
            if len(numbers) == count and all(map(_is_finite, numbers)):
                return tuple(map(float, numbers))
        except (OverflowError, TypeError):
            pass  # an integer over 1e308, or not a sequence
        raise PriorError(f"expected {count} numbers as {key}, got {reprlib.repr(numbers)}")

    def seed(self) -> int | None:
        """Return the seed, or None."""
        seed = self._data.get("seed")
        if seed is not None and type(seed) is not int:
            raise PriorError(f"expected a whole number or null as seed, got {reprlib.repr(seed)}")
        return seed

    def load(self, statistics: Statistics) -> None:
        """Restore the statistics."""
        dumped = decode(self._get("statistics"))
        try:
            read = _same_shape(statistics.dump(), dumped)
            if read:
                statistics.load(dumped)
        except (TypeError, ValueError, OverflowError):
            read = False
        if not (read and statistics.is_possible()):
            raise PriorError(f"cannot read statistics {reprlib.repr(dumped)}")


def _same_shape(template: Any, dumped: Any) -> bool:
    """Whether dumped statistics have the structure of a template, with finite numbers and labels.

    The labels are followed by tuples with one number per label. If the template has labels, no
    other labels are allowed.
    """
    if not isinstance(dumped, tuple) or len(dumped) != len(template):
        return False
    if set(map(type, dumped)) == _FLOATS == set(map(type, template)):  # fast
        return all(map(math.isfinite, dumped))
    labels = None
    for wanted, got in zip(template, dumped, strict=True):
        if not isinstance(wanted, tuple):
            good = _is_number(got)
        elif labels is None:
            labels = got
            distinct = isinstance(got, tuple) and len(set(got)) == len(got)
            good = distinct and (got == wanted if wanted else not any(map(is_missing, got)))
        else:
            good = isinstance(got, tuple) and len(got) == len(labels) and all(map(_is_number, got))
        if not good:
            return False
    return True


def _is_number(value: Any) -> bool:
    """Whether a value is a finite number, or a tuple of such numbers (terms of an exact sum)."""
    if isinstance(value, tuple):
        return len(value) <= _MAX_SUM_TERMS and all(map(_is_finite, value))
    return _is_finite(value)


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)
