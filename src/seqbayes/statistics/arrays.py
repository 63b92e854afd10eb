"""Bulk input: arrays of observations and weights, validated completely before learning."""

from __future__ import annotations

import math
import reprlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from seqbayes.errors import ObservationError
from seqbayes.statistics.factorials import LARGE_COUNT
from seqbayes.statistics.reading import as_real, read_weight
from seqbayes.statistics.scan import scan
from seqbayes.statistics.sums import Sum

Array = npt.NDArray[Any]

BLOCK = 1 << 16
"""Number of observations per block, if summing them needs temporary arrays."""

SMALL_SIZE = 1 << 10
"""Up to this number of observations, exact sums are as fast as sums of arrays."""


def raise_invalid_item(xs: Array, bad: Array, expected: str) -> NoReturn:
    """Raise an `ObservationError` that names the first item of `xs` for which `bad` is true."""
    i = int(np.argmax(bad))
    raise ObservationError(f"expected {expected}, got {xs[i].item()!r} at position {i}")


def items(xs: Iterable[Any]) -> Array | list[Any]:
    """Return many observations as an array if they are an array, otherwise as a list.

    Raises
    ------
    ObservationError
        If the observations are not iterable, or some are masked.
    """
    if not isinstance(xs, np.ndarray) and hasattr(xs, "__array__"):
        with suppress(Exception):  # NumPy lacks some types of columns, such as Int128 of Polars
            xs = np.asarray(xs)
    if isinstance(xs, np.ndarray):
        if hasattr(xs, "mask") and np.any(xs.mask):
            raise ObservationError(
                f"expected observations that are not masked, got {reprlib.repr(xs)}"
            )
        if xs.ndim == 0:
            raise ObservationError(f"expected many observations, got {xs!r}")
        return xs
    try:
        return list(xs)
    except TypeError:
        raise ObservationError(f"expected many observations, got {reprlib.repr(xs)}") from None


def reals(xs: Iterable[Any], expected: str = "a finite number") -> Array:
    """Return observations as a one-dimensional numeric array; NaN and infinity are accepted.

    Raises
    ------
    ObservationError
        If an item is not a real number, or the shape is wrong.
    """
    if isinstance(xs, (str, bytes)):
        raise ObservationError(f"expected {expected}, got {reprlib.repr(xs)}, which is text")
    listed = items(xs)
    array = _numeric(listed)
    if array is not None and array.ndim == 1:
        return array
    if isinstance(listed, np.ndarray) and listed.ndim != 1:
        raise ObservationError(f"expected one-dimensional observations, got shape {listed.shape}")
    if isinstance(listed, np.ndarray) and listed.dtype.kind in "SU":
        listed = listed.tolist()
    values = np.empty(len(listed))
    for i, item in enumerate(listed):
        values[i] = _real_item(item, i, expected)
    return values


def _numeric(listed: Array | list[Any]) -> Array | None:
    """Return an array of integers or 64-bit floats; None if the items differ in type or shape."""
    try:
        array = np.asarray(listed)
    except (TypeError, ValueError, OverflowError):
        return None
    if array.dtype.kind == "f":
        return array.astype(float, copy=False)
    return array if array.dtype.kind in "biu" else None


def _real_item(item: Any, i: int, expected: str) -> float:
    try:
        return as_real(item, expected)
    except ObservationError as error:
        raise ObservationError(f"{error} at position {i}") from None


def pairs(xs: Iterable[Any], expected: str) -> tuple[Array, Array]:
    """Return pairs of numbers as two arrays."""
    listed = items(xs)
    if len(listed) == 0:
        return np.zeros(0), np.zeros(0)
    array = _numeric(listed)
    if array is not None and array.ndim == 2 and array.shape[1] == 2:
        array = array.astype(float, copy=False)  # differences of narrow integers would overflow
        return array[:, 0], array[:, 1]
    values = np.empty((len(listed), 2))
    for i, pair in enumerate(listed):
        if not isinstance(pair, (tuple, list, np.ndarray)) or _length(pair) != 2:
            raise ObservationError(f"expected {expected}, got {reprlib.repr(pair)} at position {i}")
        values[i] = [_real_item(part, i, expected) for part in pair]
    return values[:, 0], values[:, 1]


def _length(pair: Any) -> int:
    return 0 if isinstance(pair, np.ndarray) and pair.ndim == 0 else len(pair)


def weights(w: Any, n: int, maximum: float = np.inf) -> Array | None:
    """Return weights as an array of length `n`, or None if all are 1.

    Raises
    ------
    ObservationError
        If a weight is negative, not finite or above `maximum`, or the number of weights is not `n`.
    """
    if w is None:
        return None
    if not isinstance(w, Iterable) or isinstance(w, (str, bytes)) or getattr(w, "ndim", 1) == 0:
        array = np.full(n, read_weight(w))
    else:
        array = reals(w, "a finite weight >= 0").astype(float, copy=False)
    if len(array) != n:
        raise ObservationError(f"expected {n} weights, got {len(array)}")
    if n and not (array.min() >= 0.0 and array.max() < np.inf):
        check(array, (array >= 0.0) & (array < np.inf), "a finite weight >= 0")
    if n and array.max() > maximum:
        check(array, array <= maximum, f"a weight of at most {maximum:g}")
    with np.errstate(over="ignore"):
        if not math.isfinite(array.sum()):
            raise ObservationError("the weights are too large: their sum overflows")
    return array


def blocks(*columns: Array | None) -> Iterator[tuple[Any, ...]]:
    """Iterate over columns of equal length in blocks of about `BLOCK` rows; None stays None."""
    n = next(len(column) for column in columns if column is not None)
    starts = [*range(0, max(n - SMALL_SIZE, 1), BLOCK), n]  # avoid a very short last block
    for start, stop in pairwise(starts):
        yield tuple(None if c is None else c[start:stop] for c in columns)


def blockwise(
    function: Callable[..., tuple[Any, Any, Any, Any]], *columns: Array | None
) -> tuple[Any, Any, Any, Any] | None:
    """Sum the results of a function (n, a, b and the log base measure) over blocks of columns.

    The temporary arrays of the function then fit into the CPU cache. If a block is invalid, the
    function is called with all rows, so the error gives the position among all rows. The
    result is None if b is an exact sum for some block: rounding errors could be large compared with
    an observation.
    """
    try:
        parts = [function(*block) for block in blocks(*columns)]
    except ObservationError:
        function(*columns)
        raise
    if any(isinstance(b, Sum) for _, _, b, _ in parts):
        return None
    n, a, b, log_base = (sum(sums, Sum()) for sums in zip(*parts, strict=True))
    return n, a, b, log_base


def check(xs: Array, good: Array, expected: str) -> None:
    """Raise an error for the first element of `xs` that is not `good`."""
    if not good.all():
        raise_invalid_item(xs, ~good, expected)


def check_finite(xs: Array, total: float) -> None:
    """Raise an error if an element is not finite; `total` is not finite if any element is not."""
    if not math.isfinite(total):
        check(xs, np.isfinite(xs), "a finite number")
        raise ObservationError("the observations are too large: their sum overflows")


def total(values: Array | float, w: Array | None, n: int) -> Any:
    """Return the weighted sum of the values of observations, or of one value for all of them.

    The result is a number, or an exact `Sum` if rounding errors could be large compared with a
    term.
    """
    if isinstance(values, np.ndarray):
        if len(values) > SMALL_SIZE:
            with np.errstate(over="ignore", invalid="ignore"):
                terms = values if w is None else values * w
                rounded = float(terms.sum())
            if max(terms.max(), -terms.min()) * len(terms) < 1e3 * abs(rounded) < np.inf:
                return rounded
        exact = Sum()
        exact.add_array(contiguous(values), None if w is None else contiguous(w))
        return exact
    return values * (n if w is None else total(w, None, n))


def rounded_total(values: Array | float, w: Array | None, n: int) -> float:
    """Return the weighted sum of values as a number."""
    if isinstance(values, np.ndarray):
        with np.errstate(over="ignore", invalid="ignore"):  # the accumulator raises the error
            return float(values.sum() if w is None else (values * w).sum())
    return values * (n if w is None else float(w.sum()))


def counted(
    xs: Array,
    w: Array | None,
    function: Callable[[Array], Array] | None,
    expected: str,
    low: float = 0.0,
    high: float = np.inf,
) -> tuple[Any, Any]:
    """Check whole numbers in [low, high]; return the weighted sums of x and of ``function(x)``.

    Small counts without weights are tallied first, so `function` is called once per distinct
    number.
    """
    n = len(xs)
    if n == 0:
        return 0.0, 0.0
    if w is None and function is None and high == np.inf:
        whole = sum_integers(xs, int(low))
        if whole is not None and whole[1] >= 0:
            return float(whole[0]), 0.0
    counts = _integers(xs) if w is None else None
    if counts is not None:
        smallest, largest = int(counts.min()), int(counts.max())
        if smallest < low or largest > high:
            raise_invalid_item(xs, (xs < low) | (xs > high), expected)
        if function is None and largest * n < 2**63:
            return float(counts.sum()), 0.0
        if function is not None and largest < max(1024, n):
            tally = np.bincount(counts.astype(np.intp, copy=False))
            values = np.arange(len(tally), dtype=float)
            return float(np.dot(tally, values)), float(np.dot(tally, function(values)))
    with np.errstate(invalid="ignore"):
        values = xs.astype(float, copy=False)
        good = (values >= low) & (values <= high) & (values == np.floor(values))
        check(xs, good & (values < np.inf), expected)
    return total(values, w, n), 0.0 if function is None else total(function(values), w, n)


def whole(xs: Iterable[Any], expected: str, low: float = 0.0) -> Array:
    """Return observations as floats after checking that they are whole numbers >= `low`."""
    values = reals(xs, expected).astype(float, copy=False)
    with np.errstate(invalid="ignore"):
        good = (values >= low) & (values < np.inf) & (values == np.floor(values))
    check(values, good, expected)
    return values


def positions(xs: Iterable[Any], counts: Any) -> Array:
    """Return the positions of labels in a closed vocabulary."""
    listed = _plain(items(xs))
    known = {label: float(i) for i, label in enumerate(counts.cells)}
    try:
        found = [known.get(label, -1.0) for label in listed]
    except (TypeError, ValueError):  # a label that cannot be hashed
        found = [-1.0]
    if -1.0 in found:
        for i, label in enumerate(listed):
            try:
                counts.observe(label)
            except ObservationError as error:
                raise ObservationError(f"{error} at position {i}") from None
    return np.array(found)


def single(values: Array) -> tuple[Array, Array]:
    """Return observations that are single numbers, in the form of `Likelihood.read_many`."""
    numbers = values.astype(float, copy=False)
    return numbers, numbers


def has_large(counts: Array) -> bool:
    """Whether the rounding errors in the log factorials of these counts matter."""
    return bool(len(counts) and counts.max() >= LARGE_COUNT)


def floats(n: int, *columns: Array | float | None) -> list[Array]:
    """Return columns of n rows as floats; a number is repeated in every row, and None means 1."""
    return [np.broadcast_to(np.asarray(1.0 if c is None else c, float), n) for c in columns]


def contiguous(xs: Array) -> Any:
    """Return a contiguous array for compiled loops: the array itself, or a copy."""
    return np.require(xs, float, ["C", "W"])


def sum_integers(xs: Array, low: int) -> tuple[int, int] | None:
    """Return the result of `scan` for 64-bit integers; None for other arrays, and on overflow."""
    if xs.dtype != np.int64 or not (xs.flags.c_contiguous and xs.flags.writeable):
        return None
    contiguous: Any = xs
    found, bits = scan(contiguous, low)
    return (found, bits) if (abs(bits) + low) * len(xs) < 2**63 else None


def _integers(xs: Array) -> Array | None:
    """Return whole numbers as integers; None if they do not fit or are not whole."""
    if xs.dtype.kind in "iub":
        return xs
    with np.errstate(invalid="ignore"):
        counts = xs.astype(np.int64)
    return counts if (counts == xs).all() else None


def tally(xs: Iterable[Any], w: Any) -> list[tuple[Any, Any]]:
    """Return every distinct label with its total weight, in order of first appearance.

    Unhashable labels are appended one by one; the accumulator raises an error for them.
    """
    if w is None and isinstance(xs, np.ndarray) and xs.ndim == 1 and xs.dtype.kind in "iu":
        low, high = (int(xs.min()), int(xs.max())) if len(xs) else (0, 0)
        if low >= 0 and high < 1024:
            counts = np.bincount(xs.astype(np.intp, copy=False))
            return [(int(k), float(counts[k])) for k in np.flatnonzero(counts)]
    listed = items(xs)
    weight = weights(w, len(listed))
    try:
        if weight is None:
            counter: Counter[Any] = Counter()
            step = BLOCK // 4  # blocks of Python objects should also fit into the cache
            for start in range(0, len(listed), step):
                counter.update(_plain(listed[start : start + step]))
            return [(label, float(count)) for label, count in counter.items()]
        given: dict[Any, list[float]] = {}
        for label, v in zip(_plain(listed), weight.tolist(), strict=True):
            given.setdefault(label, []).append(v)
        return [(label, total(np.array(ws), None, len(ws))) for label, ws in given.items()]
    except (TypeError, ValueError):
        return [(label, 1.0) for label in _plain(listed)]


def _plain(listed: Any) -> list[Any]:
    plain: list[Any] = listed.tolist() if isinstance(listed, np.ndarray) else listed
    return plain
