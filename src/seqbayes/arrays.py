"""Bulk input: arrays of observations and weights, checked as a whole before anything is learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from seqbayes.errors import ObservationError
from seqbayes.statistics import as_real, read_weight

Array = npt.NDArray[Any]


def refuse_item(xs: Array, bad: Array, expected: str) -> NoReturn:
    """Raise an `ObservationError` that names the first of `xs` where `bad` is true."""
    i = int(np.argmax(bad))
    raise ObservationError(f"expected {expected}, got {xs[i]!r} at position {i}")


def reals(xs: Iterable[Any], expected: str = "a finite number") -> Array:
    """Return observations as a one-dimensional numeric array; NaN and infinity pass.

    Raises
    ------
    ObservationError
        If an item is no real number or the shape is wrong.
    """
    array = np.asarray(xs if isinstance(xs, np.ndarray) or hasattr(xs, "__array__") else list(xs))
    if array.dtype.kind not in "biuf":
        array = _real_items(array, expected)
    if array.ndim != 1:
        raise ObservationError(f"expected one-dimensional observations, got shape {array.shape}")
    return array


def _real_items(array: Array, expected: str) -> Array:
    if array.ndim != 1:
        raise ObservationError(f"expected one-dimensional observations, got shape {array.shape}")
    values = np.empty(len(array))
    for i, item in enumerate(array.tolist() if array.dtype.kind != "O" else array):
        try:
            values[i] = as_real(item, expected)
        except ObservationError as error:
            raise ObservationError(f"{error} at position {i}") from None
    return values


def pairs(xs: Iterable[Any], expected: str) -> tuple[Array, Array]:
    """Return observations that are pairs as two arrays."""
    array = np.asarray(xs if isinstance(xs, np.ndarray) else list(xs))
    if array.size == 0:
        return np.zeros(0), np.zeros(0)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ObservationError(f"expected {expected}s, got an array of shape {array.shape}")
    return reals(array[:, 0], expected), reals(array[:, 1], expected)


def weights(w: Any, n: int) -> Array | None:
    """Return weights as an array of length `n`, or None where all are 1.

    Raises
    ------
    ObservationError
        If a weight is negative or not finite, or there are not `n` of them.
    """
    if w is None:
        return None
    if np.ndim(w) == 0:
        return np.full(n, read_weight(w))
    array = reals(w, "a finite weight >= 0").astype(float, copy=False)
    if len(array) != n:
        raise ObservationError(f"expected {n} weights, got {len(array)}")
    check(array, array >= 0.0, "a finite weight >= 0")
    check(array, np.isfinite(array), "a finite weight >= 0")
    return array


def check(xs: Array, good: Array, expected: str) -> None:
    """Refuse the first of `xs` that is not `good`."""
    if not good.all():
        refuse_item(xs, ~good, expected)


def check_finite(xs: Array, total: float, expected: str = "a finite number") -> None:
    """Refuse what is not finite; `total` is a sum over `xs` that would show it."""
    if not np.isfinite(total):
        check(xs, np.isfinite(xs), expected)
        raise ObservationError("the observations are too large: their sum overflows")


def total(values: Array | float, w: Array | None, n: int) -> float:
    """Weighted sum of values, one per observation or the same for all."""
    if isinstance(values, np.ndarray):
        return float(values.sum() if w is None else np.dot(values, w))
    return values * (n if w is None else float(w.sum()))


def counted(
    xs: Array, w: Array | None, function: Callable[[Array], Array], expected: str, low: float = 0.0
) -> tuple[float, float]:
    """Check whole numbers >= `low`; return the weighted sums of x and of ``function(x)``.

    Small counts are tallied first, so that `function` sees each of them once.
    """
    n = len(xs)
    if n == 0:
        return 0.0, 0.0
    if xs.dtype.kind in "iub" and w is None:
        smallest, largest = int(xs.min()), int(xs.max())
        if smallest < low:
            refuse_item(xs, xs < low, expected)
        if largest < max(1024, n):
            tally = np.bincount(xs)
            values = np.arange(len(tally), dtype=float)
            return float(np.dot(tally, values)), float(np.dot(tally, function(values)))
    with np.errstate(invalid="ignore"):
        values = xs.astype(float, copy=False)
        check(xs, (values >= low) & (values == np.floor(values)) & (values < np.inf), expected)
    return total(values, w, n), total(function(values), w, n)


def tally(xs: Iterable[Any], w: Any) -> list[tuple[Any, float]]:
    """Return every distinct label with its total weight, in order of first appearance.

    Labels that cannot be hashed come last, one by one, for the accumulator to refuse.
    """
    if w is None and isinstance(xs, np.ndarray) and xs.ndim == 1 and xs.dtype.kind in "iu":
        low, high = (int(xs.min()), int(xs.max())) if len(xs) else (0, 0)
        if low >= 0 and high < 1024:
            counts = np.bincount(xs)
            return [(int(k), float(counts[k])) for k in np.flatnonzero(counts)]
    items = xs.tolist() if isinstance(xs, np.ndarray) else list(xs)
    weight = weights(w, len(items))
    try:
        if weight is None:
            return [(label, float(count)) for label, count in Counter(items).items()]
        totals: dict[Any, float] = {}
        for label, v in zip(items, weight.tolist(), strict=True):
            totals[label] = totals.get(label, 0.0) + v
        return list(totals.items())
    except TypeError:
        return [(label, 1.0) for label in items]
