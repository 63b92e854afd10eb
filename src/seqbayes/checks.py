"""Argument checks that several modules share."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.errors import PriorError


def check_seed(seed: Any) -> int | None:
    """Validate a seed and return it.

    Raises
    ------
    PriorError
        If the seed is neither a whole number >= 0 nor None.
    """
    if seed is None or (type(seed) is int and seed >= 0):
        return seed
    if isinstance(seed, np.integer) and seed >= 0:
        return int(seed)
    raise PriorError(f"expected a seed that is a whole number >= 0 or None, got {seed!r}")


def as_count(value: Any) -> int | None:
    """Return a whole number >= 1 (including NumPy integers); None for all other values."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        return None
    return int(value)


def check_count(name: str, value: Any) -> int:
    """Return a whole number >= 1.

    Raises
    ------
    PriorError
        If the value is invalid; the message names the parameter.
    """
    count = as_count(value)
    if count is None:
        raise PriorError(f"expected {name} >= 1, got {value!r}")
    return count


def check_level(level: float, kind: str) -> None:
    """Raise an error if the level is not between 0 and 1, or the kind of interval is unknown.

    Raises
    ------
    PriorError
        If the level or the kind is invalid.
    """
    try:
        inside = 0.0 < level < 1.0
    except (TypeError, ValueError):  # not a number, or an array of several numbers
        inside = False
    if not inside:
        raise PriorError(f"expected a level between 0 and 1, got {level!r}")
    if kind not in ("equal-tailed", "hdi"):
        raise PriorError(f"expected kind 'equal-tailed' or 'hdi', got {kind!r}")


def all_positive(*values: Any) -> bool:
    """Whether all given numbers, or all elements of given arrays, are above zero."""
    for v in values:  # noqa: SIM110 - twice as fast as all()
        if not (v > 0.0 if type(v) is float else np.all(v > 0.0)):
            return False
    return True
