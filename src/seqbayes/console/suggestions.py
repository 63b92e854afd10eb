"""Suggestions for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def did_you_mean(given: Any, known: Iterable[Any]) -> str:
    """Return a suggestion such as ": did you mean 'beta'?", or an empty string.

    Examples
    --------
    >>> did_you_mean("betta", ["beta", "gamma"]), did_you_mean("x", ["beta"])
    (": did you mean 'beta'?", '')
    """
    import difflib  # a slow import, rarely needed

    near = difflib.get_close_matches(str(given), [str(each) for each in known], 1)
    return f": did you mean {near[0]!r}?" if near else ""
