"""The named numbers within estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def is_named(value: Any) -> bool:
    """Whether a value is a named tuple, such as hyperparameters or estimates of several numbers.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> is_named(Beta().posterior), is_named((0.1, 0.9))
    (True, False)
    """
    return isinstance(value, tuple) and type(value) is not tuple


def parts(value: Any, axes: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the named components of a parameter or interval; the name of a single number is ''.

    Parameters
    ----------
    value
        A number, a mapping, a named tuple or an array, possibly nested. For a matrix, the upper
        triangle is returned.
    axes
        Names of the axes of arrays.

    Examples
    --------
    >>> parts(0.5), parts({"red": 1.0}), parts(None)
    ({'': 0.5}, {'red': 1.0}, {})
    >>> parts({"mean": (np.zeros(2), np.ones(2))}, ["x", "y"])
    {'mean x': (0.0, 1.0), 'mean y': (0.0, 1.0)}
    """
    if value is None:
        return {}
    if is_named(value):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {
            f"{name} {inner}".strip(): each
            for name, part in value.items()
            for inner, each in parts(part, axes).items()
        }
    if isinstance(value, np.ndarray) and value.ndim:
        return _places(value, axes)
    if isinstance(value, tuple) and isinstance(value[0], np.ndarray):
        low, high = (parts(end, axes) for end in value)
        return {name: (low[name], high[name]) for name in low}
    return {"": value}


def _places(array: Any, axes: Sequence[str] | None) -> dict[str, Any]:
    names = [str(i) for i in range(len(array))] if axes is None else axes
    return {
        ",".join(names[i] for i in place): float(array[place])
        for place in np.ndindex(array.shape)
        if list(place) == sorted(place)
    }
