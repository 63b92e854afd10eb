"""Decimal arithmetic for nearly singular symmetric matrices.

The factor of a matrix with condition number c loses log10(c) digits. Decimal numbers have enough
digits: products and sums of floats are exact in `CONTEXT`, unless their magnitudes differ
extremely.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from decimal import MAX_EMAX, MIN_EMIN, ROUND_HALF_EVEN, Context, Decimal, getcontext
from typing import Any

import numpy as np

USUAL_DIGITS, MANY_DIGITS = 160, 1000
"""Digits of the arithmetic: usually, and if entries have extremely different magnitudes."""

CONTEXT = Context(
    prec=USUAL_DIGITS, rounding=ROUND_HALF_EVEN, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[]
)
LOST_DIGITS = 40
"""Rounding errors affect at most this many of the last digits. A pivot without other digits, in
units of its diagonal entry, counts as 0."""

MAX_USUAL_RATIO = 1e60
"""Ratio of magnitudes up to which the usual number of digits is enough."""

ZERO = Decimal(0)
Lower = Sequence[Sequence[Decimal]]
"""The lower triangle of a symmetric matrix, by rows."""


def context(digits: int) -> Context:
    """Return the context for arithmetic with this number of digits."""
    found = CONTEXT.copy()
    found.prec = digits
    return found


def digits_for(numbers: Iterable[float | Decimal]) -> int:
    """Return the number of digits for arithmetic with numbers of these magnitudes."""
    sizes = [abs(Decimal(v)) for v in numbers if v != 0]
    wide = bool(sizes) and max(sizes) > Decimal(MAX_USUAL_RATIO) * min(sizes)
    return MANY_DIGITS if wide else USUAL_DIGITS


def total(parts: Iterable[float]) -> Decimal:
    """Return the sum of floats."""
    return sum(map(Decimal, parts), ZERO)


def lower(matrix: Any) -> Lower:
    """Return the lower triangle of a symmetric matrix of floats."""
    return [[Decimal(v) for v in row[: i + 1]] for i, row in enumerate(np.asarray(matrix).tolist())]


def symmetric(triangle: Lower) -> Any:
    """Return the symmetric matrix of floats with this lower triangle."""
    d = len(triangle)
    matrix = np.zeros((d, d))
    for i, row in enumerate(triangle):
        for j, v in enumerate(row):
            matrix[i, j] = matrix[j, i] = float(v)
    return matrix


def factorise(triangle: Lower) -> tuple[Lower, list[Decimal]] | None:
    """Return L, whose diagonal is 1, and D with ``L D L'`` equal to the matrix.

    The result is None if the matrix is not positive definite.
    """
    left: list[list[Decimal]] = []
    pivots: list[Decimal] = []
    negligible = Decimal(1).scaleb(LOST_DIGITS - getcontext().prec)
    for i, row in enumerate(triangle):
        scaled: list[Decimal] = []  # row i of L D
        current: list[Decimal] = []
        for j in range(i):
            v = row[j] - sum(map(Decimal.__mul__, scaled, left[j]), ZERO)
            scaled.append(v)
            current.append(v / pivots[j])
        pivot = row[i] - sum(map(Decimal.__mul__, scaled, current), ZERO)
        if not pivot > negligible * row[i] or not row[i] > ZERO:
            return None
        left.append(current)
        pivots.append(pivot)
    return left, pivots


def distance(left: Lower, pivots: Sequence[Decimal], vector: Sequence[Decimal]) -> Decimal:
    """Return ``v' inverse(L D L') v``."""
    solved: list[Decimal] = []
    for row, v in zip(left, vector, strict=True):
        solved.append(v - sum(map(Decimal.__mul__, row, solved), ZERO))
    return sum((z * z / pivot for z, pivot in zip(solved, pivots, strict=True)), ZERO)


def triangular(left: Lower, pivots: Sequence[Decimal]) -> Any:
    """Return the lower triangular F with ``F F' = L D L'``, as floats."""
    d = len(pivots)
    factor = np.zeros((d, d))
    roots = [pivot.sqrt() for pivot in pivots]
    for i, row in enumerate(left):
        factor[i, :i] = [float(v * root) for v, root in zip(row, roots, strict=False)]
        factor[i, i] = float(roots[i])
    return factor


def log_product(numbers: Iterable[Decimal]) -> float:
    """Return the log of the product of positive numbers."""
    product = Decimal(1)
    for v in numbers:
        product *= v
    exponent = product.adjusted()
    small = float(product - 1)
    if abs(small) < 0.5:
        return math.log1p(small)
    return math.log(float(product.scaleb(-exponent))) + exponent * math.log(10.0)
