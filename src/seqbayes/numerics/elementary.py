"""Elementary functions of floats or arrays, and checks of such arguments."""

from __future__ import annotations

import math
import numbers
import reprlib
from decimal import Decimal
from typing import Any

import numpy as np

from seqbayes.errors import SeqbayesError
from seqbayes.numerics.special import Real, is_array

_LARGEST_LOG = 709.78


def parameters(*values: Real) -> tuple[Real, ...]:
    """Return hyperparameters as floats, or as arrays if they have a dimension."""
    for v in values:
        if type(v) is not float:
            return tuple(map(_parameter, values))
    return values


def _parameter(v: Real) -> Real:
    if isinstance(v, (float, int)) or np.ndim(v) == 0:
        return float(v)
    return np.asarray(v, dtype=float)


def exponential(x: Real) -> Real:
    """Return exp(x); 0 or inf if it underflows or overflows."""
    if is_array(x):
        with np.errstate(all="ignore"):
            return np.exp(x)
    return math.exp(x) if x < _LARGEST_LOG else (x if x != x else math.inf)


def logarithm(x: Real) -> Real:
    """Return log(x), which is -inf at 0."""
    if is_array(x):
        with np.errstate(all="ignore"):
            return np.log(x)
    return math.log(x) if x > 0.0 else (-math.inf if x == 0.0 else math.nan)


def choose(condition: Any, value: Real, otherwise: Real) -> Real:
    """Choose elementwise, like `numpy.where`; a scalar condition returns one of the arguments."""
    if is_array(condition, value, otherwise):
        return np.where(condition, value, otherwise)
    return value if condition else otherwise


def plain(value: Any) -> Any:
    """Return a NumPy scalar as a float; arrays are returned unchanged."""
    return float(value) if np.ndim(value) == 0 else value


def or_none(exists: Any, value: Real) -> Real:
    """Return a value where it exists, otherwise None (NaN in arrays)."""
    if is_array(exists, value):
        return np.where(exists, value, np.nan)
    return value if exists else None


def read_numbers(x: Any, boolean: bool = False) -> Any:
    """Return a number or an array of numbers as an array of floats.

    Parameters
    ----------
    x
        Any object; NaN and infinite numbers are accepted.
    boolean
        Whether truth values are accepted.

    Raises
    ------
    SeqbayesError
        If `x` is neither a real number nor an array of real numbers: None, text, a complex number
        or an array of objects.
    """
    try:
        values = float(x) if isinstance(x, (numbers.Real, Decimal)) else x
        found = np.asarray(values)
        if found.dtype.kind in "iuf" and not isinstance(x, bool):
            return found.astype(float)
    except (TypeError, ValueError, ArithmeticError):  # ragged lists; a number above 1e308
        found = None
    if boolean and (isinstance(x, bool) or (found is not None and found.dtype.kind == "b")):
        return np.asarray(x, dtype=float)
    raise SeqbayesError(
        f"expected a number or an array of numbers, got {reprlib.repr(x)} ({type(x).__name__})"
    )
