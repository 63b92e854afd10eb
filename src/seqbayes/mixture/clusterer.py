"""The base class of all mixtures: learning, copies, JSON and pickles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from river import base

from seqbayes import serialization
from seqbayes.checks import as_count
from seqbayes.errors import MergeError, PriorError
from seqbayes.mixture.components.rows import MAX_WEIGHT, as_observations, as_weight
from seqbayes.mixture.em.settings import STEPS
from seqbayes.model import Model
from seqbayes.state import State
from seqbayes.statistics import arrays


class StreamClusterer(base.Clusterer, Model):
    """A clusterer that learns from a stream, and can be copied, stored and merged."""

    _repr_html_ = Model._repr_html_  # overrides River's method

    _given: dict[str, Any]

    def check(self, x: Any) -> None:
        """Raise an error if an observation is outside the support."""
        raise NotImplementedError

    def check_many(self, xs: Any) -> None:
        """Raise an error if an observation is outside the support."""
        raise NotImplementedError

    def _learn(self, x: Any, w: float) -> None:
        """Learn a validated observation with a weight above 0."""
        raise NotImplementedError

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Learn one observation.

        Parameters
        ----------
        x
            The observation, in the form that the components' states expect. A mapping of features
            may lack some of them; None in a sequence, or NaN in an array, marks a missing value.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If `x` is outside the support of a component, or `w` is invalid. In this case, nothing
            changes.
        PriorError
            If a component's prior is improper.
        """
        weight = as_weight(w)
        self.check(x)
        if weight > 0.0:
            self._learn(x, weight)

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Learn many observations in order; none of them is learned if one is invalid.

        Parameters
        ----------
        xs
            Observations: an array of shape (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is invalid.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs), MAX_WEIGHT)
        self.check_many(xs)
        for i, x in enumerate(as_observations(xs)):
            weight = 1.0 if weights is None else float(weights[i])
            if weight > 0.0:
                self._learn(x, weight)

    def learned(self) -> dict[str, Any]:
        """Return, as plain values, everything that was learned."""
        raise NotImplementedError

    def load_learned(self, learned: Mapping[str, Any]) -> None:
        """Restore the data that `learned` returned, in a new clusterer."""
        raise NotImplementedError

    def is_like(self, other: Self) -> bool:
        """Whether another clusterer has the same priors and settings."""
        raise NotImplementedError

    def merge(self, other: Self) -> None:
        """Add the data that another clusterer has learned."""
        raise NotImplementedError

    def _check_like(self, other: Any) -> None:
        """Raise an error if the priors or settings of another clusterer differ.

        Raises
        ------
        MergeError If the priors or settings differ.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge {type(other).__name__} into {type(self).__name__}")
        if not self.is_like(other):
            raise MergeError("the mixtures differ in their priors, or in their settings")

    def __add__(self, other: Self) -> Self:
        if not isinstance(other, type(self)):
            return NotImplemented
        total = self.clone(include_attributes=True)
        total.merge(other)
        return total

    def _get_params(self) -> dict[str, Any]:
        return dict(self._given)

    def __repr__(self) -> str:
        """Return the constructor call, which does not contain learned values."""
        given = (f"{k}={v!r}" for k, v in self._given.items() if v is not None and v is not False)
        return f"{type(self).__name__}({', '.join(given)})"

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new clusterer with the same parameters, which has learned nothing.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy what was learned as well.
        """
        cloned = type(self)(**{**self._given, **(new_params or {})})
        if include_attributes:
            cloned.load_learned(self.learned())
        return cloned

    @staticmethod
    def encode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter as JSON values.

        Raises
        ------
        PriorError
            If the step is not one of the named step sizes.
        """
        if name == "components" and as_count(value) is None:
            named = value.items() if isinstance(value, Mapping) else enumerate(value)
            return [[serialization.encode(key), state.to_dict()] for key, state in named]
        if name == "step" and value is not None:
            if isinstance(value, (int, float)):
                return float(value)
            if type(value) not in STEPS.values():
                raise PriorError(f"only the steps {', '.join(STEPS)} can be represented as JSON")
            fields = {field: getattr(value, field) for field in value.__slots__}
            return [type(value).__name__, fields]
        if isinstance(value, State):
            return value.to_dict()
        return serialization.encode(int(value) if isinstance(value, np.integer) else value)

    @staticmethod
    def decode_parameter(name: str, value: Any) -> Any:
        """Return a constructor parameter from JSON values.

        Raises
        ------
        PriorError
            If the document is invalid.
        """
        try:
            if name == "components" and as_count(value) is None:
                return {serialization.decode(key): State.from_dict(state) for key, state in value}
            if name == "step" and isinstance(value, (list, tuple)):
                kind, fields = value
                return STEPS[kind](**fields)
        except (KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read {name} of the mixture: {error}") from None
        if isinstance(value, Mapping) and "family" in value:
            return State.from_dict(value)
        return serialization.decode(value)

    def to_dict(self) -> dict[str, Any]:
        """Return the clusterer as a versioned dictionary of JSON values.

        Raises
        ------
        PriorError
            If the step is not one of the named step sizes.
        """
        encoded = {name: self.encode_parameter(name, v) for name, v in self._given.items()}
        return {
            "seqbayes": serialization.VERSION,
            "model": type(self).__name__,
            "parameters": encoded,
            **self.learned(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Create a clusterer from the output of `to_dict`.

        Raises
        ------
        PriorError
            If the dictionary does not describe a clusterer, or was written by a newer version.
        """
        serialization.Document(data)
        name, model = cls.__name__, data.get("model")
        if model != name or not isinstance(data.get("parameters"), Mapping):
            raise PriorError(f"expected a dictionary of model {name!r}, got model {model!r}")
        try:
            parameters = data["parameters"].items()
            found = cls(**{name: cls.decode_parameter(name, value) for name, value in parameters})
            found.load_learned(data)
        except PriorError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read the {name}: {error}") from None
        return found

    def __copy__(self) -> Self:
        return self.clone(include_attributes=True)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self._given, self.learned())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.is_like(other) and self.learned() == other.learned()

    __hash__ = None  # type: ignore[assignment]  # it changes as it learns


def _unpickle(
    kind: type[StreamClusterer], given: dict[str, Any], learned: dict[str, Any]
) -> StreamClusterer:
    found = kind(**given)
    found.load_learned(learned)
    return found
