"""A mixture as a small versioned document of JSON values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from seqbayes import serialization
from seqbayes.errors import PriorError
from seqbayes.mixture.steps import STEPS
from seqbayes.mixture.working import Working
from seqbayes.state import State

_NUMBERS = ("n", "memory", "averaged", "moved", "pending")


def learned(working: Working) -> dict[str, Any]:
    """Return all that was learned, as plain numbers and lists."""
    engine = working.engine
    return {
        "burn_in": engine.burn_in,
        **{name: getattr(engine, name) for name in _NUMBERS},
        "weights": engine.weights.tolist(),
        "shares": [engine.live.tolist(), engine.average.tolist()],
        "kernels": [
            [leaf.live.tolist(), leaf.averaged.tolist(), leaf.point] for leaf in working.leaves()
        ],
    }


def restore(working: Working, seen: Mapping[str, Any]) -> None:
    """Let a new working mixture take what `learned` returned.

    Raises
    ------
    PriorError
        If it does not fit.
    """
    engine = working.engine
    leaves = working.leaves()
    try:
        engine.settled(finite([seen["burn_in"]])[0])
        for name in _NUMBERS:
            setattr(engine, name, finite([seen[name]])[0])
        put(engine.weights, seen["weights"])
        live, average = seen["shares"]
        put(engine.live, live)
        put(engine.average, average)
        for leaf, (live, average, point) in zip(leaves, seen["kernels"], strict=True):
            put(leaf.live, live)
            put(leaf.averaged, average)
            if len(point) != len(leaf.point):
                raise ValueError(f"expected {len(leaf.point)} numbers, got {len(point)}")
            leaf.take_point([float(v) for v in point])
    except (KeyError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read what the mixture has learned: {error}") from None
    working.forget_served()


def put(array: Any, values: Any) -> None:
    """Let an array take finite numbers.

    Raises
    ------
    ValueError
        If they are none, or not as many.
    """
    numbers = finite(values)
    if numbers.shape != array.shape:
        raise ValueError(f"expected {len(array)} numbers, got {values!r:.60}")
    array[:] = numbers


def finite(values: Any) -> Any:
    """Return finite numbers as an array.

    Raises
    ------
    ValueError
        If they are none.
    """
    array = np.array(values)
    if array.dtype.kind not in "fi" or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers, got {values!r:.60}")
    return array.astype(float)


def encode_parameter(name: str, value: Any) -> Any:
    """Return a constructor parameter as JSON values.

    Raises
    ------
    PriorError
        If a step is a function that has no name here.
    """
    if name == "components" and not isinstance(value, int):
        named = value.items() if isinstance(value, Mapping) else enumerate(value)
        return [[serialization.encode(key), state.to_dict()] for key, state in named]
    if name == "step" and value is not None:
        if isinstance(value, (int, float)):
            return float(value)
        if type(value) not in STEPS.values():
            raise PriorError(f"a step has a JSON form if it is one of {', '.join(STEPS)}")
        fields = {field: getattr(value, field) for field in value.__slots__}
        return [type(value).__name__, fields]
    if isinstance(value, State):
        return value.to_dict()
    return serialization.encode(value)


def decode_parameter(name: str, value: Any) -> Any:
    """Return a constructor parameter from JSON values.

    Raises
    ------
    PriorError
        If it is none.
    """
    try:
        if name == "components" and not isinstance(value, int):
            return {serialization.decode(key): State.from_dict(state) for key, state in value}
        if name == "step" and isinstance(value, (list, tuple)):
            kind, fields = value
            return STEPS[kind](**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise PriorError(f"cannot read {name} of the mixture: {error}") from None
    if isinstance(value, Mapping) and "family" in value:
        return State.from_dict(value)
    return serialization.decode(value)
