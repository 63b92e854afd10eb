"""SQL for sufficient statistics: the sums that each likelihood needs from an aggregate query."""

from __future__ import annotations

import math
from dataclasses import dataclass

X, Y = "sb_x", "sb_y"
"""Names of the columns of an observation, and of the exposure or trials of a pair."""

LARGE_COUNT = 65536.0
"""Larger counts are learned one at a time: their log factorials need more digits than a double."""

MAX_SQUARED = 1e150
"""Values up to this can be squared and summed without overflow."""

_EXACT = 16
"""Factorials of smaller numbers are read from a table."""


@dataclass(frozen=True)
class Complement:
    """A term that equals a constant minus an earlier term; all are whole numbers.

    Parameters
    ----------
    of
        Position of the earlier term.
    total
        The constant.
    """

    of: int
    total: float


@dataclass(frozen=True)
class SqlForm:
    """The sums over observations from which a statistic is computed, as SQL expressions.

    Expressions use the columns `X` and `Y`, which contain doubles, or strings if they are labels.
    They are limited to functions that DuckDB, PostgreSQL and Polars have in common.

    Parameters
    ----------
    valid
        The condition that an observation is in the support. Rows for which it is not true are
        passed one at a time to the state, which learns them or rejects them with a reason.
    terms
        The log base measure of an observation, and the other terms that are summed, in the order of
        the sums of the statistic. A number is a term with the same value for all observations.
    centred
        The expression whose first and second moments are the last sums, computed about a value
        close to the mean; empty if no moments are needed.
    labelled
        Whether the last sums are the total weights of the labels.

    Examples
    --------
    >>> from seqbayes.likelihoods import Exponential
    >>> Exponential().sql_form().terms
    (0.0, 1.0, 'sb_x')
    """

    valid: str
    terms: tuple[str | float | Complement, ...] = (0.0,)
    centred: str = ""
    labelled: bool = False


def number(value: float) -> str:
    """Return a double as an SQL expression.

    Examples
    --------
    >>> number(0.1)
    "CAST('0.1' AS DOUBLE PRECISION)"
    """
    return f"CAST('{float(value)!r}' AS DOUBLE PRECISION)"


def between(x: str, low: float, high: float = math.inf) -> str:
    """Return the condition that a number is finite and in a range."""
    largest = 1.7976931348623157e308
    return f"{x} BETWEEN {number(max(low, -largest))} AND {number(min(high, largest))}"


def whole(x: str, low: float, high: float = math.inf) -> str:
    """Return the condition that a number is whole and in a range."""
    return f"{between(x, low, high)} AND {is_whole(x)}"


def is_whole(x: str) -> str:
    """Return the condition that a number is whole, which is not needed for columns of integers."""
    return f"{x} = FLOOR({x})"


def log1p(x: str) -> str:
    """Return log(1 + x), without cancellation for small x (Kahan's method)."""
    one = number(1.0)
    return (
        f"(CASE WHEN {one} + ({x}) = {one} THEN ({x})"
        f" ELSE LN({one} + ({x})) * ({x}) / (({one} + ({x})) - {one}) END)"
    )


def stirling_error(k: str) -> str:
    """Return log k! minus Stirling's formula, for whole k >= 1 and all k >= 16."""
    table = " ".join(
        f"WHEN {k} = {number(i)} THEN"
        f" {number(math.lgamma(i + 1.0) - (i + 0.5) * math.log(i) + i - _HALF_LOG_TAU)}"
        for i in range(1, _EXACT)
    )
    m = f"(({k}) * ({k}))"
    series = number(1 / 1680)
    for denominator in (1260, 360, 12):
        series = f"({number(1 / denominator)} - {series} / {m})"
    return f"(CASE {table} ELSE {series} / ({k}) END)"


def log_factorial(k: str) -> str:
    """Return the logarithm of k! for a whole number k.

    The result is log (k + 16)! by Stirling's formula, minus the logarithm of the last 16 factors.
    """
    z = f"({k} + {number(_EXACT)})"
    factors = " * ".join(f"({k} + {number(i)})" for i in range(1, _EXACT + 1))
    m = f"({z} * {z})"
    series = number(1 / 1680)
    for denominator in (1260, 360, 12):
        series = f"({number(1 / denominator)} - {series} / {m})"
    return (
        f"(({z} + {number(0.5)}) * LN({z}) - {z} + {number(_HALF_LOG_TAU)}"
        f" + {series} / {z} - LN({factors}))"
    )


def log_choose(k: str, d: str) -> str:
    """Return the log of the binomial coefficient (k + d)! / (k! d!) of whole numbers."""
    half = number(0.5)
    n = f"({k} + {d})"
    return (
        f"(CASE WHEN {k} = {number(0)} OR {d} = {number(0)} THEN {number(0)} ELSE"
        f" {stirling_error(n)} - {stirling_error(k)} - {stirling_error(d)}"
        f" - {half} * (LN({k}) + LN({d} / {n})) - {number(_HALF_LOG_TAU)}"
        f" + {k} * {log1p(f'{d} / {k}')} + {d} * {log1p(f'{k} / {d}')} END)"
    )


_HALF_LOG_TAU = 0.5 * math.log(2.0 * math.pi)
