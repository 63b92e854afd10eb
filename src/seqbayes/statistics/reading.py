"""Reading of observations and weights: numbers are validated, and text is never parsed."""

from __future__ import annotations

import decimal
import numbers
import reprlib
from typing import Any

import numpy as np

from seqbayes.errors import ObservationError

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.math import floor, isfinite
else:
    from math import floor, isfinite


def raise_invalid(x: object, expected: str) -> None:
    """Raise an `ObservationError` that names the value and what was expected."""
    raise ObservationError(f"expected {expected}, got {reprlib.repr(x)} ({type(x).__name__})")


def as_real(x: Any, expected: str) -> float:
    """Return `x` as a float if it is a finite real number; text is never parsed."""
    if isinstance(x, np.timedelta64):  # numpy treats a time difference as an integer
        raise_invalid(x, expected)
    if isinstance(x, (numbers.Real, decimal.Decimal, np.bool_)) or (
        isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "biuf"
    ):
        try:
            value = float(x)
        except (OverflowError, ValueError):  # an integer over 1e308; a signalling decimal
            raise_invalid(x, expected)
        if isfinite(value):
            return value
    raise_invalid(x, expected)
    raise AssertionError("unreachable")


def values_by_name(x: Any, names: tuple[Any, ...]) -> list[Any]:
    """Return the values of a mapping in the order of `names`, which is empty if unknown."""
    if not names:
        raise_invalid(x, "numbers in order (to use mappings, name the features in the likelihood)")
    if len(x) != len(names) or not all(name in x for name in names):
        raise_invalid(x, f"a mapping with the features {', '.join(map(repr, names))}")
    return [x[name] for name in names]


def read_weight(w: Any) -> float:
    """Return the weight `w` as a float; raise an error if it is negative or not finite."""
    value = as_real(w, "a finite weight >= 0")
    if value < 0.0:
        raise_invalid(w, "a finite weight >= 0")
    return value


def is_missing(label: Any) -> bool:
    """Whether a label represents a missing value: None, NaN, or a missing value of pandas."""
    try:
        return label is None or bool(label != label)
    except (ArithmeticError, TypeError, ValueError):  # the label cannot be compared
        return True


def plain_label(label: Any) -> Any:
    """Convert a label of a numpy type to the equal Python object, if there is one."""
    known = isinstance(label, (np.bool_, np.number, np.str_, np.bytes_))
    return label.item() if known else label


def weight(w: object) -> cython.double:
    """Return a weight; raise an error if it is negative or not finite."""
    v: cython.double
    if type(w) is float:
        v = w
        if isfinite(v) and v >= 0.0:
            return v
    return read_weight(w)


def real(x: object, expected: str) -> cython.double:
    """Return a finite real number; raise an error for other objects."""
    v: cython.double
    if isinstance(x, float):
        v = x
        if isfinite(v):
            return v
    elif isinstance(x, int):
        try:
            v = float(x)
        except OverflowError:
            raise_invalid(x, expected)
        return v
    return as_real(x, expected)


def count(x: object, expected: str) -> cython.double:
    """Return a whole number >= 0; raise an error for other objects."""
    v: cython.double = real(x, expected)
    if v < 0.0 or v != floor(v):
        raise_invalid(x, expected)
    return v
