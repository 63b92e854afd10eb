"""Values of fields: parsed from text, and converted to the kind that a belief reads."""

from __future__ import annotations

import datetime
import math
import numbers
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from msgspec import UNSET

from seqbayes.console.text import printable, shorten
from seqbayes.errors import ObservationError

LONGEST_INTEGER = 4096
"""Most bits of an integer; Python spells no more than 4,300 digits."""


class Misfit:
    """What stands where a value was of no use, with the reason."""

    __slots__ = ("reason",)
    __hash__ = None  # type: ignore[assignment]  # so that it is no label either

    def __init__(self, reason: str) -> None:
        self.reason = reason


_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse_number(cell: str) -> float | None:
    """Return the number that a cell of text spells, all of it; None if the cell is blank.

    Raises
    ------
    ObservationError
        If it spells none; Python's underscores and foreign digits are none.

    Examples
    --------
    >>> parse_number(" 2.5e3 ")
    2500.0
    >>> parse_number("12abc")
    Traceback (most recent call last):
    seqbayes.errors.ObservationError: expected a number, got '12abc'
    """
    try:
        if "_" not in cell and cell.isascii():
            return float(cell)
    except ValueError:
        pass
    _check_blank(cell, "a number")
    return None


def parse_boolean(cell: str) -> bool | None:
    """Return the truth that a cell spells: true, false, yes, no, 1 or 0; None if it is blank."""
    truth = _TRUTH.get(cell)
    if truth is None:
        truth = _TRUTH.get(cell.strip().lower())
    if truth is None:
        _check_blank(cell, "true, false, yes, no, 1 or 0")
    return truth


def parse_text(cell: str) -> str | None:
    """Return the cell as it is; None if it is blank."""
    return cell if cell and not cell.isspace() else None


def _check_blank(cell: str, expected: str) -> None:
    if cell and not cell.isspace():
        raise ObservationError(f"expected {expected}, got {shorten(cell)!r}")


def spell_value(value: Any, spell: Callable[[Any], str] = repr) -> str:
    """Return the text of a value, for a message."""
    try:
        return spell(value)
    except ValueError:  # of an integer of thousands of digits
        return f"<{type(value).__name__}>"


def coerce(value: Any, kind: str, text: bool = False) -> Any:
    """Return a value as its kind has it; a `Misfit` where it does not fit.

    Parameters
    ----------
    value
        What a decoded record holds.
    kind
        "number", "boolean", "text", "time", "pair", "counts", or "any"; of an estimator, "feature",
        which is a number where a cell of text reads as one, or "label", which stays a text.
    text
        Whether a string is a cell of text, to be parsed.

    Examples
    --------
    >>> coerce(3, "text"), coerce("0.5", "number", text=True)
    ('3', 0.5)
    >>> coerce("0.5", "feature", text=True), coerce("0.5", "label", text=True)
    (0.5, '0.5')
    >>> coerce("0.5", "number").reason
    "expected a number, got '0.5'"
    """
    if value is None or value is UNSET:
        return value
    try:
        return _COERCE[kind](value, text)
    except ObservationError as error:
        return Misfit(str(error))


def _number(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_number(value)
    if isinstance(value, (numbers.Real, Decimal)) and not isinstance(value, bool):
        return _storable(value)
    raise _unfit("a number", value)


def _boolean(value: Any, text: bool) -> Any:
    if text and isinstance(value, str):
        return parse_boolean(value)
    return value if isinstance(value, bool) else _number(value, text)


def _text(value: Any, text: bool) -> Any:
    if isinstance(value, str):
        return parse_text(_storable(value)) if text else _storable(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() else repr(float(value))
    if isinstance(value, (numbers.Integral, Decimal, datetime.date)):
        return str(_storable(value))
    raise _unfit("a text", value)


def _time(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.datetime):
        return value
    if isinstance(value, str):
        try:
            return datetime.datetime.fromisoformat(value)
        except ValueError:
            if not text:
                raise _unfit("a time as RFC 3339 has it", value) from None
    return _number(value, text)


def _pair(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return tuple(_number(each, False) for each in value)
    raise _unfit("two numbers", value)


def _counts(value: Any, text: bool) -> Any:
    if isinstance(value, Mapping):
        return {_text(label, False): _number(count, False) for label, count in value.items()}
    raise _unfit("an object of counts", value)


def _any(value: Any, text: bool) -> Any:
    if isinstance(value, (list, tuple)):
        for each in value:
            _any(each, text)
    return _storable(value)


def _storable(value: Any) -> Any:
    """Return a value if it can be written down.

    Raises
    ------
    ObservationError
        If it is an integer of thousands of digits, which no state could tell of, or a text with
        half of a character.
    """
    if isinstance(value, str):
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError:
                raise ObservationError(f"expected a text, got {value[:60]!a}") from None
    elif isinstance(value, int) and value.bit_length() > LONGEST_INTEGER:
        raise ObservationError(f"expected a number below 2**{LONGEST_INTEGER}")
    return value


def _feature(value: Any, text: bool) -> Any:
    if isinstance(value, datetime.date):
        return str(value)
    if not (text and isinstance(value, str)):
        return _any(value, text)
    try:
        return parse_number(value)
    except ObservationError:
        return _storable(value)


def _label(value: Any, text: bool) -> Any:
    if isinstance(value, (str, datetime.date)):
        return _text(value, text)
    return _any(value, text)


def _unfit(expected: str, value: Any) -> ObservationError:
    return ObservationError(f"expected {expected}, got {printable(spell_value(value))}")


_COERCE: dict[str, Callable[[Any, bool], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "text": _text,
    "time": _time,
    "pair": _pair,
    "counts": _counts,
    "any": _any,
    "feature": _feature,
    "label": _label,
}


def seconds(value: Any, unit: float = 1.0) -> Any:
    """Return a time as seconds since 1970; one without a zone is UTC.

    Parameters
    ----------
    value
        A number of units, a `datetime`, or whatever stands for a missing time, which is returned.
    unit
        Seconds in a unit.

    Examples
    --------
    >>> seconds(datetime.datetime(2024, 1, 1)), seconds(1704067200000, 1e-3)
    (1704067200.0, 1704067200.0)
    """
    if type(value) is float and unit == 1.0:
        return value
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            value = value.replace(tzinfo=datetime.UTC)
        return value.timestamp()
    if isinstance(value, (numbers.Real, Decimal)):
        try:
            return float(value) * unit
        except (OverflowError, ValueError):  # over 1e308; a signalling decimal
            return Misfit(f"expected a time, got {printable(repr(value))}")
    return value
