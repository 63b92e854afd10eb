"""The operations of expressions: functions of the values of fields, which may be missing."""

from __future__ import annotations

import bisect
import itertools
import math
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from msgspec import UNSET

from seqbayes.console.text import printable, shorten
from seqbayes.errors import ObservationError
from seqbayes.events.values import InvalidValue, coerce, format_value, parse_number

Evaluate = Callable[[Sequence[Any], bool], Any]
"""Computes a value from the values of fields; the flag tells whether strings are cells to parse."""

MAX_SEARCHED_LENGTH = 10_000
"""Maximum number of characters of a string that is searched with a regular expression."""


def constant(value: Any) -> Evaluate:
    """Return a function that returns a constant."""
    return lambda values, text: value


def field(place: int) -> Evaluate:
    """Return a function that returns the value of a field."""

    def found(values: Sequence[Any], text: bool) -> Any:
        value = values[place]
        return None if text and isinstance(value, str) and not value.strip() else value

    return found


def _absent(value: Any) -> bool:
    """Whether a value is missing or invalid; results are then missing or invalid, too."""
    return value is None or value is UNSET or type(value) is InvalidValue


def _number(value: Any, text: bool) -> Any:
    """Return a value as a number, or an `InvalidValue`."""
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, bool):
        return _unusable(value)
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, (int, float)):
        return value
    if text and isinstance(value, str):
        try:
            return parse_number(value)
        except ObservationError as error:
            return InvalidValue(str(error))
    return _unusable(value)


def _unusable(value: Any) -> InvalidValue:
    return InvalidValue(f"expected a number, got {shorten(printable(format_value(value)))}")


def _numbers(parts: Sequence[Evaluate], values: Sequence[Any], text: bool) -> Any:
    """Return the values of parts as a list of numbers, or the first missing or invalid value."""
    found = []
    for part in parts:
        value = part(values, text)
        if not _absent(value):
            value = _number(value, text)
        if _absent(value):
            return value
        found.append(value)
    return found


def _finite(name: str, compute: Callable[..., Any], numbers: Sequence[Any]) -> Any:
    """Return a finite number, or an `InvalidValue` with the reason."""
    try:
        value = compute(*numbers)
        if math.isfinite(value):
            return value
    except ZeroDivisionError:
        return InvalidValue(f"{name}: division by zero")
    except OverflowError:
        pass
    except ValueError:
        return InvalidValue(f"{name}: not defined for this number")
    return InvalidValue(f"{name}: the result is not finite")


_PLAIN = (float, int)

_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}


def arithmetic(op: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Return a function for the sum, difference, product or ratio of two operands."""
    compute = _ARITHMETIC[op]

    def found(values: Sequence[Any], text: bool) -> Any:
        a, b = left(values, text), right(values, text)
        if type(a) not in _PLAIN or type(b) not in _PLAIN:
            for each in (a, b):
                if _absent(each):
                    return each
            a, b = _number(a, text), _number(b, text)
            for each in (a, b):
                if _absent(each):
                    return each
        return _finite(op, compute, (a, b))

    return found


def call(name: str, function: Callable[..., Any], parts: Sequence[Evaluate]) -> Evaluate:
    """Return a function that applies a numeric function."""

    def found(values: Sequence[Any], text: bool) -> Any:
        numbers = _numbers(parts, values, text)
        if type(numbers) is not list:
            return numbers
        return _finite(name, function, numbers)

    return found


FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, abs),
    "exp": (1, 1, math.exp),
    "floor": (1, 1, math.floor),
    "log": (1, 1, math.log),
    "log10": (1, 1, math.log10),
    "log2": (1, 1, math.log2),
    "max": (2, 100, max),
    "min": (2, 100, min),
    "round": (1, 1, round),
    "sqrt": (1, 1, math.sqrt),
}
"""The functions, keyed by name: minimum and maximum number of arguments, and the function."""


def bucket(part: Evaluate, width: float) -> Evaluate:
    """Return the lower end of the interval of a given width in which a number lies."""
    exact = Fraction(repr(width))

    def start(number: Any) -> Any:
        whole = math.floor(Fraction(number) / exact) * exact
        return int(whole) if whole.denominator == 1 else float(whole)

    return call("bucket", start, (part,))


def labelled_bucket(part: Evaluate, edges: Sequence[float]) -> Evaluate:
    """Return the name of the interval between two edges in which a number lies."""
    shown = [f"{edge:.15g}" for edge in edges]
    pairs = itertools.pairwise(shown)
    names = [f"below {shown[0]}", *(f"{a} to {b}" for a, b in pairs), f"{shown[-1]} or more"]

    def found(values: Sequence[Any], text: bool) -> Any:
        numbers = _numbers((part,), values, text)
        if type(numbers) is not list:
            return numbers
        return names[bisect.bisect_right(edges, numbers[0])]

    return found


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


def comparison(op: str, left: Evaluate, right: Evaluate) -> Evaluate:
    """Return a function that compares two values with an operator."""
    if op in ("=", "==", "!="):
        return _equality(op == "!=", left, right)
    compare = _ORDER[op]

    def found(values: Sequence[Any], text: bool) -> Any:
        a, b = left(values, text), right(values, text)
        for each in (a, b):
            if _absent(each):
                return each
        if isinstance(a, str) and isinstance(b, str):
            if text and isinstance(_number(a, text), float) and isinstance(_number(b, text), float):
                return compare(_number(a, text), _number(b, text))
            return compare(a, b)
        numbers = [_number(a, text), _number(b, text)]
        wrong = next((each for each in numbers if _absent(each)), None)
        return compare(*numbers) if wrong is None else wrong

    return found


def _equality(negated: bool, left: Evaluate, right: Evaluate) -> Evaluate:
    def found(values: Sequence[Any], text: bool) -> Any:
        a, b = left(values, text), right(values, text)
        for each in (a, b):
            if _absent(each):
                return each
        return equal(a, b, text) is not negated

    return found


def absence(part: Evaluate, negated: bool) -> Evaluate:
    """Return a function that tests whether a value is missing or, if `negated`, present."""

    def found(values: Sequence[Any], text: bool) -> Any:
        value = part(values, text)
        return (value is None or value is UNSET) is not negated

    return found


def equal(a: Any, b: Any, text: bool) -> bool:
    """Whether two values are equal; a cell is compared with a number or boolean after parsing.

    Examples
    --------
    >>> equal("200", 200, True), equal("200", 200, False), equal(1, True, False)
    (True, False, False)
    """
    for one, other in ((a, b), (b, a)):
        if text and isinstance(one, str) and not isinstance(other, str):
            kind = "boolean" if isinstance(other, bool) else "number"
            read = coerce(one, kind, text=True)
            return not _absent(read) and bool(read == other)
    return isinstance(a, bool) is isinstance(b, bool) and bool(a == b)


def membership(part: Evaluate, known: Sequence[Any]) -> Evaluate:
    """Return a function that tests whether a value is one of several constants."""

    def found(values: Sequence[Any], text: bool) -> Any:
        value = part(values, text)
        if (value is None or value is UNSET) and None in known:
            return True
        if _absent(value):
            return value
        return any(each is not None and equal(value, each, text) for each in known)

    return found


def match(part: Evaluate, pattern: re.Pattern[str]) -> Evaluate:
    """Return a function that tests whether a string contains a match of a pattern."""

    def found(values: Sequence[Any], text: bool) -> Any:
        value = part(values, text)
        if _absent(value):
            return value
        spelled = coerce(value, "text")
        if not isinstance(spelled, str):
            return spelled
        return pattern.search(spelled[:MAX_SEARCHED_LENGTH]) is not None

    return found


def _truth(value: Any, text: bool) -> Any:
    if isinstance(value, bool) or _absent(value):
        return value
    read = coerce(value, "boolean", text=text)
    return bool(read) if read in (True, False) else read


def negation(part: Evaluate) -> Evaluate:
    """Return a function that negates a condition."""

    def found(values: Sequence[Any], text: bool) -> Any:
        value = _truth(part(values, text), text)
        return value if _absent(value) else not value

    return found


def both(left: Evaluate, right: Evaluate) -> Evaluate:
    """Return a function for the conjunction; a false condition determines the result."""
    return _joined(left, right, False)


def either(left: Evaluate, right: Evaluate) -> Evaluate:
    """Return a function for the disjunction; a true condition determines the result."""
    return _joined(left, right, True)


def _joined(left: Evaluate, right: Evaluate, decides: bool) -> Evaluate:
    def found(values: Sequence[Any], text: bool) -> Any:
        a = _truth(left(values, text), text)
        if a is decides:
            return decides
        b = _truth(right(values, text), text)
        if b is decides:
            return decides
        return a if _absent(a) else b

    return found
