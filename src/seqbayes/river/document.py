"""Reads and writes the JSON representation of estimators: their parameters and their data."""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.model import Model
from seqbayes.numerics.square_root import SquareRoot
from seqbayes.river.features import KINDS, Feature, FeatureKind
from seqbayes.state import State
from seqbayes.statistics import Statistics

_OWN = "own"


class Estimator(Model):
    """Base class of estimators on feature dicts; an estimator is stored as parameters and data.

    A subclass defines `learned` and `restore`.
    """

    former_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults of parameters in earlier versions; stores of these versions continue to use them."""

    added_parameters: ClassVar[frozenset[str]] = frozenset()
    """Parameters that earlier versions did not have, with values for the earlier behaviour."""

    def learned(self) -> dict[str, Any]:
        """Return the data as JSON values, which `restore` reads."""
        raise NotImplementedError

    def restore(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned.

        Raises
        ------
        PriorError
            If the data are invalid.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters and data as a versioned dictionary of JSON values."""
        parameters = inspect.signature(type(self)).parameters
        return {
            "seqbayes": serialization.VERSION,
            "estimator": type(self).__name__,
            "parameters": {
                name: _parameter(getattr(self, name))
                for name in parameters
                if name not in self.added_parameters
                or getattr(self, name) != self.former_defaults[name]
            },
            "seen": self.learned(),
        }

    def former(self) -> Self:
        """Return a new estimator with former defaults; see `Model.former`."""
        defaults = inspect.signature(type(self)).parameters
        given = {name: getattr(self, name) for name in defaults}
        changed = {
            name: value
            for name, value in self.former_defaults.items()
            if given[name] == defaults[name].default
        }
        return type(self)(**given | changed) if changed else self

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create an estimator from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe an estimator, or was written by a newer version.
        """
        serialization.Document(data).choose("estimator", lambda: {cls.__name__: cls})
        parameters, learned = data.get("parameters"), data.get("seen")
        if not isinstance(parameters, Mapping) or not isinstance(learned, Mapping):
            raise PriorError(f"expected parameters and data, got {reprlib.repr(data)}")
        try:
            given = {name: cls.former_defaults[name] for name in cls.added_parameters}
            given |= {name: _value(value) for name, value in parameters.items()}
            estimator = cls(**given)
        except TypeError as error:
            shown = reprlib.repr(parameters)
            raise PriorError(f"cannot read parameters {shown}: {error}") from None
        estimator.restore(learned)
        return estimator


def _parameter(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [
            [serialization.encode(name), kind.to_dict() if isinstance(kind, State) else kind]
            for name, kind in value.items()
        ]
    if isinstance(value, Sequence) and any(isinstance(each, State) for each in value):
        return [each.to_dict() for each in value]
    return serialization.encode(value)


def _value(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        if value and all(isinstance(each, Mapping) for each in value):
            return tuple(State.from_dict(each) for each in value)
        return {
            serialization.decode(name): State.from_dict(kind) if isinstance(kind, Mapping) else kind
            for name, kind in read_lists(value)
        }
    return serialization.decode(value)


def read_lists(value: Any, length: int = 2) -> list[Any]:
    """Validate a list of lists of this length, and return it.

    Raises
    ------
    PriorError
        If the value is not a list of such lists.
    """
    if not isinstance(value, (list, tuple)) or any(
        not isinstance(each, (list, tuple)) or len(each) != length for each in value
    ):
        raise PriorError(f"expected lists of {length}, got {reprlib.repr(value)}")
    return list(value)


def write_statistics(statistics: Statistics) -> Any:
    """Return all sums as JSON values."""
    return serialization.encode(statistics.dump())


def read_statistics(statistics: Statistics, dumped: Any) -> Statistics:
    """Read the sums of an accumulator.

    Raises
    ------
    PriorError
        If the sums are invalid.
    """
    serialization.Document({"seqbayes": serialization.VERSION, "statistics": dumped}).load(
        statistics
    )
    return statistics


def write_features(features: Mapping[Any, Feature]) -> list[Any]:
    """Return the statistics of every feature, overall and per class, as JSON values."""
    names = {id(kind): name for name, kind in KINDS.items()}
    return [
        [
            serialization.encode(name),
            names.get(id(feature.kind), _OWN),
            write_statistics(feature.seen),
            [
                [serialization.encode(c), write_statistics(own)]
                for c, own in feature.by_class.items()
            ],
        ]
        for name, feature in features.items()
    ]


def read_features(written: Any, given: Mapping[Any, FeatureKind]) -> Iterable[tuple[Any, Feature]]:
    """Yield the name and the statistics of every feature in a document.

    Raises
    ------
    PriorError
        If a kind is unknown, or the sums are invalid.
    """
    for name, kind, seen, by_class in read_lists(written, 4):
        key = serialization.decode(name)
        model = given.get(key) if kind == _OWN else KINDS.get(kind)
        if model is None:
            raise PriorError(f"expected the kind of feature {key!r}, got {reprlib.repr(kind)}")
        feature = Feature(model)
        read_statistics(feature.seen, seen)
        for label, own in read_lists(by_class):
            feature.by_class[serialization.decode(label)] = read_statistics(model.statistics(), own)
        yield key, feature


def write_root(root: SquareRoot) -> list[Any]:
    """Return the factor, target and squares of a `SquareRoot` as JSON values."""
    _, (factor, target, squares) = root.__reduce__()
    return [factor.tolist(), target.tolist(), float(squares)]


def read_root(written: Any) -> SquareRoot:
    """Read a square root.

    Raises
    ------
    PriorError
        If the document is invalid.
    """
    try:
        factor, target, squares = written
        rows = np.array(factor, dtype=float).reshape(len(target), len(target))
        column = np.array(target, dtype=float).reshape(len(target))
        good = np.isfinite(rows).all() and np.isfinite(column).all() and math.isfinite(squares)
    except (TypeError, ValueError):
        good = False
    if not good:
        raise PriorError(f"cannot read square root {reprlib.repr(written)}")
    restore, _ = SquareRoot().__reduce__()
    root: SquareRoot = restore(rows, column, float(squares))
    return root


def read_numbers(written: Any, length: int) -> list[float]:
    """Validate a list of finite numbers of the given length, and return it.

    Raises
    ------
    PriorError
        If the length is different, or an element is not a finite number.
    """
    listed = list(written) if isinstance(written, (list, tuple)) else []
    good = all(type(each) in (int, float) and math.isfinite(each) for each in listed)
    if not good or len(listed) != length:
        raise PriorError(f"expected {length} numbers, got {reprlib.repr(written)}")
    return [float(each) for each in listed]
