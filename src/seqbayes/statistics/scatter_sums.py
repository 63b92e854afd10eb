"""Sums of coordinates and of their products about 0, computed from sums about another origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqbayes.statistics.sums import Sum, as_sum


def sums_about_zero(n: Sum, origin: Any, shift: Any, squares: Any) -> list[Sum]:
    """Return the sums of `n` vectors with mean ``origin + shift`` and scatter about that mean.

    The sums of the coordinates are followed by those of their products, the lower triangle by rows.

    Examples
    --------
    >>> sums = sums_about_zero(as_sum(2.0), [1.0], [0.5], [[0.5]])  # 1 and 2
    >>> [float(total) for total in sums]
    [3.0, 5.0]
    """
    first = [n * a + n * b for a, b in zip(origin, shift, strict=True)]
    second = [
        as_sum(squares[i][j]) + total * origin[j] + total * shift[j]
        for i, total in enumerate(first)
        for j in range(i + 1)
    ]
    return first + second


def moved_to_zero(n: Sum, sums: Sequence[Sum], origin: Sequence[float]) -> list[Sum]:
    """Return sums relative to 0, given those relative to `origin` in the same order.

    Examples
    --------
    >>> sums = moved_to_zero(as_sum(2.0), [as_sum(1.0), as_sum(1.0)], [1.0])  # 1 and 2
    >>> [float(total) for total in sums]
    [3.0, 5.0]
    """
    d = len(origin)
    moved = [sums[i] + n * origin[i] for i in range(d)]
    products = iter(sums[d:])
    # S2 + origin_i S1_j + origin_j (S1_i + n origin_i)
    second = [
        next(products) + sums[j] * origin[i] + moved[i] * origin[j]
        for i in range(d)
        for j in range(i + 1)
    ]
    return moved + second
