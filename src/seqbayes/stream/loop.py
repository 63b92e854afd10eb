"""What runs once per event of a stream; compiled where a compiler is at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    import cython
except ImportError:  # an installation without a compiler runs this file as it stands
    from seqbayes import _cython as cython  # type: ignore[no-redef]


def learn_until_odd(
    states: dict[Any, Any],
    keys: list[Any],
    values: list[Any],
    start: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """Learn observations one after the other, up to one that needs a closer look.

    Parameters
    ----------
    states
        State by key.
    keys, values
        Keys and observations, equally many.
    start
        The first to learn.

    Returns
    -------
    int
        The place of the first that was not learned, for its key is not known or it was refused;
        how many there are, where all were learned.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> states = {"a": Beta()}
    >>> learn_until_odd(states, ["a", "a", "b"], [True, False, True], 0)
    2
    >>> print(states["a"])
    Beta(1, 1) + 2 seen (Bernoulli) = Beta(2, 2)
    """
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(keys)
    for i in range(start, n):
        try:
            states[keys[i]].learn_one(values[i])
        except (KeyError, AttributeError, TypeError, ValueError):
            return i
    return n


def as_texts(values: list[Any], spell: Callable[[Any], Any]) -> list[Any]:
    """Spell what is no text, in place, and return the list.

    Examples
    --------
    >>> as_texts(["a", 3], str)
    ['a', '3']
    """
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(values)
    for i in range(n):
        if type(values[i]) is not str:
            values[i] = spell(values[i])
    return values
