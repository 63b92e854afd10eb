"""Loops that run once per event of a stream; compiled if a compiler is available."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from seqbayes.events.keys import MAX_NAME_LENGTH

try:
    import cython
except ImportError:  # without a compiler, this file runs as plain Python
    from seqbayes import _cython as cython  # type: ignore[no-redef]

if cython.compiled:
    from cython.cimports.libc.string import memchr
    from cython.cimports.seqbayes.statistics.base import Learner
else:
    from seqbayes.statistics.base import Learner


def only_updates_statistics(state: Any) -> bool:
    """Whether `learn_one` of a state does nothing but update its statistics."""
    return isinstance(state, Learner) and type(state).learn_one is Learner.learn_one


@cython.cfunc
@cython.exceptval(-1, check=True)
def _learn(
    states: dict[Any, Any],
    key: Any,
    value: Any,
    kind: Any,
    dirty: set[Any] | None,
    over_limit: list[int] | None,
    i: cython.Py_ssize_t,
) -> cython.bint:
    """Learn one observation of a key; return whether the loop can continue."""
    state = states.get(key)
    if state is None:
        if over_limit is None or not is_complete(key, value):
            return False
        over_limit.append(i)
        return True
    if type(state) is kind:
        cython.cast(Learner, state).learn_unweighted(value)
    else:
        state.learn_one(value)
    if dirty is not None:
        dirty.add(key)
    return True


def is_complete(key: Any, value: Any) -> cython.bint:
    """Whether the key and the observation of an event are present and have valid types.

    Examples
    --------
    >>> is_complete("north", (True, 0.5)), is_complete(("north", None), True)
    (True, False)
    """
    if type(key) is not tuple:
        key = (key,)
    for part in key:
        if type(part) is not str or len(part) > MAX_NAME_LENGTH:
            return False
    if type(value) is not tuple:
        value = (value,)
    for part in value:
        if type(part) is str:
            if len(part) > MAX_NAME_LENGTH:
                return False
        elif type(part) is not float and type(part) is not bool:
            return False
    return True


def learn_events(
    states: dict[Any, Any],
    events: list[Any],
    key_name: str | None,
    name: str,
    labels: cython.bint,
    kind: Any,
    dirty: set[Any] | None,
    over_limit: list[int] | None,
    start: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """Learn an attribute of events for each key, up to the first event that this loop cannot learn.

    Parameters
    ----------
    states
        Maps each key to its state.
    events
        Objects with attributes.
    key_name
        The attribute that holds the key: a string, or an int that is converted to a string. If
        None, every key is ``()``.
    name
        The attribute that is learned.
    labels
        Whether the attribute is a label: a string, or an int that is converted to a string.
    kind
        The class of the states if `only_updates_statistics` is true of them; otherwise None.
    dirty
        Set to which the keys of learned events are added, or None.
    over_limit
        List to which the indices of events with new keys are added when the limit on the number of
        keys is reached. If None, the loop ends at such an event.
    start
        Index of the first event to learn.

    Returns
    -------
    int
        The index of the first event that was neither learned nor added to `over_limit`, because its
        key is unknown or it was refused. The number of events if there is no such event.

    Examples
    --------
    >>> from types import SimpleNamespace as Event
    >>> from seqbayes import Beta
    >>> states, dirty = {"a": Beta(), "b": Beta()}, set()
    >>> sold = [("a", True), ("a", False), ("c", True)]
    >>> events = [Event(shop=shop, sold=value) for shop, value in sold]
    >>> learn_events(states, events, "shop", "sold", False, Beta, dirty, None, 0), dirty
    (2, {'a'})
    >>> over_limit = []
    >>> learn_events(states, events, "shop", "sold", False, Beta, dirty, over_limit, 2), over_limit
    (3, [2])
    >>> print(states["a"])
    Beta(1, 1) + 2 observed (Bernoulli) = Beta(2, 2)
    """
    i: cython.Py_ssize_t = start
    n: cython.Py_ssize_t = len(events)
    key: Any = ()
    try:
        while i < n:
            event = events[i]
            if key_name is not None:
                key = getattr(event, key_name)
                if type(key) is not str:
                    if type(key) is not int:
                        return i
                    key = str(key)
            value = getattr(event, name)
            if labels and type(value) is not str:
                if type(value) is not int:
                    return i
                value = str(value)
            if not _learn(states, key, value, kind, dirty, over_limit, i):
                return i
            i += 1
    except (AttributeError, TypeError, ValueError):
        return i
    return n


def learn_columns(
    states: dict[Any, Any],
    keys: list[Any],
    values: list[Any],
    kind: Any,
    dirty: set[Any] | None,
    over_limit: list[int] | None,
    start: cython.Py_ssize_t,
) -> cython.Py_ssize_t:
    """Learn observations for each key, as `learn_events` does, from parallel lists.

    Examples
    --------
    >>> from seqbayes import Beta
    >>> states = {"a": Beta()}
    >>> learn_columns(states, ["a", "a", "b"], [True, False, True], Beta, None, None, 0)
    2
    >>> print(states["a"])
    Beta(1, 1) + 2 observed (Bernoulli) = Beta(2, 2)
    """
    i: cython.Py_ssize_t = start
    n: cython.Py_ssize_t = len(keys)
    try:
        while i < n:
            if not _learn(states, keys[i], values[i], kind, dirty, over_limit, i):
                return i
            i += 1
    except (AttributeError, TypeError, ValueError):
        return i
    return n


def line_starts(
    data: bytes, end: cython.Py_ssize_t, first: cython.longlong, longest: cython.Py_ssize_t
) -> array[int] | None:
    r"""Return the offsets of the lines in a block, followed by the offset of its end.

    The result is None unless every line is plain: it begins with ``{``, ends with ``}`` and a
    newline, and is not too long. No JSON value spans two such lines: values are separated by
    commas, and strings contain no unescaped newlines.

    Parameters
    ----------
    data, end
        The bytes, and the length of the part that consists of complete lines.
    first
        Offset of the block.
    longest
        Maximum number of bytes of a line.

    Returns
    -------
    array of int
        One element per line, plus one for the end. None if a line is not plain.

    Examples
    --------
    >>> line_starts(b'{"x": 1}\n{}\n{"x"', 12, 100, 80)
    array('q', [100, 109, 112])
    >>> line_starts(b'{"x": 1}\n \n', 11, 100, 80)
    """
    # seven times as fast as bytes.count, which searches for each newline in turn
    count: cython.Py_ssize_t = int(np.count_nonzero(np.frombuffer(data, np.uint8, end) == 10))
    starts = array("q", bytes(8 * (count + 1)))
    if not cython.compiled:
        at = 0
        for i in range(count):
            stop = data.index(b"\n", at)
            if data[at : at + 1] != b"{" or data[stop - 1 : stop] != b"}" or stop - at > longest:
                return None
            at = stop + 1
            starts[i + 1] = first + at
        starts[0] = first
        return starts if at == end else None
    begin = cython.declare(cython.pointer(cython.const[cython.char]), data)
    line = cython.declare(cython.pointer(cython.const[cython.char]), begin)
    found = cython.declare(cython.pointer(cython.const[cython.char]))
    view = cython.declare("long long[::1]", starts)
    k: cython.Py_ssize_t
    for k in range(count):
        found = cython.cast(
            cython.pointer(cython.const[cython.char]),
            memchr(line, 10, end - (line - begin)),  # type: ignore[name-defined]
        )
        if line[0] != 123 or found - line < 2 or found[-1] != 125 or found - line > longest:
            return None
        line = found + 1
        view[k + 1] = first + (line - begin)
    view[0] = first
    return starts if line - begin == end else None


def as_strings(values: list[Any], to_string: Callable[[Any], Any]) -> list[Any]:
    """Replace non-string values with `to_string(value)`, in place, and return the list.

    Examples
    --------
    >>> as_strings(["a", 3], str)
    ['a', '3']
    """
    i: cython.Py_ssize_t
    n: cython.Py_ssize_t = len(values)
    for i in range(n):
        if type(values[i]) is not str:
            values[i] = to_string(values[i])
    return values
