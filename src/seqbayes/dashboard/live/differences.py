"""Histories of the difference between two keys, from stored states."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from typing import Any

import numpy as np

from seqbayes import compare as comparison
from seqbayes.dashboard import views
from seqbayes.dashboard.live.entries import Entry, columns
from seqbayes.dashboard.live.history import states_of
from seqbayes.dashboard.views.figures import finite, significant
from seqbayes.errors import PriorError
from seqbayes.stream.stores import StoreReader

MAX_POINTS = 200
"""Maximum number of times at which a difference is computed, evenly spread over all times."""

Past = tuple[list[float], list[Any]]
"""Ascending times, and the distribution of the compared number at each."""


def difference(one: Past, other: Past, level: float) -> dict[str, Any]:
    """Return the difference between two numbers over time, with credible intervals, as columns.

    The latest states of the two numbers are compared at each time at which either number has a
    state, beginning with the first time at which both are known.

    Parameters
    ----------
    one, other
        The times and the distributions of the two numbers, from `past_of`.
    level
        Level of the intervals.

    Examples
    --------
    >>> from seqbayes.distributions import Beta
    >>> a = [1.0, 3.0], [Beta(2.0, 1.0), Beta(3.0, 1.0)]
    >>> found = difference(a, ([2.0], [Beta(1.0, 1.0)]), 0.95)
    >>> found["t"], [round(mean, 4) for mean in found["mean"]]
    ([2.0, 3.0], [0.1667, 0.25])
    """
    times = sorted({*one[0], *other[0]})
    if not one[0] or not other[0]:
        times = []
    times = _thinned([t for t in times if t >= max(one[0][0], other[0][0])])
    rows: list[tuple[float | None, ...]] = []
    if times:
        pair = {"one": _at(one, times), "other": _at(other, times)}
        with np.errstate(all="ignore"):
            found = comparison.compare_many(pair, control="other", level=level).differences["one"]
        low, high = found.interval
        for t, *numbers in zip(times, found.mean, low, high, strict=True):
            rows.append((t, *(significant(finite(each)) for each in numbers)))
    return {**columns(rows), "n": [None] * len(rows), "level": level}


def past_of(
    reader: StoreReader | None, entry: Entry, state: Any, now: float, label: str | None
) -> Past | None:
    """Return the distributions of the compared number at the stored times and now.

    Parameters
    ----------
    reader
        The reader of the store, or None.
    entry
        The key.
    state
        Its present state.
    now
        The present time, in seconds since 1970.
    label
        The label whose share is compared, for beliefs about labels.

    Returns
    -------
    tuple or None
        None if a stored point has no state that could be compared. States without a proper
        posterior are omitted.

    Raises
    ------
    PriorError
        If the belief is not about one number, or a label is given for another kind of belief.
    """
    if not views.compares(entry.kind):
        raise PriorError("only beliefs about a number or about labels can be compared")
    if label is not None and views.compares(entry.kind) != "share":
        raise PriorError("only beliefs about labels have shares to compare")
    found = [] if reader is None else states_of(reader, entry)
    if found is None:
        return None
    times, numbers = [], []
    for at, each in [*found, (now, state)]:
        try:
            number = comparison.number_of(each, label)
        except PriorError:
            continue  # before the posterior was proper, or before the label occurred
        times.append(at)
        numbers.append(number)
    if len({type(number) for number in numbers}) > 1:
        return None
    return times, numbers


def _thinned(times: list[float]) -> list[float]:
    if len(times) <= MAX_POINTS:
        return times
    return [times[round(i)] for i in np.linspace(0, len(times) - 1, MAX_POINTS)]


def _at(past: Past, times: Sequence[float]) -> Any:
    """Return the latest distribution at each time, as one distribution with array parameters."""
    numbers = [past[1][bisect.bisect(past[0], t) - 1] for t in times]
    stacked = zip(*(number.hyperparameters() for number in numbers), strict=True)
    return type(numbers[0])(*(np.array(each, float) for each in stacked))
