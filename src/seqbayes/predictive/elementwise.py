"""Evaluation of distributions item by item if hyperparameters or arguments are arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqbayes.distributions.base import Distribution
from seqbayes.numerics.special import Array, Real, is_array


def pick(table: Array, x: Real) -> Real:
    """Return the items of a table at indices given as floats."""
    if is_array(x):
        return table[x.astype(np.intp)]
    return float(table[int(x)])


def elementwise(function: Any, *args: Real) -> Real:
    """Apply a function of floats to each item of arrays."""
    if is_array(*args):
        return np.asarray(np.vectorize(function, otypes=[float])(*args))
    return function(*args)


def modes(distribution: Distribution) -> Array:
    """Return the mode of each of several distributions."""
    columns = np.broadcast_arrays(*distribution.hyperparameters())
    each = [element.mode for element in distribution.elements()]
    return np.array(each, dtype=float).reshape(columns[0].shape)
