"""Additions to an exact sum.

Compiled modules use the copies of these functions in adding.pxd, which are inlined.
"""

from __future__ import annotations

from seqbayes.statistics.sums import Sum


def add(total: Sum, v: float) -> int:
    """Add a term to a sum."""
    return total.add(v)


def add_low(total: Sum, v: float) -> int:
    """Add the rounding error of a term to a sum."""
    return total.add_low(v)


def add_third(total: Sum, v: float) -> int:
    """Add the rounding error of a rounding error to a sum."""
    return total.add_third(v)


def add_product(total: Sum, x: float, y: float) -> int:
    """Add the product of two numbers to a sum."""
    return total.add_product(x, y)


def new_sum() -> Sum:
    """Return an empty sum."""
    return Sum()


def add_one(total: Sum) -> int:
    """Add 1 to a sum."""
    return total.add(1.0)
