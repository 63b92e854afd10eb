"""Plots of the histories in a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from seqbayes.figures.panels import Curve, Curves
from seqbayes.figures.plots import plot
from seqbayes.stream.stores import open_store
from seqbayes.stream.verbs.shared import MissingError
from seqbayes.stream.verbs.stored import stored_beliefs


def plot_history(
    url: str, belief: str, key: str | Sequence[str] = (), part: str = "", ax: Any = None
) -> Any:
    """Plot the recorded mean and interval of a key over time with matplotlib.

    Parameters
    ----------
    url
        URL or path of the store.
    belief
        Name of the belief.
    key
        Values of the key.
    part
        Name of one of several numbers, such as a label or "variance"; by default the first.
    ax
        The axes to draw on; by default the axes of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    MissingError
        If the belief does not exist, or the store has no history of the number for the key.
    SeqbayesError
        If the key is incomplete, or matplotlib is not installed (extra ``plot``).

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from seqbayes import stream
    >>> from seqbayes.stream.examples import example_store
    >>> path = example_store(collectors=[stream.History(every=0.0)])
    >>> ax = plot_history(path, "sales", "north", ax=Figure().add_subplot())
    >>> ax.get_lines()[0].get_ydata().round(3).tolist()
    [0.667]
    """
    with open_store(url, "read") as store, store.snapshot():
        (stored,) = stored_beliefs(store, belief)
        recorded = store.history(belief, stored.encode_key(key))
    points = [(point.at, msgspec.json.decode(point.summary)) for point in recorded]
    found = [
        (at, *each)
        for at, summary in points
        if (each := _estimate(summary.get("mean"), summary.get("interval"), part)) is not None
    ]
    if not found:
        of = f" of {part!r}" if part else ""
        raise MissingError(f"belief {belief!r} has no recorded history{of} for this key")
    at, mean, low, high = (np.array(column, float) for column in zip(*found, strict=True))
    times = (at * 1000.0).astype("datetime64[ms]")
    line = Curve("posterior", "mean, 95 % interval", times, mean, band=(low, high))
    return plot([Curves(" / ".join(stored.key_values(key)), "time", part or belief, [line])], ax)


def _estimate(mean: Any, interval: Any, part: str) -> tuple[float, float, float] | None:
    """Return the mean and the interval of a number in a stored summary; None if it is absent.

    Examples
    --------
    >>> _estimate({"red": 0.5, "blue": 0.5}, {"red": [0.1, 0.9], "blue": [0.2, 0.8]}, "blue")
    (0.5, 0.2, 0.8)
    """
    if isinstance(mean, Mapping):
        name = part or next(iter(mean), "")
        ends = interval.get(name) if isinstance(interval, Mapping) else None
        return _estimate(mean.get(name), ends, "")
    if part or not isinstance(mean, (int, float)):
        return None
    low, high = interval if isinstance(interval, list) and len(interval) == 2 else (None, None)
    return mean, np.nan if low is None else low, np.nan if high is None else high
