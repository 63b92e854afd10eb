"""Terms that an observation adds to the sums of a row; compiled modules use terms.pxd."""

from __future__ import annotations

from typing import Any

STRIDE = 6
"""Number of places per sum in a row: one for each part with a column, and one more."""


def append(where: Any, terms: Any, k: int, place: int, v: float) -> int:
    """Write a term that is not zero at position k of a list of terms; return its new length.

    Parameters
    ----------
    where, terms
        The places and values of the terms.
    k
        Number of terms so far.
    place
        ``STRIDE`` times the position of the sum in `row_sums`, plus the position of the part to
        which the term is added.
    v
        The term.
    """
    where[k] = place
    terms[k] = v
    return k + (v != 0.0)
