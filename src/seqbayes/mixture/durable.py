"""What learners on a stream have in common: copies, JSON and pickles, learning one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import numpy as np
from river import base

from seqbayes import serialization
from seqbayes.errors import MergeError, PriorError
from seqbayes.mixture import document
from seqbayes.mixture.rows import HEAVIEST, as_weight
from seqbayes.statistics import arrays


class Durable(base.Clusterer):
    """A clusterer that is made from parameters, and has learned what plain values can tell."""

    _given: dict[str, Any]

    def _learned(self) -> dict[str, Any]:
        """Return what was learned, as plain values."""
        raise NotImplementedError

    def _restore(self, seen: Mapping[str, Any]) -> None:
        """Take what `_learned` returned; nothing was learned so far."""
        raise NotImplementedError

    def _is_like(self, other: Self) -> bool:
        """Whether both have the same priors and settings."""
        raise NotImplementedError

    def merge(self, other: Self) -> None:
        """Absorb what another one has learned."""
        raise NotImplementedError

    def _check_like(self, other: Any) -> None:
        """Refuse to merge what is not alike.

        Raises
        ------
        MergeError
            If it is not.
        """
        if type(other) is not type(self):
            raise MergeError(f"cannot merge a {type(other).__name__} into a {type(self).__name__}")
        if not self._is_like(other):
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
        """Return the constructor's call: attributes of the same names may be what is learned."""
        given = (f"{k}={v!r}" for k, v in self._given.items() if v is not None)
        return f"{type(self).__name__}({', '.join(given)})"

    def clone(
        self, new_params: dict[str, Any] | None = None, include_attributes: bool = False
    ) -> Self:
        """Return a new one with the same priors and start, and nothing learned.

        Parameters
        ----------
        new_params
            Constructor parameters to change.
        include_attributes
            Whether to copy what was learned as well.
        """
        cloned = type(self)(**{**self._given, **(new_params or {})})
        if include_attributes:
            cloned._restore(self._learned())
        return cloned

    @staticmethod
    def _encode(name: str, value: Any) -> Any:
        """Return a parameter as JSON values."""
        return document.encode_parameter(name, value)

    @staticmethod
    def _decode(name: str, value: Any) -> Any:
        """Return a parameter from JSON values."""
        return document.decode_parameter(name, value)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as a versioned dictionary of JSON values.

        Raises
        ------
        PriorError
            If a step is a function that has no name here.
        """
        return {
            "seqbayes": serialization.VERSION,
            "model": type(self).__name__,
            "parameters": {name: self._encode(name, value) for name, value in self._given.items()},
            **self._learned(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` described.

        Raises
        ------
        PriorError
            If the dictionary describes no such thing, or is of a newer version.
        """
        serialization.Document(data)
        name, model = cls.__name__, data.get("model")
        if model != name or not isinstance(data.get("parameters"), Mapping):
            raise PriorError(f"expected a dictionary of a {name}, got model {model!r}")
        try:
            parameters = data["parameters"].items()
            found = cls(**{name: cls._decode(name, value) for name, value in parameters})
            found._restore(data)
        except PriorError:
            raise
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise PriorError(f"cannot read the {name}: {error}") from None
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickle, (type(self), self._given, self._learned())

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._is_like(other) and self._learned() == other._learned()

    __hash__ = None  # type: ignore[assignment]  # it changes as it learns


def _unpickle(kind: type[Durable], given: dict[str, Any], learned: dict[str, Any]) -> Durable:
    found = kind(**given)
    found._restore(learned)
    return found


class OneByOne(Durable):
    """Learns observations that were checked, in their order."""

    def _check(self, x: Any) -> None:
        """Refuse what cannot be learned."""
        raise NotImplementedError

    def _check_many(self, xs: Any) -> None:
        """Refuse observations of which one cannot be learned."""
        raise NotImplementedError

    def _take(self, x: Any, w: float) -> None:
        """Learn an observation that was checked, with a weight above 0."""
        raise NotImplementedError

    def learn_one(self, x: Any, w: float = 1.0) -> None:
        """Absorb one observation.

        Parameters
        ----------
        x
            The observation, as `Mixture.learn_one` takes it: what a component's state takes, or a
            mapping of features, from which those that were not seen are absent.
        w
            Weight, finite and >= 0.

        Raises
        ------
        ObservationError
            If a component cannot have made `x`, or `w` is no weight. Nothing is then changed.
        """
        weight = as_weight(w)
        self._check(x)
        if weight > 0.0:
            self._take(x, weight)

    def learn_many(self, xs: Iterable[Any], w: Any = None) -> None:
        """Absorb many observations in their order, as one by one; none if one is refused.

        Parameters
        ----------
        xs
            Observations: an array (n,) or (n, d), or any iterable of length n.
        w
            None, one weight for all, or n weights.

        Raises
        ------
        ObservationError
            If an observation or a weight is refused.
        """
        xs = arrays.items(xs)
        weights = arrays.weights(w, len(xs), HEAVIEST)
        self._check_many(xs)
        for i, x in enumerate(xs.tolist() if isinstance(xs, np.ndarray) else xs):
            weight = 1.0 if weights is None else float(weights[i])
            if weight > 0.0:
                self._take(x, weight)
